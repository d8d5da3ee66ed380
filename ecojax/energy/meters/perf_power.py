"""RAPL's counters through the kernel's perf events: where powercap is closed, this may be open. No wrap-around."""

import ctypes
import os
import platform
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ecojax.errors import MeterError

REMEDY = "Open it with `sudo sysctl kernel.perf_event_paranoid=0`, or give python CAP_PERFMON."
EVENTS = {"energy-pkg": "package", "energy-ram": "dram"}
_SYSCALL = {"x86_64": 298, "aarch64": 241}  # perf_event_open
_CLOSE_ON_EXEC = 8

Opener = Callable[[int, int, int], int]
"""(type of the PMU, event, CPU) to a file descriptor; raises OSError."""


def perf_event_open(pmu: int, event: int, cpu: int) -> int:
    """Open a counter of everything that runs on the package of `cpu`. Raises OSError."""
    number = _SYSCALL.get(platform.machine())
    if number is None:
        raise OSError(f"perf events are unknown on {platform.machine()}")
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = struct.pack("=IIQQQQQIIQ", pmu, 64, event, 0, 0, 0, 0, 0, 0, 0)
    descriptor = libc.syscall(number, attributes, -1, cpu, -1, _CLOSE_ON_EXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(descriptor)


@dataclass(frozen=True)
class PerfCounter:
    """One counter: joules since it was opened, of the package that `cpu` belongs to."""

    name: str
    descriptor: int
    joules_per_count: float
    range_j: float | None = None

    def read_j(self) -> float:
        try:
            return int.from_bytes(os.read(self.descriptor, 8), "little") * self.joules_per_count
        except OSError as error:
            raise MeterError(f"The perf counter of {self.name} cannot be read ({error}).") from None

    def close(self) -> None:
        os.close(self.descriptor)


def counters(root: Path = Path("/sys"), *, open_event: Opener = perf_event_open) -> list[PerfCounter]:
    """A counter for each package and its memory. Raises MeterError where there is none, or it may not be opened."""
    pmu = root / "bus" / "event_source" / "devices" / "power"
    if not (pmu / "events" / "energy-pkg").exists():
        raise MeterError(
            f"The kernel has no perf events of power ({pmu / 'events' / 'energy-pkg'} is missing)."
        )
    opened: list[PerfCounter] = []
    try:
        kind = int((pmu / "type").read_text())
        cpus = _cpus((pmu / "cpumask").read_text())
        for event, part in EVENTS.items():
            file = pmu / "events" / event
            if not file.exists():  # processors without a counter of their memory
                continue
            code = int(file.read_text().strip().removeprefix("event="), 0)
            joules = float(file.with_name(f"{event}.scale").read_text())
            for cpu in cpus:
                opened.append(PerfCounter(f"{part} of CPU {cpu}", open_event(kind, code, cpu), joules))
    except (OSError, ValueError) as error:
        for counter in opened:
            counter.close()
        remedy = f" {REMEDY}" if isinstance(error, PermissionError) else ""
        raise MeterError(f"perf's counters of power cannot be opened ({error}).{remedy}") from None
    return opened


def _cpus(mask: str) -> list[int]:
    """The CPUs of a list such as "0,28" or "0-1"."""
    ends = [part.split("-") for part in mask.strip().split(",")]
    return [cpu for part in ends for cpu in range(int(part[0]), int(part[-1]) + 1)]
