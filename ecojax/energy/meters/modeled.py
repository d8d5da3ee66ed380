"""The meter for machines without one: CPU time of this process × watts per core."""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from ecojax.energy.meter import Meter
from ecojax.energy.meters.cpu_watts import cpu_model, find_chip
from ecojax.energy.meters.sampled import PowerIntegral
from ecojax.energy.provenance import Provenance, Rank
from ecojax.energy.readings import PowerReading, Reading
from ecojax.errors import InputError, MeterError
from ecojax.wording import option

WATTS_PER_CORE = 10.0
"""For processors that `cpu_watts` does not know: the middle of those that it does, hence ±30 %. The densest server
parts draw less (EPYC 7742: 3.5 W), older desktops more (Core i7-8700K: 15.8 W): who knows their chip states it."""

SYSTEMATIC_PERCENT = 30.0


def resident_gib() -> float:
    """Memory of this process that is in use, in GiB."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        raise MeterError(
            "This host does not tell how much memory a process uses; leave ram_w_per_gib out."
        ) from None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30


def _positive(watts: float, what: str, setting: str) -> float:
    if not (math.isfinite(watts) and watts > 0):
        raise InputError(
            f"{what} must be a positive number, not {watts}; leave {setting} out for the default."
        )
    return watts


class ModeledMeter(Meter):
    """Joules = CPU seconds of all threads of this process × `watts_per_core`. A model, and it says so.

    It is blind to memory, idle cores, accelerators and child processes, and it counts *every* thread of the
    process: measure where nothing else runs (compile in another process, or before). A busy machine disturbs it
    far less than it disturbs the wall clock, since waiting for a core costs no CPU time.

    watts_per_core: by default that of this host's processor, where it is in the table of `cpu_watts`, else 10.
    ram_w_per_gib: of resident memory, for `read_memory`; None leaves memory out.
    cpu: the processor's name, clock, cpu_clock, resident_gib: for tests.
    Raises InputError where watts are no positive finite number.
    """

    tick_s = 0.0

    def __init__(
        self,
        watts_per_core: float | None = None,
        *,
        ram_w_per_gib: float | None = None,
        scope: str = "this process",
        cpu: str | None = None,
        clock: Callable[[], float] = time.perf_counter,
        cpu_clock: Callable[[], float] = time.process_time,
        resident_gib: Callable[[], float] = resident_gib,
    ):
        chip = None
        if watts_per_core is None:
            chip = find_chip(cpu_model() if cpu is None else cpu)
            watts_per_core = WATTS_PER_CORE if chip is None else round(chip.watts_per_core, 2)
        self.watts_per_core = _positive(watts_per_core, "Watts per core", option("watts_per_core"))
        self._of = "" if chip is None else f" of {chip.name}"
        self._ram_w_per_gib = None
        if ram_w_per_gib is not None:
            self._ram_w_per_gib = _positive(ram_w_per_gib, "Watts per GiB of memory", "ram_w_per_gib")
        self._scope, self._clock, self._cpu_clock = scope, clock, cpu_clock
        self._resident_gib = resident_gib
        self._memory = PowerIntegral(math.inf, "Resident memory")

    @property
    def provenance(self) -> Provenance:
        by = f"CPU time × {self.watts_per_core:g} W per core{self._of}"
        return Provenance("modeled", by, self._scope, SYSTEMATIC_PERCENT, Rank.WATTS_PER_CORE)

    def read(self) -> Reading:
        return Reading(self._clock(), self._cpu_clock() * self.watts_per_core)

    def read_memory(self) -> Reading | None:
        """Joules of this process's memory since first asked, modeled and in no other figure; None unless asked for.

        A column of its own: a constant per GiB, held for as long as memory is, would drown what the program does.
        It is as exact as one asks often, for memory between two readings is taken to change evenly.
        """
        if self._ram_w_per_gib is None:
            return None
        return self._memory.add(PowerReading(self._clock(), self._resident_gib() * self._ram_w_per_gib))

    def close(self) -> None:
        pass
