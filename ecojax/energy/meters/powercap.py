"""RAPL's counters as the kernel's powercap tree shows them: files of microjoules that wrap around."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ecojax.errors import MeterError

REMEDY = (
    "Let everybody read it with `sudo chmod o+r /sys/class/powercap/*/energy_uj` (until the next boot), or for good by "
    'a udev rule: SUBSYSTEM=="powercap", RUN+="/bin/chmod o+r /sys%p/energy_uj"'
)
# Cores, uncore and graphics are parts of a package, psys is more than the chip: none may be added to these.
COUNTED = re.compile(r"package-\d+(-die-\d+)?|dram")


def read_text(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()


@dataclass(frozen=True)
class PowercapZone:
    """One counter: a package, or its memory. `range_j` is what it counts to before it starts from zero."""

    path: Path
    name: str
    range_j: float
    read_text: Callable[[Path], str] = read_text

    def read_j(self) -> float:
        try:
            return int(self.read_text(self.path / "energy_uj")) / 1e6
        except PermissionError:
            raise MeterError(f"RAPL is for root only here ({self.path / 'energy_uj'}). {REMEDY}") from None
        except (OSError, ValueError) as error:
            raise MeterError(
                f"RAPL's counter {self.path / 'energy_uj'} cannot be read ({error}); was the driver unloaded?"
            ) from None

    def close(self) -> None:
        pass


def zones(root: Path = Path("/sys"), *, read_text: Callable[[Path], str] = read_text) -> list[PowercapZone]:
    """Packages and their memories, each once. Raises MeterError where there is none, or it may not be read."""
    folder = root / "class" / "powercap"
    found: list[PowercapZone] = []
    # "intel-rapl" is AMD's too. "intel-rapl-mmio" is the same package by another way, and is left out.
    for path in sorted(folder.glob("intel-rapl:*")):
        try:
            name = read_text(path / "name")
            if COUNTED.fullmatch(name):
                wraps_j = int(read_text(path / "max_energy_range_uj")) / 1e6
                found.append(PowercapZone(path, name, wraps_j, read_text))
        except (OSError, ValueError) as error:
            raise MeterError(f"RAPL's zone {path} cannot be understood ({error}).") from None
    if not found:
        raise MeterError(
            f"There is no RAPL package under {folder}: virtual machines and processors other than Intel's and AMD's "
            "have none, and the kernel needs the module intel_rapl_msr (`sudo modprobe intel_rapl_msr`)."
        )
    for zone in found:
        zone.read_j()
    return found
