"""A benchmark problem: a search space, its objectives, and the hypervolume that a perfect search would reach."""

from collections.abc import Sequence
from dataclasses import dataclass

import moocore
import numpy as np

from ecojax.space import Configuration, SearchSpace

REFERENCE_QUANTILE = 0.95


@dataclass(frozen=True)
class Problem:
    """Objectives over a space, all minimised.

    Attributes:
        reference: [m], the reference point; points beyond it in any objective add nothing.
        true_hypervolume: that of the true front, up to the reference.
        cheap: which objectives can be had without training.
        strict_reference, strict_hypervolume: a second reference point, nearer to the true front.
    """

    name: str
    space: SearchSpace
    reference: np.ndarray
    true_hypervolume: float
    cheap: tuple[bool, ...]
    strict_reference: np.ndarray
    strict_hypervolume: float

    def objectives(self, configuration: Configuration) -> np.ndarray:
        """[m]."""
        raise NotImplementedError

    def strictly(self, configuration: Configuration) -> np.ndarray:
        """[k, m]: the points by which an evaluation counts up to the strict reference."""
        return self.objectives(configuration)[None]

    def noisy(self, configuration: Configuration, rng: np.random.Generator) -> np.ndarray:
        """[m], as one training gives them."""
        raise NotImplementedError(f"{self.name} has no noise")

    def known(self, configuration: Configuration) -> np.ndarray:
        """[m], NaN where an objective is not known before training."""
        return np.where(self.cheap, self.objectives(configuration), np.nan)

    def ratio(self, F: np.ndarray | Sequence[Sequence[float]]) -> float:
        """Hypervolume of points [n, m] over that of the true front."""
        return volume(F, self.reference) / self.true_hypervolume

    def strict_ratio(self, F: np.ndarray | Sequence[Sequence[float]]) -> float:
        """The same up to the strict reference."""
        return volume(F, self.strict_reference) / self.strict_hypervolume


def volume(F: np.ndarray | Sequence[Sequence[float]], reference: np.ndarray) -> float:
    """Hypervolume by moocore, so that no engine is its own judge."""
    points = np.asarray(F, float)
    points = points[(points < reference).all(axis=1)]
    return float(moocore.hypervolume(points, ref=reference)) if len(points) else 0.0
