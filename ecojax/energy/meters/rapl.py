"""The meter of processor packages: RAPL, through powercap or else through perf. Packages and their memory, no more."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ecojax.energy.meter import Meter
from ecojax.energy.meters import perf_power, powercap
from ecojax.energy.provenance import Provenance, Rank
from ecojax.energy.readings import Reading
from ecojax.errors import MeterError
from ecojax.wording import option

# Intel's counters are measured since Haswell, and follow the supply within some per cent (Khan et al. 2018, "RAPL in
# action"); AMD's are computed from activity, without memory, and stray further (Schöne et al. 2021, on Zen 2).
SYSTEMATIC_PERCENT = 10.0

# Of one counter, four times the largest package: what exceeds it is no energy but a reset.
MAX_POWER_W = 2000.0
SLACK_S = 0.1  # for readings that follow each other more closely than the counter's updates


class Counter(Protocol):
    """Joules of one package or memory, since any origin; `range_j` where they wrap around, None where they do not."""

    @property
    def name(self) -> str: ...
    @property
    def range_j(self) -> float | None: ...
    def read_j(self) -> float: ...
    def close(self) -> None: ...


class Unwrapped:
    """A counter that wraps around, as one that does not, provided it is read often: one wrap between two readings.

    range_j: what it counts to; None where it never wraps. Raises MeterError where it can only have been reset, and
    ever after: what was missed is unknown to every window around it.
    """

    def __init__(self, range_j: float | None, name: str):
        self._range_j, self._name = range_j, name
        self._last: tuple[float, float] | None = None
        self._energy_j = 0.0
        self._reset: str | None = None

    def add(self, time_s: float, raw_j: float) -> float:
        """Joules since the first reading, of which `raw_j` is the latest."""
        if self._last is not None and self._reset is None:
            last_s, last_j = self._last
            gained_j = raw_j - last_j
            if gained_j < 0 and self._range_j is not None:
                gained_j += self._range_j
            if not 0 <= gained_j <= MAX_POWER_W * (time_s - last_s + SLACK_S):
                self._reset = (
                    f"RAPL's counter {self._name} went from {last_j:.6g} J to {raw_j:.6g} J in {time_s - last_s:.3g} s,"
                    " which is no wrap-around: it was reset, or went backwards. Measure again."
                )
            self._energy_j += gained_j
        if self._reset is not None:
            raise MeterError(self._reset)
        self._last = (time_s, raw_j)
        return self._energy_j


class RaplMeter(Meter):
    """Counts all of this host's processor packages and their memory, whoever uses them, idle power included.

    The counters move every millisecond, which is taken for continuous: it costs 0.3 % (1 sd) of 0.15 s. Where they
    wrap around (every 20 minutes at 200 W), a thread reads them in time, from the first reading until `close`.

    root: of the sysfs tree. read_text, open_event, clock: for tests.

    Raises MeterError where RAPL is neither in powercap nor in perf, with what to do about each.
    """

    tick_s = 0.0

    def __init__(
        self,
        *,
        root: Path = Path("/sys"),
        clock: Callable[[], float] = time.perf_counter,
        read_text: Callable[[Path], str] = powercap.read_text,
        open_event: perf_power.Opener = perf_power.perf_event_open,
    ):
        self._clock = clock
        self._counters: list[Counter] = []
        try:
            self._counters += powercap.zones(root, read_text=read_text)
            self._by = "RAPL"
        except MeterError as closed:
            try:
                self._counters += perf_power.counters(root, open_event=open_event)
            except MeterError as error:
                raise MeterError(f"{closed} {error} Until then, {option('meter', 'modeled')}.") from None
            self._by = "RAPL through perf"
        self._unwrapped = [Unwrapped(counter.range_j, counter.name) for counter in self._counters]
        ranges = [counter.range_j for counter in self._counters if counter.range_j]
        self.reread_s = min(ranges) / MAX_POWER_W if ranges else None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def provenance(self) -> Provenance:
        names = [counter.name.split(" ")[0].split("-")[0] for counter in self._counters]
        packages, memories = names.count("package"), names.count("dram")
        scope = f"{packages} package{'s' * (packages > 1)}" + (" with memory" if memories else "")
        return Provenance("measured", self._by, f"{scope} of this host", SYSTEMATIC_PERCENT, Rank.CPU_PACKAGE)

    def read(self) -> Reading:
        with self._lock:
            if self._stop.is_set():
                raise MeterError("The RAPL meter is closed; open another.")
            if self._thread is None and self.reread_s is not None:
                self._thread = threading.Thread(target=self._reread, name="ecojax-rapl", daemon=True)
                self._thread.start()
            now = self._clock()
            joules = [
                unwrapped.add(now, counter.read_j())
                for counter, unwrapped in zip(self._counters, self._unwrapped, strict=True)
            ]
        return Reading(now, sum(joules))

    def _reread(self) -> None:
        while not self._stop.wait(self.reread_s):
            with suppress(MeterError):  # whoever reads next meets it too
                self.read()

    def close(self) -> None:
        with self._lock:
            if self._stop.is_set():
                return
            self._stop.set()
            for counter in self._counters:
                counter.close()
        if self._thread is not None:
            self._thread.join()
