"""Contenders measured side by side: shuffled blocks with a sentinel, so that a drift of the device favours nobody.

Measured one after the other, two models differ by whatever the device did in between: a board that warms up by a
few per cent an hour, a fan that starts. Here every contender has one window in every block, in an order drawn anew,
and each block begins with the sentinel, a load that never changes. What the sentinel drifts, the device drifted:
a straight line through its windows over time is divided out.
"""

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from ecojax.energy.calibration import Calibration
from ecojax.energy.figure import Energy
from ecojax.energy.host import REAL, Host, Load
from ecojax.energy.meter import Meter
from ecojax.energy.prepare import Prepared
from ecojax.energy.protocol import as_figure, default_window_s, passes_a_run, warm_up
from ecojax.energy.rejection import preflight_notes
from ecojax.energy.sampling import Sample, Sampler, Samples, one_window
from ecojax.energy.stopping import judge
from ecojax.errors import InputError


class Work(NamedTuple):
    """A load, and the passes of one run of it."""

    load: Load
    passes: int


def compare(
    contenders: Mapping[str, Prepared],
    *,
    meter: Meter,
    sentinel: Prepared | None = None,
    confidence_target: float = 0.02,
    window_s: float | None = None,
    warm_up_s: float | None = None,
    max_blocks: int = 20,
    max_seconds: float = 300.0,
    seed: int = 0,
    calibration: Calibration | None = None,
    host: Host = REAL,
) -> dict[str, Energy]:
    """A figure for each of `contenders`, as from `prepare`, freed of what the device drifted meanwhile.

    sentinel: what runs first in every block; by default the first contender, with windows of its own for it.
    confidence_target: 95 % half width that every contender is to reach, as a share of its mean.
    max_blocks, max_seconds: stop there, targets met or not; three blocks at least. seed: of the orders.

    Raises InputError without contenders; MeterError as `per_inference` does.
    """
    if not contenders:
        raise InputError("There is nothing to compare; give at least one prepared function.")
    opened = meter.read()
    preflight = meter.conditions()
    window_s = default_window_s(meter, confidence_target) if window_s is None else window_s
    works = {name: Work(one.loop, passes_a_run(one, meter, window_s)) for name, one in contenders.items()}
    first = next(iter(contenders.values())) if sentinel is None else sentinel
    guard = Work(first.loop, passes_a_run(first, meter, window_s))
    warm_up(first, meter, guard.passes, warm_up_s, host)
    found = interleave(
        works,
        guard,
        meter,
        window_s=window_s,
        target=confidence_target,
        max_blocks=max_blocks,
        max_seconds=max_seconds,
        seed=seed,
        preflight_processes=preflight.processes,
        host=host,
    )
    notes = preflight_notes(preflight)
    return {
        name: as_figure(contenders[name], meter, samples, opened, calibration, notes)
        for name, samples in found.items()
    }


def interleave(
    works: Mapping[str, Work],
    sentinel: Work,
    meter: Meter,
    *,
    window_s: float,
    target: float,
    max_blocks: int,
    max_seconds: float,
    seed: int = 0,
    preflight_processes: frozenset[int] = frozenset(),
    host: Host = REAL,
) -> dict[str, Samples]:
    """The windows of each work, drift divided out, in blocks until all intervals are within `target`."""
    # A contender's clock under load is its own, so only shifts within a window count.
    reference = replace(meter.conditions(), processes=preflight_processes, clock_mhz=None)

    def window(work: Work) -> Sample:
        if meter.tick_s > 0:
            work.load.run(work.passes)  # the clock leaves the last contender's working point for this one's
        return one_window(meter, work.load, work.passes, window_s, reference=reference, host=host)

    def sampler(work: Work) -> Sampler:
        return Sampler(partial(window, work), most_rejected=max_blocks)

    order, shuffled = list(works), random.Random(seed)
    samplers = {name: sampler(work) for name, work in works.items()}
    guard = sampler(sentinel)
    began, blocks = host.clock(), 0
    while True:
        guard.take()
        shuffled.shuffle(order)
        for name in order:
            samplers[name].take()
        blocks += 1
        exhausted = blocks >= max_blocks or host.clock() - began >= max_seconds
        corrected = {name: without_drift(one.windows, guard.windows) for name, one in samplers.items()}
        verdicts = {
            name: judge([window.call_j for window in windows], target=target, exhausted=exhausted)
            for name, windows in corrected.items()
            if windows
        }
        if len(verdicts) == len(works) and all(verdict.stop for verdict in verdicts.values()):
            return {
                name: Samples(windows, verdicts[name], dict(samplers[name].rejected))
                for name, windows in corrected.items()
            }
        for one in (guard, *samplers.values()):
            if one.spent:
                one.require_enough()


def without_drift(windows: Sequence[Sample], sentinel: Sequence[Sample]) -> list[Sample]:
    """`windows` divided by the sentinel's straight line over time, which is 1 in the sentinel's mean.

    Unchanged with fewer than three windows of the sentinel, through which any line would do.
    """
    if len(sentinel) < 3:
        return list(windows)
    times = [one.ended_s for one in sentinel]
    energies = [one.call_j for one in sentinel]
    middle, mean = statistics.fmean(times), statistics.fmean(energies)
    spread = math.fsum((time - middle) ** 2 for time in times)
    if not spread > 0:
        return list(windows)
    slope = math.fsum((t - middle) * (e - mean) for t, e in zip(times, energies, strict=True)) / spread / mean
    return [
        window._replace(call_j=window.call_j / (1 + slope * (window.ended_s - middle))) for window in windows
    ]
