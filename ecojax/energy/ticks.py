"""Observing the updates ("ticks") of a counter that moves in steps: waiting for one, timing them, tracing them."""

import statistics
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from ecojax.errors import MeterError
from ecojax.wording import option

if TYPE_CHECKING:
    from ecojax.energy.meter import Meter, PowerReading, Reading

POLL_S = 0.001  # a hundredth of the usual tick; a reading of NVML's counter takes some ten microseconds
POWER_POLL_S = 0.01  # instant power is a mean over some 25 ms, taken every 100 ms
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
                f"with nvidia-smi, or use {option('meter', 'modeled')}."
            )


def tick_length(read_on_tick: "Callable[[], Reading]", changes: int) -> float:
    """Seconds between two updates: the median over `changes` successive ones."""
    times = [read_on_tick().time_s for _ in range(changes + 1)]
    return statistics.median(after - before for before, after in pairwise(times))


class _Watch(threading.Thread):
    """Calls `note` until it is stopped; keeps the error that ends it."""

    def __init__(self, note: Callable[[], None]):
        super().__init__(name="ecojax-ticks", daemon=True)
        self._note = note
        self.error: Exception | None = None
        self.stopped = threading.Event()

    def run(self) -> None:
        try:
            while not self.stopped.is_set():
                self._note()
        except Exception as error:  # handed to the working thread by `readings`
            self.error = error

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join()


class TickTrace:
    """A thread that notes every tick of a meter while the device works: `with TickTrace(meter) as trace`.

    The working thread is inside XLA meanwhile, which holds no interpreter lock.
    """

    def __init__(self, meter: "Meter"):
        self._readings: list[Reading] = []
        self._watch = _Watch(lambda: self._readings.append(meter.read_on_tick()))

    def readings(self) -> "list[Reading]":
        """The ticks so far, oldest first. Raises what the meter raised."""
        if self._watch.error is not None:
            raise self._watch.error
        return list(self._readings)

    def __enter__(self) -> "TickTrace":
        self._watch.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._watch.__exit__(*error)


class PowerTrace:
    """A thread that notes every new reading of a meter's instant power: `with PowerTrace(meter) as trace`."""

    def __init__(self, meter: "Meter"):
        self._readings: list[PowerReading] = []

        def note() -> None:
            reading = meter.read_power()
            if reading is not None and (not self._readings or reading.time_s > self._readings[-1].time_s):
                self._readings.append(reading)
            self._watch.stopped.wait(POWER_POLL_S)

        self._watch = _Watch(note)

    def readings(self) -> "list[PowerReading]":
        """The readings so far, oldest first. Raises what the meter raised."""
        if self._watch.error is not None:
            raise self._watch.error
        return list(self._readings)

    def __enter__(self) -> "PowerTrace":
        self._watch.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._watch.__exit__(*error)
