"""How much a point would add to the hypervolume of a front: what a proposal is chosen by."""

import numpy as np

from ecojax.search.hypervolume import hypervolume


def hypervolume_improvement(front: np.ndarray, points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The hypervolume that each of `points` `[n, m]` alone would add to `front` `[k, m]`, `[n]`; all minimised.

    Two objectives are done for all points at once; with more, one after the other.
    """
    if front.shape[1] != 2:
        before = hypervolume(front, reference)
        return np.array([hypervolume(np.vstack([front, point]), reference) - before for point in points])
    inside = front[(front < reference).all(1)]
    order = inside[np.lexsort((inside[:, 1], inside[:, 0]))]
    keep = order[:, 1] < np.minimum.accumulate(np.append(np.inf, order[:, 1]))[:-1]
    stairs = order[keep]
    # between two steps of the staircase, the height that is not dominated yet is that of the step on the left
    left = np.append(-np.inf, stairs[:, 0])
    right = np.append(stairs[:, 0], reference[0])
    height = np.append(reference[1], stairs[:, 1])
    width = np.minimum(right, reference[0]) - np.maximum(left, points[:, :1])
    return (np.maximum(width, 0.0) * np.maximum(height - points[:, 1:], 0.0)).sum(1)
