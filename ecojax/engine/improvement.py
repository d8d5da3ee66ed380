"""How much hypervolume a candidate can be expected to add to a front: what a proposal is chosen by.

The region that the front leaves undominated is cut into boxes. What a point adds to one is the product of its
lengths in each objective; where objectives are independent normal variables, so is the expectation (Emmerich, Deutz and
Klinkenberg, "Hypervolume-based expected improvement", CEC 2011).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr  # type: ignore[import-untyped]
from scipy.stats import qmc  # type: ignore[import-untyped]

from ecojax.engine.dominance import is_non_dominated

EXACT_UP_TO = 3  # objectives; the boxes are as many as the front's members to the power of one less
MOST_MEMBERS = 96  # of a front of three objectives that are cut along
SAMPLES = 2048  # of the undominated region where it is not cut
DEEPEST = 3.0  # standard deviations below the best mean at which that region is taken to end
DENSITY = 1.0 / np.sqrt(2.0 * np.pi)


class Boxes(NamedTuple):
    """Disjoint boxes that fill the undominated region: bounds `[k, m]`, the lower ones of some minus infinity."""

    lower: np.ndarray
    upper: np.ndarray


def expected_improvement(
    front: np.ndarray, mean: np.ndarray, spread: np.ndarray, reference: np.ndarray
) -> np.ndarray:
    """The hypervolume that each candidate alone is expected to add, `[n]`; all minimised.

    Exact for two and three objectives (of a front beyond `MOST_MEMBERS`, for an even choice of it); beyond three
    by quasi-random points in the undominated region.

    Args:
        front: `[k, m]`, mutually non-dominated or not. reference: `[m]`; what lies beyond it adds nothing.
        mean, spread: `[n, m]`, of independent normal objectives; a spread of zero is certainty.
    """
    front = front[(front < reference).all(1)]
    front = front[np.asarray(is_non_dominated(front))] if len(front) else front
    if front.shape[1] > EXACT_UP_TO:
        return _sampled(front, mean, spread, reference)
    if front.shape[1] > 2 and len(front) > MOST_MEMBERS:
        order = np.lexsort(front.T)
        front = front[order[np.linspace(0, len(front) - 1, MOST_MEMBERS).astype(int)]]
    boxes = cut(front, reference)
    added = np.ones((len(mean), len(boxes.lower)))
    for axis in range(front.shape[1]):
        edges, where = np.unique([boxes.lower[:, axis], boxes.upper[:, axis]], return_inverse=True)
        room = expected_room(edges, mean[:, axis, None], spread[:, axis, None])
        lower, upper = where.reshape(2, -1)
        added *= room[:, upper] - room[:, lower]
    return added.sum(1)


def expected_room(edge: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """E[max(edge - y, 0)] of a normal `y`: how far below an edge it lies. Zero at an edge of minus infinity."""
    spread = np.maximum(spread, 1e-12)
    finite = np.isfinite(edge)
    z = (np.where(finite, edge, 0.0) - mean) / spread
    return np.where(finite, spread * (z * ndtr(z) + DENSITY * np.exp(-0.5 * z**2)), 0.0)


def cut(front: np.ndarray, reference: np.ndarray) -> Boxes:
    """The region below `reference` that no member of `front` `[k, m]` dominates, as boxes: a slice for every member
    along the last objective, cut by those that are better there, and so on down to one objective."""
    m = len(reference)
    if m == 1:
        end = min(reference[0], front.min(initial=np.inf))
        return Boxes(np.array([[-np.inf]]), np.array([[end]]))
    front = front[np.argsort(front[:, -1], kind="stable")]
    edges = np.concatenate([[-np.inf], np.unique(front[:, -1]), reference[-1:]])
    lower, upper = [], []
    start, below = edges[0], np.zeros((0, m - 1))
    for edge, following in zip(edges[1:], [*edges[2:], np.inf], strict=True):
        better = front[front[:, -1] < following][:, :-1] if edge < reference[-1] else below
        better = better[np.asarray(is_non_dominated(better))] if len(better) else better
        if edge < reference[-1] and len(below) == len(better) and np.array_equal(below, better):
            continue  # nothing new at this edge: the slice goes on
        inner = cut(below, reference[:-1])
        lower.append(np.column_stack([inner.lower, np.full(len(inner.lower), start)]))
        upper.append(np.column_stack([inner.upper, np.full(len(inner.upper), edge)]))
        start, below = edge, better
    return Boxes(np.concatenate(lower), np.concatenate(upper))


def _sampled(front: np.ndarray, mean: np.ndarray, spread: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The integral of the probability to dominate, over the undominated region."""
    bottom = np.minimum((mean - DEEPEST * spread).min(0), reference - 1e-9)
    unit = qmc.Sobol(len(reference), seed=0).random(SAMPLES)
    points = bottom + unit * (reference - bottom)
    points = points[~(front[None] <= points[:, None]).all(2).any(1)]
    share = np.ones((len(mean), len(points)))
    for axis in range(len(reference)):
        share *= ndtr(
            (points[None, :, axis] - mean[:, axis, None]) / np.maximum(spread[:, axis, None], 1e-12)
        )
    return share.sum(1) * np.prod(reference - bottom) / SAMPLES
