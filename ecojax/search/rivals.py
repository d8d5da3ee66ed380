"""The finished trials of a search as the plain record that a running one is held against."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence

from ecojax.search.constraints import violation
from ecojax.study import Trial
from ecojax.trial.rungs import Curve, Rival, Rivals

RUNGS = "rungs"  # the detail that keeps a trial's accuracies, as [epoch, accuracy] pairs


def rivals(
    trials: Iterable[Trial], objectives: Sequence[str], constraints: Mapping[str, Mapping[str, float]]
) -> Rivals:
    """The configurations whose complete trials are all feasible, by their means; and the curves of all trials.

    A cost with an interval counts with its upper end.
    """
    complete = [trial for trial in trials if trial.complete]
    groups: dict[str, list[Trial]] = {}
    for trial in complete:
        groups.setdefault(json.dumps(dict(trial.configuration), sort_keys=True), []).append(trial)
    costs = [name for name in objectives if name != "accuracy"]
    finished = [
        Rival(
            group[0].id,
            _mean("accuracy", group),
            {name: _mean(name, group) + _mean(f"{name}_ci95", group) for name in costs},
        )
        for group in groups.values()
        if all(violation(trial.metrics, constraints) == 0 for trial in group)
    ]
    curves = [
        Curve(dict(trial.details[RUNGS]), trial.metrics["accuracy"])
        for trial in complete
        if RUNGS in trial.details
    ]
    return Rivals(finished, curves)


def _mean(name: str, trials: Sequence[Trial]) -> float:
    return statistics.fmean(trial.metrics.get(name, 0.0) for trial in trials)
