"""When training on is hopeless: at a rung, the best end that a learning curve may still have is beaten already.

What an inference costs is known before training, so a trial can be held against the finished ones at its own cost. The
end of its curve is extrapolated by the finished trials' curves, and what counts is the upper end of that: a trial that
might still reach the frontier is trained on.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ecojax.study import Metric

SHARES = (1 / 9, 1 / 3, 2 / 3)  # of the training, after which a trial is judged
LEAST_CURVES = 8  # finished ones, before any is extrapolated
CONFIDENCE = 0.995  # of the upper prediction limit, one-sided


def rungs(steps: int, pass_steps: int) -> dict[int, float]:
    """After how many of `steps` a training is judged: share of the training by step.

    A ninth, a third and two thirds; rounded down to whole passes over the data where there is one. The shares are the
    same for all trainings of so many passes, whatever their number of steps.
    """
    passes = steps // pass_steps
    found: dict[int, float] = {}
    for share in SHARES:
        whole = math.floor(share * passes + 1e-9)
        step = whole * pass_steps if whole else max(1, round(share * steps))
        if step < steps:
            found.setdefault(step, round(whole / passes if whole else share, 6))
    return found


def is_rung(step: int, before: int) -> bool:
    """Whether a trial that tells of its progress by itself is judged after `step`, having told of `before` last.

    It is at the first step that it tells of from 1, 2, 4, 8, ... on: nobody knows how many there will be, so that
    trials are compared at the same step (as by successive halving, Li et al., MLSys 2020, arXiv:1810.05934).
    """
    return step.bit_length() > before.bit_length()


def can_stop(
    objectives: Collection[str], metrics: Mapping[str, Metric], foretold: Collection[str] = ()
) -> bool:
    """Whether a trial can be beaten before its end: by its quality, the first of `metrics`, at costs that are known
    before training, or `foretold` by the trial."""
    quality = next(iter(metrics))
    others = set(objectives) - {quality, *foretold}
    return quality in objectives and all(metrics[name].when != "trained" for name in others)


@dataclass(frozen=True)
class Rival:
    """A finished trial: its number, quality, and the most that it may cost, by objective; less is better."""

    trial: int
    quality: float
    costs: Mapping[str, float]


@dataclass(frozen=True)
class Curve:
    """The quality of a finished trial at its rungs, by share of the training, and at its end."""

    rungs: Mapping[float, float]
    final: float


@dataclass(frozen=True)
class Rivals:
    """What a running trial is held against, in plain values: `finished` trials, and full learning `curves`."""

    finished: Sequence[Rival] = ()
    curves: Sequence[Curve] = ()

    def beating(self, metric: Metric, bound: float, costs: Mapping[str, float]) -> Rival | None:
        """The best of those whose quality, by `metric`, is at least as good as `bound` at no higher cost; or None.

        `costs` holds the least that the trial may cost, turned alike.
        """
        beating = [
            rival
            for rival in self.finished
            if metric.minimised(rival.quality) <= metric.minimised(bound)
            and all(most <= costs[name] for name, most in rival.costs.items())
        ]
        return min(beating, key=lambda rival: metric.minimised(rival.quality), default=None)


@dataclass(frozen=True)
class Extrapolation:
    """The quality that a trial is expected to end with, and the one that it will hardly exceed."""

    expected: float
    bound: float


def extrapolate(metric: Metric, reached: float, share: float, curves: Sequence[Curve]) -> Extrapolation:
    """The end of a learning curve whose quality, by `metric`, has `reached` a value after a `share` of the training.

    On the metric's link the ends are regressed on the values at the rung, over the finished `curves`. The bound is the
    best 99.5 % prediction limit for one more trial, and never less than what any curve came to that stood no better
    then, give or take two standard errors. With fewer than eight curves, and for a trial that stands better than all of
    them did, anything may happen: the bound is infinitely good.
    """
    sign = -1.0 if metric.direction == "minimize" else 1.0
    curves = [curve for curve in curves if share in curve.rungs]
    if len(curves) < LEAST_CURVES or all(sign * curve.rungs[share] < sign * reached for curve in curves):
        return Extrapolation(reached, sign * math.inf)
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    def linked(values: Sequence[float]) -> np.ndarray:
        return sign * metric.linked(np.asarray(values, float))

    def value(at: float) -> float:
        found = float(metric.unlinked(np.asarray(sign * at)))
        better = max(sign * found, sign * reached)
        return sign * min(better, sign * metric.best)

    x = linked([curve.rungs[share] for curve in curves])
    y = linked([curve.final for curve in curves])
    here = float(linked([reached])[0])
    n, spread = len(x), float(np.sum((x - x.mean()) ** 2))
    slope = max(0.0, float(np.sum((x - x.mean()) * y)) / spread) if spread > 0 else 0.0
    expected = float(y.mean() + slope * (here - x.mean()))
    residual = float(np.sum((y - y.mean() - slope * (x - x.mean())) ** 2)) / (n - 2)
    # curves may agree by chance, but not the draw of the validation samples
    residual = max(residual, metric.link_variance(sign * expected))
    leverage = (here - float(x.mean())) ** 2 / spread if spread > 0 else 0.0
    limit = expected + float(stdtrit(n - 2, CONFIDENCE)) * math.sqrt(residual * (1 + 1 / n + leverage))
    no_better = y[x <= here + 2 * math.sqrt(metric.link_variance(sign * here))]
    return Extrapolation(value(expected), value(max(limit, float(no_better.max(initial=-math.inf)))))
