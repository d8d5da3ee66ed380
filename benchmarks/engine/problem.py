"""A benchmark problem: a search space, its objectives, and the hypervolume that a perfect search would reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import moocore
import numpy as np

from ecojax.engine.dominance import is_non_dominated
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


def judged_by(F: np.ndarray, strict_span: float) -> dict[str, Any]:
    """The reference points of a table of objectives `F` [rows, m], and the hypervolumes of its true front up to them.

    The strict point lies beyond the front's own worst by `strict_span` of its span.
    """
    reference = np.quantile(F, REFERENCE_QUANTILE, axis=0)
    front = F[is_non_dominated(F)]
    strict = front.max(axis=0) + strict_span * np.ptp(front, axis=0)
    return {
        "reference": reference,
        "true_hypervolume": volume(F, reference),
        "strict_reference": strict,
        "strict_hypervolume": volume(F, strict),
    }


def volume(F: np.ndarray | Sequence[Sequence[float]], reference: np.ndarray) -> float:
    """Hypervolume by moocore, so that no engine is its own judge."""
    points = np.asarray(F, float)
    points = points[(points < reference).all(axis=1)]
    return float(moocore.hypervolume(points, ref=reference)) if len(points) else 0.0
