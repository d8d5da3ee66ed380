"""Windows over a load: one, and as many as the interval asks for, with those thrown away counted."""

import math
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ecojax.energy.conditions import Conditions
from ecojax.energy.host import REAL, Host, Load
from ecojax.energy.meter import Meter
from ecojax.energy.rejection import COUNTER_FAULT, RejectedWindowError, require_undisturbed
from ecojax.energy.stopping import MIN_WINDOWS, Verdict, judge
from ecojax.energy.window import Window
from ecojax.errors import MeterError
from ecojax.wording import option

FAULTS_IN_A_ROW = 3  # a counter that fails in so many windows, one after the other, will not recover


class Sample(NamedTuple):
    """One window: joules and wall seconds per call, seconds metered, and when it ended on the host's clock."""

    call_j: float
    call_s: float
    seconds: float
    ended_s: float = 0.0


@dataclass(frozen=True)
class Samples:
    """The windows of one load, with the verdict on them and the reasons of those that were rejected."""

    windows: list[Sample]
    verdict: Verdict
    rejected: dict[str, int]

    @property
    def seconds(self) -> float:
        return math.fsum(window.seconds for window in self.windows)

    @property
    def call_s(self) -> float:
        return statistics.median(window.call_s for window in self.windows)


def continuous_window(meter: Meter, load: Load, passes: int, host: Host = REAL) -> Sample:
    """Reads a continuous counter at both ends of the work. Raises MeterError where it cannot."""
    start = meter.read()
    load.run(passes)
    window, calls = Window(start, meter.read()), passes * load.steps
    return Sample(window.joules / calls, window.seconds / calls, window.seconds, host.clock())


def ticking_window(meter: Meter, load: Load, passes: int, window_s: float, host: Host = REAL) -> Sample:
    """Power as the slope between two ticks within steady load, times the wall time per call."""
    load.run(passes)  # the load is steady before the first tick is noted
    with host.ticks(meter) as trace:
        began, runs = host.clock(), 0
        while True:
            load.run(passes)
            runs += 1
            ticks = trace.readings()  # all of them under load
            if len(ticks) >= 2 and ticks[-1].time_s - ticks[0].time_s >= window_s:
                break
        ended = host.clock()
    window, call_s = Window(ticks[0], ticks[-1]), (ended - began) / (runs * passes * load.steps)
    return Sample(window.power_w * call_s, call_s, window.seconds, ended)


def one_window(
    meter: Meter, load: Load, passes: int, window_s: float, *, reference: Conditions, host: Host = REAL
) -> Sample:
    """A window of the kind that the meter needs. Raises RejectedWindowError with the reason where it is none."""
    try:
        before = meter.conditions()
        if meter.tick_s > 0:
            sample = ticking_window(meter, load, passes, window_s, host)
        else:
            sample = continuous_window(meter, load, passes, host)
        after = meter.conditions()
    except RejectedWindowError:
        raise
    except MeterError as error:
        raise RejectedWindowError(COUNTER_FAULT, str(error)) from error
    require_undisturbed(reference, before, after)
    if not sample.call_j > 0:
        raise RejectedWindowError(
            COUNTER_FAULT,
            f"The meter, {meter.provenance}, counted {sample.call_j:g} J while the device worked; it cannot be "
            f"right. Use a longer window or another {option('meter')}.",
        )
    return sample


class Sampler:
    """Takes windows one by one, counts those rejected, and gives up where none can be had.

    window: takes one, or raises RejectedWindowError. most_rejected: so many in all end it.
    """

    def __init__(self, window: Callable[[], Sample], *, most_rejected: int):
        self._window, self._most = window, most_rejected
        self.windows: list[Sample] = []
        self.rejected: Counter[str] = Counter()
        self._faults = 0

    def take(self) -> Sample | None:
        """The next window, kept; None where it was rejected.

        Raises MeterError where the counter failed in three windows in a row.
        """
        try:
            sample = self._window()
        except RejectedWindowError as rejection:
            self.rejected[rejection.reason] += 1
            self._faults = self._faults + 1 if rejection.reason == COUNTER_FAULT else 0
            if self._faults >= FAULTS_IN_A_ROW:
                raise MeterError(
                    str(rejection.__cause__ or rejection).removeprefix(f"{COUNTER_FAULT}: ")
                ) from rejection
            return None
        self._faults = 0
        self.windows.append(sample)
        return sample

    @property
    def spent(self) -> bool:
        """Whether too many windows were rejected to go on."""
        return self.rejected.total() >= self._most

    def require_enough(self) -> None:
        """Raises MeterError, with the reasons, where fewer windows than make an interval were kept."""
        if len(self.windows) < MIN_WINDOWS:
            reasons = ", ".join(f"{reason} ({count} ×)" for reason, count in self.rejected.most_common())
            raise MeterError(
                f"Of {self.rejected.total() + len(self.windows)} windows only {len(self.windows)} could be used; "
                f"the others were rejected: {reasons}. Have the device to yourself, let it cool, and measure again."
            )


def sample(
    meter: Meter,
    load: Load,
    *,
    passes: int,
    window_s: float,
    target: float,
    max_windows: int,
    max_seconds: float,
    reference: Conditions,
    host: Host = REAL,
) -> Samples:
    """Windows until the interval is within `target` of the mean, or `max_windows` or `max_seconds` are spent.

    Raises MeterError where the counter fails for good or too many windows are rejected.
    """
    sampler = Sampler(
        lambda: one_window(meter, load, passes, window_s, reference=reference, host=host),
        most_rejected=max_windows,
    )
    began = host.clock()
    while True:
        sampler.take()
        out_of_time = host.clock() - began >= max_seconds
        if sampler.windows:
            exhausted = len(sampler.windows) >= max_windows or out_of_time or sampler.spent
            verdict = judge([window.call_j for window in sampler.windows], target=target, exhausted=exhausted)
            if verdict.stop:
                return Samples(sampler.windows, verdict, dict(sampler.rejected))
        if sampler.spent:
            sampler.require_enough()
