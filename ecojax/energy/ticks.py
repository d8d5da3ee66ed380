"""Observing the updates ("ticks") of a counter that moves in steps: waiting for one, timing them, tracing them."""

import statistics
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from ecojax.errors import MeterError

if TYPE_CHECKING:
    from ecojax.energy.meter import Meter, Reading

POLL_S = 0.001  # a hundredth of the usual tick; a reading of NVML's counter takes some ten microseconds
STALL_S = 5.0  # ten times the slowest tick known (500 ms)


def next_tick(
    read: "Callable[[], Reading]", *, sleep: Callable[[float], None] = time.sleep, stall_s: float = STALL_S
) -> "Reading":
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
                "with nvidia-smi, or use `--meter modeled`."
            )


def tick_length(read_on_tick: "Callable[[], Reading]", changes: int) -> float:
    """Seconds between two updates: the median over `changes` successive ones."""
    times = [read_on_tick().time_s for _ in range(changes + 1)]
    return statistics.median(after - before for before, after in pairwise(times))


class TickTrace:
    """A thread that notes every tick of a meter while the device works: `with TickTrace(meter) as trace`.

    The working thread is inside XLA meanwhile, which holds no interpreter lock. Polling costs that thread
    nothing, and the device nothing that it can feel.
    """

    def __init__(self, meter: "Meter"):
        self._meter = meter
        self._readings: list[Reading] = []
        self._error: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ecojax-ticks", daemon=True)

    def _watch(self) -> None:
        try:
            while not self._stop.is_set():
                self._readings.append(self._meter.read_on_tick())
        except Exception as error:  # handed to the working thread by `readings`
            self._error = error

    def readings(self) -> "list[Reading]":
        """The ticks so far, oldest first. Raises what the meter raised."""
        if self._error is not None:
            raise self._error
        return list(self._readings)

    def __enter__(self) -> "TickTrace":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
