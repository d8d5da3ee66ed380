"""When going on no longer pays: the hypervolume has not grown for a while.

The bounds are frozen at what the first population showed, so that the measure does not change while it is watched.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecojax.search.archive import Observation
from ecojax.search.dominance import is_non_dominated
from ecojax.search.hypervolume import hypervolume

MARGIN = 0.1  # of an objective's range, between its worst value and the reference
DECADES = 1.5  # an objective that spans more is measured by its logarithm
FLOOR = 1e-3  # of an objective's first best; what is less, or not positive, counts as this in the logarithm


@dataclass(frozen=True)
class Stagnation:
    """Whether the hypervolume has grown by no more than `tolerance`, as a share of it, over `patience` trials.

    The hypervolume's reference is, in each objective, the worst value among the first `population` successful trials
    plus a tenth of their range; positive objectives that span more than 1.5 decades there count by their base-10
    logarithm. While there is no feasible trial better than the reference there is nothing that could stagnate.
    """

    patience: int
    population: int
    tolerance: float = 0.005

    def reached(self, ended: Sequence[Observation]) -> bool:
        """`ended` are the trials in their order, failed ones included, all objectives minimised."""
        before = ended[: max(len(ended) - self.patience, 0)]
        if len(_succeeded(before)) < self.population:
            return False
        first = np.array([o.objectives for o in _succeeded(before)[: self.population]], float)
        then = self._hypervolume(before, first)
        return then > 0 and self._hypervolume(ended, first) <= then * (1 + self.tolerance)

    def _hypervolume(self, ended: Sequence[Observation], first: np.ndarray) -> float:
        low, high = first.min(0), first.max(0)
        log = (low > 0) & (high > low * 10**DECADES)

        def scaled(F: np.ndarray) -> np.ndarray:
            floor = np.where(log, FLOOR * low, 1.0)
            return np.where(log, np.log10(np.maximum(np.where(log, F, 1.0), floor)), F)

        start, end = scaled(low), scaled(high)
        width = np.where(end > start, end - start, 1.0)  # a constant objective still has a height
        front = (scaled(_front(ended)) - start) / width
        return hypervolume(front, (end - start) / width + MARGIN)


def _succeeded(ended: Sequence[Observation]) -> list[Observation]:
    return [o for o in ended if o.objectives is not None and np.isfinite(o.objectives).all()]


def _front(ended: Sequence[Observation]) -> np.ndarray:
    """[k, objectives]: the means of the feasible configurations that no other dominates."""
    replicates: dict[str, list[Observation]] = {}
    for observation in _succeeded(ended):
        key = repr(sorted(observation.configuration.items()))
        replicates.setdefault(key, []).append(observation)
    means = [
        np.mean([o.objectives for o in group if o.objectives is not None], axis=0)
        for group in replicates.values()
        if np.mean([o.violation for o in group]) <= 0
    ]
    F = np.array(means, float)
    return F[np.asarray(is_non_dominated(F))] if len(F) else np.zeros((0, 1))
