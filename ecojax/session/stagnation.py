"""When going on no longer pays: the hypervolume has not grown for a while.

The bounds are frozen at what the first population showed, so that the measure does not change while it is watched.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecojax.engine.archive import Observation
from ecojax.engine.digests import Digests, digest
from ecojax.engine.dominance import is_non_dominated
from ecojax.engine.hypervolume import hypervolume
from ecojax.engine.unbeaten import Unbeaten, dominates
from ecojax.space import identity

MARGIN = 0.1  # of an objective's range, between its worst value and the reference
DECADES = 1.5  # an objective that spans more is measured by its logarithm
FLOOR = 1e-3  # of an objective's first best; what is less, or not positive, counts as this in the logarithm


@dataclass(frozen=True)
class Stagnation:
    """Whether the hypervolume has grown by no more than `tolerance`, as a share of it, over `patience` trials.

    The hypervolume's reference is, in each objective, the worst value among the first `population` successful trials
    plus a tenth of their range. Objectives that are `scaled` are told on the scale on which gains are weighed; of the
    others, positive ones that span more than 1.5 decades there count by their base-10 logarithm. While there is no
    feasible trial better than the reference there is nothing that could stagnate.
    """

    patience: int
    population: int
    tolerance: float = 0.005
    scaled: Sequence[bool] = ()  # of each objective; by default none is

    def reached(self, ended: Sequence[Observation]) -> bool:
        """`ended` are the trials in their order, failed ones included, all objectives minimised."""
        before = ended[: max(len(ended) - self.patience, 0)]
        if len(_succeeded(before)) < self.population:
            return False
        first = np.array([o.objectives for o in _succeeded(before)[: self.population]], float)
        then, now = (_hypervolume(_front(trials), first, self.scaled) for trials in (before, ended))
        return self._stagnates(then, now)

    def _stagnates(self, then: float, now: float) -> bool:
        return then > 0 and now <= then * (1 + self.tolerance)


class Watch:
    """`Stagnation.reached`, for a search that tells of its trials one by one, in their order.

        watch = Watch(stagnation)
        watch.add(observation)
        watch.reached()

    Keeps a row of numbers a configuration: a replicate may bring back to the front what another had beaten.
    """

    def __init__(self, stagnation: Stagnation):
        self._rule = stagnation
        self._first: list[Sequence[float]] = []
        self._rows = Digests()  # by configuration
        self._means: Unbeaten | None = None  # objectives, their sums, violation, trials
        self._volume: float | None = None  # until the population is full
        self._volumes: deque[float | None] = deque(maxlen=stagnation.patience + 1)

    def add(self, ended: Observation) -> None:
        """Notes the next trial that has ended, failed or not."""
        if ended.objectives is not None and ended.succeeded:
            m = len(ended.objectives)
            if len(self._first) < self._rule.population:
                self._first.append(ended.objectives)
            if self._means is None:
                self._means = Unbeaten(2 * m + 2, lambda a, b: dominates(a[..., :m], b[..., :m]))
            changed = self._put(self._means, ended)
            if len(self._first) == self._rule.population and (changed or self._volume is None):
                front = self._means.table[self._means.members, :m]
                self._volume = _hypervolume(front, np.array(self._first, float), self._rule.scaled)
        self._volumes.append(self._volume)

    def reached(self) -> bool:
        if len(self._volumes) <= self._rule.patience:
            return False
        then, now = self._volumes[0], self._volumes[-1]
        return then is not None and now is not None and self._rule._stagnates(then, now)

    def _put(self, means: Unbeaten, ended: Observation) -> bool:
        """Whether the front may be another."""
        values, key = np.array(ended.objectives, float), digest(identity(ended.configuration))
        row, m = self._rows.get(key), len(values)
        sums, violation, trials = values, ended.violation, 1.0
        if row is None:
            row = len(means)
            self._rows.add(key, row)
        else:
            before = means.table[row]
            sums, violation, trials = sums + before[m:-2], violation + before[-2], trials + before[-1]
        stood = row in means.members
        means.put(row, np.array([*(sums / trials), *sums, violation, trials]), violation <= 0)
        return stood or row in means.members


def _hypervolume(front: np.ndarray, first: np.ndarray, scaled: Sequence[bool]) -> float:
    """Of `front` `[k, objectives]`, within the bounds of the `first` successes `[population, objectives]`."""
    low, high = first.min(0), first.max(0)
    log = (low > 0) & (high > low * 10**DECADES) & ~np.array(scaled or [False] * len(low))

    def on_axes(F: np.ndarray) -> np.ndarray:
        floor = np.where(log, FLOOR * low, 1.0)
        return np.where(log, np.log10(np.maximum(np.where(log, F, 1.0), floor)), F)

    start, end = on_axes(low), on_axes(high)
    width = np.where(end > start, end - start, 1.0)  # a constant objective still has a height
    return hypervolume((on_axes(front) - start) / width, (end - start) / width + MARGIN)


def _succeeded(ended: Sequence[Observation]) -> list[Observation]:
    return [observation for observation in ended if observation.succeeded]


def _front(ended: Sequence[Observation]) -> np.ndarray:
    """[k, objectives]: the means of the feasible configurations that no other dominates."""
    replicates: dict[str, list[Observation]] = {}
    for observation in _succeeded(ended):
        replicates.setdefault(identity(observation.configuration), []).append(observation)
    means = [
        np.mean([o.objectives for o in group if o.objectives is not None], axis=0)
        for group in replicates.values()
        if np.mean([o.violation for o in group]) <= 0
    ]
    F = np.array(means, float)
    return F[np.asarray(is_non_dominated(F))] if len(F) else np.zeros((0, 1))
