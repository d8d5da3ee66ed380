"""The finished trials of a search as the plain record that a running one is held against."""

import statistics
from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

import numpy as np

from ecojax.engine.digests import Digests, digest
from ecojax.engine.unbeaten import Unbeaten
from ecojax.session.aim import Aim
from ecojax.space import identity
from ecojax.study import Trial
from ecojax.study.constraints import violation
from ecojax.trial.rungs import Curve, Rival, Rivals

RUNGS = "rungs"  # the detail that keeps a trial's learning curve, as [share of the training, quality] pairs
CURVES = 2000


def rivals(
    trials: Iterable[Trial],
    objectives: Sequence[str],
    constraints: Mapping[str, Mapping[str, float]],
    quality: str,
) -> Rivals:
    """The configurations whose complete trials are all feasible, by their means; and the curves of all trials.

    A cost with an interval counts with its upper end. `quality` names the metric of the curves.
    """
    complete = [trial for trial in trials if trial.complete]
    groups: dict[str, list[Trial]] = {}
    for trial in complete:
        groups.setdefault(identity(trial.configuration), []).append(trial)
    costs = [name for name in objectives if name != quality]
    finished = [
        Rival(
            group[0].id,
            _mean(quality, group),
            {name: _mean(name, group) + _mean(f"{name}_ci95", group) for name in costs},
        )
        for group in groups.values()
        if all(violation(trial.metrics, constraints) == 0 for trial in group)
    ]
    curves = [_curve(trial, quality) for trial in complete if RUNGS in trial.details]
    return Rivals(finished, curves)


class Standings:
    """What `rivals` gives, for a search that tells of its trials one by one.

        standings = Standings(aim)
        standings.add(trial)
        standings.rivals()

    Leaves out what another beats that is as good and no dearer: held against them, no trial fares otherwise. Of the
    curves it keeps the `CURVES` latest by trial. Both depend on what was added, not on the order.
    """

    def __init__(self, aim: Aim):
        self._quality = quality = aim.quality
        self._costs = [name for name in aim.objectives if name != quality.name]
        self._signs = np.array([aim.metrics[name].minimised(1.0) for name in self._costs])
        self._constraints = aim.constraints
        self._figures = [quality.name, *self._costs, *(f"{name}_ci95" for name in self._costs)]
        self._rows = Digests()  # by configuration
        ranked = 2 + len(
            self._costs
        )  # columns: quality, less is better; first trial, most costs; whether feasible, the figures
        self._means = Unbeaten(
            ranked + 1 + len(self._figures), lambda a, b: _beats(a[..., :ranked], b[..., :ranked])
        )
        self._repeated: dict[
            int, list[np.ndarray]
        ] = {}  # figures by row, of configurations with several trials
        self._curves: list[tuple[int, Curve]] = []
        self._found: Rivals | None = None

    def add(self, trial: Trial) -> None:
        """Notes a trial that has ended; only a complete one counts."""
        if not trial.complete:
            return
        self._found = None
        if RUNGS in trial.details:
            insort(self._curves, (trial.id, _curve(trial, self._quality.name)), key=itemgetter(0))
            del self._curves[:-CURVES]
        feasible = violation(trial.metrics, self._constraints) == 0
        figures = np.array([trial.metrics.get(name, 0.0) for name in self._figures], float)
        figures[1 : 1 + len(self._costs)] *= self._signs
        key = digest(identity(trial.configuration))
        row, first = self._rows.get(key), trial.id
        if row is None:
            row = len(self._means)
            self._rows.add(key, row)
        else:
            before = self._means.table[row]
            own = before[-len(self._figures) :].copy()
            group = self._repeated.setdefault(row, [own])
            group.append(figures)
            feasible = feasible and bool(before[2 + len(self._costs)])
            first = min(first, int(before[1]))
            figures = np.array([statistics.fmean(column) for column in zip(*group, strict=True)])
        value, costs, margins = self._quality.minimised(figures[0]), *np.split(figures[1:], 2)
        values = np.array([value, first, *(costs + margins), feasible, *figures])
        self._means.put(row, values, feasible)

    def rivals(self) -> Rivals:
        if self._found is None:
            rows = self._means.table[self._means.members]
            finished = [
                Rival(
                    int(row[1]),
                    self._quality.minimised(float(row[0])),
                    dict(zip(self._costs, row[2:].tolist(), strict=False)),
                )
                for row in rows[np.argsort(rows[:, 1])]
            ]
            self._found = Rivals(finished, [curve for _, curve in self._curves])
        return self._found


def _beats(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """At least as good and no dearer; of equally good ones, the earlier, as `Rivals.beating` chooses."""
    better = (a[..., 0] < b[..., 0]) | ((a[..., 0] == b[..., 0]) & (a[..., 1] < b[..., 1]))
    return np.asarray(better & (a[..., 2:] <= b[..., 2:]).all(-1))


def _curve(trial: Trial, quality: str) -> Curve:
    """The learning curve of a complete trial. Older studies counted its rungs in passes, of which `epochs` were all."""
    passes = 1.0 if "trained_share" in trial.metrics else trial.metrics.get("epochs", 1.0)
    rungs = {round(place / passes, 6): value for place, value in trial.details[RUNGS]}
    return Curve(rungs, trial.metrics[quality])


def _mean(name: str, trials: Sequence[Trial]) -> float:
    return statistics.fmean(trial.metrics.get(name, 0.0) for trial in trials)
