"""The meter for machines without one: CPU time of this process × watts per core."""

import math
import time
from collections.abc import Callable

from ecojax.energy.meter import Meter, Reading
from ecojax.energy.provenance import Provenance, Rank
from ecojax.errors import InputError

WATTS_PER_CORE = 10.0
"""Package power over physical cores is 6.3 W in a Xeon Platinum 8480+ (350 W, 56 cores), 10.6 W in a Ryzen 9
7950X (170 W, 16), 13.1 W in a Ryzen 7 7700X (105 W, 8), by their makers' thermal design power. Ten is in their
middle, hence ±30 %. The densest server parts draw less (EPYC 7763: 4.4 W): who knows their chip states it."""

SYSTEMATIC_PERCENT = 30.0


class ModeledMeter(Meter):
    """Joules = CPU seconds of all threads of this process × `watts_per_core`. A model, and it says so.

    It is blind to memory, idle cores, accelerators and child processes, and it counts *every* thread of the
    process: measure where nothing else runs (compile in another process, or before). A busy machine disturbs it
    far less than it disturbs the wall clock, since waiting for a core costs no CPU time.

    Raises InputError where `watts_per_core` is no positive finite number.
    """

    tick_s = 0.0

    def __init__(
        self,
        watts_per_core: float | None = None,
        *,
        scope: str = "this process",
        clock: Callable[[], float] = time.perf_counter,
        cpu_clock: Callable[[], float] = time.process_time,
    ):
        watts = WATTS_PER_CORE if watts_per_core is None else watts_per_core
        if not (math.isfinite(watts) and watts > 0):
            raise InputError(
                f"Watts per core must be a positive number, not {watts}; leave --watts-per-core out for "
                f"{WATTS_PER_CORE:g}."
            )
        self.watts_per_core = watts
        self._scope, self._clock, self._cpu_clock = scope, clock, cpu_clock

    @property
    def provenance(self) -> Provenance:
        by = f"CPU time × {self.watts_per_core:g} W per core"
        return Provenance("modeled", by, self._scope, SYSTEMATIC_PERCENT, Rank.WATTS_PER_CORE)

    def read(self) -> Reading:
        return Reading(self._clock(), self._cpu_clock() * self.watts_per_core)

    def close(self) -> None:
        pass
