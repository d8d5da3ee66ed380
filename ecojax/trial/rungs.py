"""When training on is hopeless: at a rung, the best end that a learning curve may still have is beaten already.

What an inference costs is known before training, so a trial can be held against the finished ones at its own cost. The
end of its curve is extrapolated by the finished trials' curves, and what counts is the upper end of that: whoever might
still reach the frontier is trained on.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SHARES = (1 / 9, 1 / 3, 2 / 3)  # of the epochs, after which a trial is judged
LEAST_CURVES = 8  # finished ones, before any is extrapolated
CONFIDENCE = 0.995  # of the upper prediction limit, one-sided
COSTS = frozenset({"energy_per_sample_j", "latency_ms", "parameters", "flops"})  # known before training


def rungs(epochs: int) -> tuple[float, ...]:
    """After how many epochs a training of so many is judged: a ninth, a third and two thirds of them.

    Whole epochs where there is one; within the first epoch otherwise.
    """
    places = (share * epochs for share in SHARES)
    return tuple(dict.fromkeys(math.floor(at + 1e-9) if at > 1 - 1e-9 else round(at, 6) for at in places))


def parts(epoch: int, steps: int, rungs: Collection[float]) -> list[tuple[int, int, float | None]]:
    """An epoch (from 0) of so many steps, cut at its rungs: first step, the step not to take, and the rung there."""
    found: list[tuple[int, int, float | None]] = []
    first = 0
    for rung in sorted(rung for rung in rungs if epoch < rung <= epoch + 1):
        end = max(1, round((rung - epoch) * steps))
        found.append((first, end, rung))
        first = end
    if first < steps:
        found.append((first, steps, None))
    return found


def can_stop(objectives: Collection[str]) -> bool:
    """Whether a trial can be beaten before its end: by its accuracy, at costs that are known before training."""
    return "accuracy" in objectives and COSTS.issuperset(set(objectives) - {"accuracy"})


@dataclass(frozen=True)
class Rival:
    """A finished trial: its number, accuracy, and the most that it may cost, by objective."""

    trial: int
    accuracy: float
    costs: Mapping[str, float]


@dataclass(frozen=True)
class Curve:
    """The validation accuracies of a finished trial at its rungs, by epochs trained, and at its end."""

    accuracies: Mapping[float, float]
    final: float


@dataclass(frozen=True)
class Rivals:
    """What a running trial is held against, in plain values: `finished` trials, and full learning `curves`."""

    finished: Sequence[Rival] = ()
    curves: Sequence[Curve] = ()

    def beating(self, accuracy: float, costs: Mapping[str, float]) -> Rival | None:
        """The most accurate of those that are as accurate at least, and no dearer in any of its costs.

        `costs` holds the least that the trial may cost.
        """
        beating = [
            rival
            for rival in self.finished
            if rival.accuracy >= accuracy and all(most <= costs[name] for name, most in rival.costs.items())
        ]
        return max(beating, key=lambda rival: rival.accuracy, default=None)


@dataclass(frozen=True)
class Extrapolation:
    """The accuracy that a trial is expected to end with, and the one that it will hardly exceed."""

    expected: float
    bound: float


def extrapolate(accuracy: float, epoch: float, curves: Sequence[Curve], images: int) -> Extrapolation:
    """The end of a learning curve that has reached `accuracy` on so many validation images after `epoch` epochs.

    The log odds at the end are regressed on those at the rung, over the finished `curves`. The bound is the upper
    99.5 % prediction limit for one more trial, and never less than what any curve came to that stood no higher then,
    give or take two standard errors. With fewer than eight curves, and for a trial that stands higher than all of them
    did, anything may happen: the bound is infinite.
    """
    curves = [curve for curve in curves if epoch in curve.accuracies]
    if len(curves) < LEAST_CURVES or all(curve.accuracies[epoch] < accuracy for curve in curves):
        return Extrapolation(accuracy, math.inf)
    from scipy.special import expit, stdtrit  # type: ignore[import-untyped]

    def log_odds(accuracies: Sequence[float]) -> np.ndarray:
        # two successes and two failures added keep them finite (Agresti & Coull 1998)
        share = (np.asarray(accuracies) * images + 2) / (images + 4)
        return np.asarray(np.log(share / (1 - share)))

    def rate(odds: float) -> float:
        return float(np.clip((expit(odds) * (images + 4) - 2) / images, accuracy, 1.0))

    def variance(odds: float) -> float:
        return float(1 / ((images + 4) * expit(odds) * expit(-odds)))

    x = log_odds([curve.accuracies[epoch] for curve in curves])
    y = log_odds([curve.final for curve in curves])
    here = float(log_odds([accuracy])[0])
    n, spread = len(x), float(np.sum((x - x.mean()) ** 2))
    slope = max(0.0, float(np.sum((x - x.mean()) * y)) / spread) if spread > 0 else 0.0
    expected = float(y.mean() + slope * (here - x.mean()))
    residual = float(np.sum((y - y.mean() - slope * (x - x.mean())) ** 2)) / (n - 2)
    # curves may agree by chance, but not the draw of the validation images
    residual = max(residual, variance(expected))
    leverage = (here - float(x.mean())) ** 2 / spread if spread > 0 else 0.0
    limit = expected + float(stdtrit(n - 2, CONFIDENCE)) * math.sqrt(residual * (1 + 1 / n + leverage))
    no_higher = y[x <= here + 2 * math.sqrt(variance(here))]
    return Extrapolation(rate(expected), rate(max(limit, float(no_higher.max(initial=-math.inf)))))
