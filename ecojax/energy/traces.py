"""Threads that note what a meter says while the device works: its ticks, or its power."""

import threading
from collections.abc import Callable

from ecojax.energy.meter import Meter
from ecojax.energy.readings import PowerReading, Reading

POWER_POLL_S = 0.01  # instant power is a mean over some 25 ms, taken every 100 ms


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

    def __init__(self, meter: Meter):
        self._readings: list[Reading] = []
        self._watch = _Watch(lambda: self._readings.append(meter.read_on_tick()))

    def readings(self) -> list[Reading]:
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

    def __init__(self, meter: Meter):
        self._readings: list[PowerReading] = []

        def note() -> None:
            reading = meter.read_power()
            if reading is not None and (not self._readings or reading.time_s > self._readings[-1].time_s):
                self._readings.append(reading)
            self._watch.stopped.wait(POWER_POLL_S)

        self._watch = _Watch(note)

    def readings(self) -> list[PowerReading]:
        """The readings so far, oldest first. Raises what the meter raised."""
        if self._watch.error is not None:
            raise self._watch.error
        return list(self._readings)

    def __enter__(self) -> "PowerTrace":
        self._watch.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._watch.__exit__(*error)
