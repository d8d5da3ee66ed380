"""Repeats: several trials of one configuration, as one member of a frontier, by the mean of what they found.

The spread of a mean is what its trials differ by, and never less than what each of them states of itself.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ecojax.frontier.intervals import NORMAL_95
from ecojax.space import identity
from ecojax.study import Metric, Trial

REPEATS = "repeats"


def by_configuration(trials: Iterable[Trial]) -> list[list[Trial]]:
    """`trials` in groups of one configuration each, in the order of each group's first."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(identity(trial.configuration), []).append(trial)
    return list(groups.values())


def merged(trials: Sequence[Trial], metrics: Mapping[str, Metric]) -> Trial:
    """Complete trials of one configuration as one: the first of them, with figures of all.

    What a search can optimise counts by its mean over the trials that recorded it; `repeats` says how many trials there
    are. Where the trials state an interval of their own (`..._ci95`), the mean's is by Student's t of the differences
    between them or by their own intervals, whichever is wider. Where they state a standard error (`..._se`), it is of
    the validation split, which all trials share and repeats do not reduce: the differences' is added to it, and the
    interval is Student's t for the differences with the normal distribution for the split. Every other figure, those
    of the test split above all, is the first trial's own, and so are its id, seed and weights. A single trial is given
    back as it is.
    """
    first = trials[0]
    if len(trials) == 1:
        return first
    figures: dict[str, float] = {}
    for name, metric in metrics.items():
        values = [trial.metrics[name] for trial in trials if name in trial.metrics]
        if metric.objective and values:
            figures[name] = statistics.fmean(values)
            figures |= _spread(metric, values, trials)
    return replace(first, metrics={**first.metrics, **figures, REPEATS: len(trials)})


def repeats(trial: Trial) -> int:
    """How many trials `trial` stands for."""
    return int(trial.metrics.get(REPEATS, 1))


def _spread(metric: Metric, values: Sequence[float], trials: Sequence[Trial]) -> dict[str, float]:
    """The spread of the mean of `values`, under the names that it has among the metrics; nothing where it has none."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return {}
    from ecojax.energy import half_width_95

    between = statistics.stdev(values) / math.sqrt(len(values))
    interval = next((name for name in metric.spread if name.endswith("_ci95")), None)
    error = next((name for name in metric.spread if name.endswith("_se")), None)
    if error is None:
        if interval is None:
            return {}
        own = _recorded(interval, trials)
        within = math.sqrt(sum(half**2 for half in own)) / len(own) if own else 0.0
        return {interval: max(half_width_95(values), within)}
    if interval is None:
        return {error: between}
    own = _recorded(error, trials)
    shared = statistics.fmean(own) if own else 0.0
    return {
        error: math.hypot(between, shared),
        interval: math.hypot(half_width_95(values), NORMAL_95 * shared),
    }


def _recorded(name: str, trials: Sequence[Trial]) -> list[float]:
    return [trial.metrics[name] for trial in trials if name in trial.metrics]
