"""The updates ("ticks") of a counter that moves in steps: waiting for one, and timing them."""

import statistics
import time
from collections.abc import Callable
from itertools import pairwise

from ecojax.energy.readings import Reading
from ecojax.errors import MeterError
from ecojax.wording import option

POLL_S = 0.001  # a hundredth of the usual tick; a reading of NVML's counter takes some ten microseconds
STALL_S = 5.0  # ten times the slowest tick known (500 ms)


def next_tick(
    read: Callable[[], Reading], *, sleep: Callable[[float], None] = time.sleep, stall_s: float = STALL_S
) -> Reading:
    """Poll `read` until the energy it gives has changed, and return that reading.

    Raises MeterError where the counter goes backwards, or does not move for `stall_s` seconds of its clock.
    """
    first = read()
    while True:
        sleep(POLL_S)
        now = read()
        if now.energy_j < first.energy_j:
            raise MeterError(
                f"The energy counter went backwards, from {first.energy_j:g} J to {now.energy_j:g} J; was the "
                "driver reloaded or the device reset? Measure again."
            )
        if now.energy_j > first.energy_j:
            return now
        if now.time_s - first.time_s > stall_s:
            raise MeterError(
                f"The energy counter stalls at {now.energy_j:g} J: no update in {stall_s:g} s. Check the device "
                f"with nvidia-smi, or use {option('meter', 'modeled')}."
            )


def tick_length(read_on_tick: Callable[[], Reading], changes: int) -> float:
    """Seconds between two updates: the median over `changes` successive ones."""
    times = [read_on_tick().time_s for _ in range(changes + 1)]
    return statistics.median(after - before for before, after in pairwise(times))
