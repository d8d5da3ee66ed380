"""Watts per core of processors, by their makers' figures. Facts with their sources; no meter."""

import platform
import re
from pathlib import Path
from typing import NamedTuple


class Chip(NamedTuple):
    """A processor as /proc/cpuinfo calls it, its thermal design power in watts, and its cores."""

    name: str
    tdp_w: float
    cores: int

    @property
    def watts_per_core(self) -> float:
        return self.tdp_w / self.cores


# Thermal design power and physical cores by the makers' product pages (ark.intel.com, amd.com/en/products/
# specifications/processors), state of 2025. Chips with two kinds of core are left out: a mean over both is right for
# neither.
CHIPS = (
    Chip("Xeon Silver 4314", 135, 16),
    Chip("Xeon Gold 6248", 150, 20),
    Chip("Xeon Gold 6338", 205, 32),
    Chip("Xeon Gold 6348", 235, 28),
    Chip("Xeon Platinum 8358", 250, 32),
    Chip("Xeon Platinum 8380", 270, 40),
    Chip("Xeon Platinum 8480+", 350, 56),
    Chip("Core(TM) i7-8700K", 95, 6),
    Chip("Core(TM) i9-9900K", 95, 8),
    Chip("EPYC 7543", 225, 32),
    Chip("EPYC 7742", 225, 64),
    Chip("EPYC 7763", 280, 64),
    Chip("EPYC 9554", 360, 64),
    Chip("EPYC 9654", 360, 96),
    Chip("Ryzen 5 5600X", 65, 6),
    Chip("Ryzen 7 5800X", 105, 8),
    Chip("Ryzen 7 7700X", 105, 8),
    Chip("Ryzen 9 5950X", 105, 16),
    Chip("Ryzen 9 7950X", 170, 16),
)


def find_chip(model: str) -> Chip | None:
    """The chip that `model` names in whole words ("AMD EPYC 7763 64-Core Processor"), or None."""
    words = model.replace("(R)", "")
    return next(
        (chip for chip in CHIPS if re.search(rf"(?<!\S){re.escape(chip.name)}(?!\S)", words)),
        None,
    )


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What this host's processor calls itself; on a virtual machine, what the host lets it say."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
