"""Turning a power gauge into an energy counter: a thread samples watts and integrates them by trapezoids."""

import math
import threading
import time
from collections.abc import Callable

from ecojax.energy.meter import Meter
from ecojax.energy.provenance import Provenance
from ecojax.energy.readings import PowerReading, Reading
from ecojax.errors import MeterError
from ecojax.wording import option

Source = Callable[[], PowerReading | None]
"""The gauge's latest sample, time-stamped on the meter's clock; the same again until there is another; None where one
was dropped. Raises MeterError where the gauge is gone."""


class PowerIntegral:
    """Joules under samples of power: the sum of trapezoids, exact where power is linear between samples.

    max_gap_s: the longest time between two samples that a trapezoid may bridge; `add` raises MeterError beyond it.
    name: of the gauge, for messages.
    """

    def __init__(self, max_gap_s: float, name: str = "the gauge"):
        self._max_gap_s, self._name = max_gap_s, name
        self._last: PowerReading | None = None
        self._energy_j = 0.0

    def add(self, sample: PowerReading) -> Reading:
        """Integrate up to `sample`; one that was seen before changes nothing. Gives the counter's new reading."""
        if not (math.isfinite(sample.watts) and sample.watts >= 0):
            raise MeterError(
                f"{self._name} gave {sample.watts:g} W, which is no power; check the sensor, or use another "
                f"{option('meter')}."
            )
        last = self._last
        if last is not None and sample.time_s > last.time_s:
            seconds = sample.time_s - last.time_s
            if seconds > self._max_gap_s:
                raise MeterError(
                    f"{self._name} gave no sample for {seconds:.3g} s, and at most {self._max_gap_s:g} s can be "
                    "bridged: the joules between are unknown. Was the host suspended or overloaded? Measure again."
                )
            self._energy_j += seconds * (last.watts + sample.watts) / 2
        elif last is not None:
            return Reading(last.time_s, self._energy_j)
        self._last = sample
        return Reading(sample.time_s, self._energy_j)


class SampledMeter(Meter):
    """A counter made of a power gauge: joules between two of its samples are the integral over all between them.

    A reading is of the latest sample, at that sample's own time; `tick_s` is the time between two. The thread starts
    with the first reading and ends with `close`. What ends it earlier (a gap, a gauge that is gone) every later
    reading raises: what was missed cannot be made good.

    source: see `Source`. close_source: called once, when the meter closes. clock: the source's, to tell its age.
    poll_s: seconds between two questions to the gauge; a quarter of the tick catches every sample.
    """

    def __init__(
        self,
        source: Source,
        *,
        provenance: Provenance,
        tick_s: float = 0.1,
        poll_s: float | None = None,
        max_gap_s: float = 1.0,
        name: str = "The power gauge",
        close_source: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.perf_counter,
    ):
        self._source, self._close_source, self._clock = source, close_source, clock
        self._provenance, self._tick_s, self._name = provenance, tick_s, name
        self._poll_s = tick_s / 4 if poll_s is None else poll_s
        self._max_gap_s = max_gap_s
        self._integral = PowerIntegral(max_gap_s, name)
        self._latest: Reading | None = None
        self._error: Exception | None = None
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def provenance(self) -> Provenance:
        return self._provenance

    @property
    def tick_s(self) -> float:
        return self._tick_s

    def read(self) -> Reading:
        """The counter at the latest sample. Raises MeterError where that is too old, or the source failed."""
        with self._changed:
            self._start()
            self._changed.wait_for(
                lambda: self._latest or self._error or self._stop.is_set(), self._max_gap_s
            )
            latest = self._checked()
        if latest is None or self._clock() - latest.time_s > self._max_gap_s:
            raise MeterError(
                f"{self._name} has given no sample for more than {self._max_gap_s:g} s; it stalls, or its driver hangs."
                f" Check the device, or use another {option('meter')}."
            )
        return latest

    def read_on_tick(self) -> Reading:
        """The counter at the next sample, waiting for it: a new one, even where the power is zero."""
        before = self.read()
        with self._changed:
            self._changed.wait_for(
                lambda: self._latest != before or self._error or self._stop.is_set(), 2 * self._max_gap_s
            )
            latest = self._checked()
        return self.read() if latest is None or latest == before else latest

    def _checked(self) -> Reading | None:
        if self._stop.is_set():
            raise MeterError(f"The meter of {self._name} is closed; open another.")
        if self._error is not None:
            raise MeterError(str(self._error)) from self._error
        return self._latest

    def _start(self) -> None:
        if self._thread is None and not self._stop.is_set():
            self._thread = threading.Thread(target=self._sample, name="ecojax-power", daemon=True)
            self._thread.start()

    def _sample(self) -> None:
        try:
            while not self._stop.is_set():
                sample = self._source()
                if sample is not None:
                    reading = self._integral.add(sample)
                    with self._changed:
                        self._latest = reading
                        self._changed.notify_all()
                self._stop.wait(self._poll_s)
        except Exception as error:  # handed to whoever reads
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def close(self) -> None:
        if self._stop.is_set():
            return
        with self._changed:
            self._stop.set()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=5.0)  # a driver that hangs must not hang whoever closes
        self._close_source()
