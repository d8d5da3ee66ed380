"""Repeats: several trials of one configuration, as one member of a frontier, by the mean of what they found.

The spread of a mean is what its trials differ by, and never less than what each of them states of itself.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ecojax.frontier.intervals import NORMAL_95
from ecojax.space import identity
from ecojax.study import METRICS, Trial

REPEATS = "repeats"


def by_configuration(trials: Iterable[Trial]) -> list[list[Trial]]:
    """`trials` in groups of one configuration each, in the order of each group's first."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(identity(trial.configuration), []).append(trial)
    return list(groups.values())


def merged(trials: Sequence[Trial]) -> Trial:
    """Complete trials of one configuration as one: the first of them, with figures of all.

    What a search can optimise counts by its mean over the trials that recorded it; `repeats` says how many trials there
    are. `energy_per_sample_j_ci95` covers the mean, by Student's t of the differences between the trials or by the
    trials' own intervals, whichever is wider. `accuracy_se` adds the differences' to that of the validation samples,
    which all trials share and repeats do not reduce; `accuracy_ci95` is its interval, with Student's t for the
    differences. Every other figure, `test_accuracy` above all, is the first
    trial's own, and so are its id, seed and weights. A single trial is given back as it is.
    """
    first = trials[0]
    if len(trials) == 1:
        return first
    figures: dict[str, float] = {}
    for name, metric in METRICS.items():
        values = [trial.metrics[name] for trial in trials if name in trial.metrics]
        if metric.objective and values:
            figures[name] = statistics.fmean(values)
            figures |= _spread(name, values, trials)
    return replace(first, metrics={**first.metrics, **figures, REPEATS: len(trials)})


def repeats(trial: Trial) -> int:
    """How many trials `trial` stands for."""
    return int(trial.metrics.get(REPEATS, 1))


def _spread(name: str, values: Sequence[float], trials: Sequence[Trial]) -> dict[str, float]:
    """The spread of the mean of `values`, under the name that it has among the metrics; nothing where it has none."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return {}
    from ecojax.energy import half_width_95

    between = statistics.stdev(values) / math.sqrt(len(values))
    if name == "energy_per_sample_j":
        own = _recorded("energy_per_sample_j_ci95", trials)
        within = math.sqrt(sum(half**2 for half in own)) / len(own) if own else 0.0
        return {"energy_per_sample_j_ci95": max(half_width_95(values), within)}
    if name == "accuracy":
        own = _recorded("accuracy_se", trials)
        samples = statistics.fmean(own) if own else 0.0
        return {
            "accuracy_se": math.hypot(between, samples),
            "accuracy_ci95": math.hypot(half_width_95(values), NORMAL_95 * samples),
        }
    return {f"{name}_se": between} if f"{name}_se" in METRICS else {}


def _recorded(name: str, trials: Sequence[Trial]) -> list[float]:
    return [trial.metrics[name] for trial in trials if name in trial.metrics]
