"""How good a front is, in one number: hypervolume and IGD+. On the host, in float64."""

from bisect import bisect_left

import numpy as np
from numpy.typing import ArrayLike

from ecojax.engine.dominance import is_non_dominated
from ecojax.errors import InputError


def hypervolume(F: ArrayLike, reference: ArrayLike) -> float:
    """The volume that the points of `F` dominate, up to the reference point. Exact for any number of objectives.

    Two objectives take one sort. Three take a sweep over a staircase (Fonseca, Paquete and López-Ibáñez, CEC 2006).
    More are reduced to three by exclusive volumes of limited sets (While, Bradstreet and Barone, "A fast way of
    calculating exact hypervolumes", IEEE TEC 16(1), 2012), which grows exponentially with the objectives.

    Args:
        F: [n, m], objectives, minimised. Points not better than the reference in every objective add nothing; a row
            with NaN or infinity is a failed trial and is left out.
        reference: [m], finite.

    Returns:
        The volume; 0 where no point counts.

    Raises:
        InputError: the shapes do not fit together, or the reference is not finite.
    """
    reference = np.asarray(reference, dtype=np.float64)
    points = np.asarray(F, dtype=np.float64)
    if points.size == 0:
        return 0.0
    if reference.ndim != 1 or points.ndim != 2 or points.shape[1] != reference.size:
        raise InputError(
            f"objectives [points, objectives] of shape {points.shape} need a reference of as many objectives, "
            f"got shape {reference.shape}"
        )
    if not np.isfinite(reference).all():
        raise InputError(f"the reference point must be finite, got {reference.tolist()}")
    points = points[np.isfinite(points).all(axis=1) & (points < reference).all(axis=1)]
    return _volume(points, reference)


def igd_plus(F: ArrayLike, true_front: ArrayLike) -> float:
    """Mean distance from the true front to the nearest point, counting only the objectives in which it is worse.

    IGD+ of Ishibuchi, Masuda, Tanigaki and Nojima, EMO 2015. Unlike IGD it never calls a dominating set worse.

    Args:
        F: [n, m], objectives, minimised; rows with NaN or infinity are left out.
        true_front: [k, m], points of the true front.

    Returns:
        The distance, 0 at best; infinity where no row of `F` counts.

    Raises:
        InputError: the shapes do not fit together, or the true front is empty or not finite.
    """
    points, front = np.asarray(F, dtype=np.float64), np.asarray(true_front, dtype=np.float64)
    if front.ndim != 2 or front.size == 0 or not np.isfinite(front).all():
        raise InputError(f"a true front is a finite matrix [points, objectives], got shape {front.shape}")
    if points.size == 0:
        return float("inf")
    if points.ndim != 2 or points.shape[1] != front.shape[1]:
        raise InputError(
            f"objectives of shape {points.shape} cannot be compared with a front of shape {front.shape}"
        )
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) == 0:
        return float("inf")
    nearest = [np.linalg.norm(np.maximum(points - target, 0), axis=1).min() for target in front]
    return float(np.mean(nearest))


def _volume(points: np.ndarray, reference: np.ndarray) -> float:
    """Hypervolume of points [n, m], all strictly better than the reference."""
    n, m = points.shape
    if n == 0:
        return 0.0
    if m == 1:
        return float(reference[0] - points.min())
    if m == 2:
        first, second = points[np.argsort(points[:, 0])].T
        widths = np.diff(first, append=reference[0])
        return float(widths @ (reference[1] - np.minimum.accumulate(second)))
    points = points[is_non_dominated(points)]
    points = points[np.argsort(points[:, -1], kind="stable")]
    if m == 3:
        return _volume_by_staircase(points, reference)
    # From worst to best in the last objective, each point adds the slab under it that no better one covers.
    heights = reference[-1] - points[:, -1]
    base = points[:, :-1]
    exclusive = [
        np.prod(reference[:-1] - base[i]) - _volume(np.maximum(base[:i], base[i]), reference[:-1])
        for i in range(len(points))
    ]
    return float(heights @ np.asarray(exclusive))


def _volume_by_staircase(points: np.ndarray, reference: np.ndarray) -> float:
    """Sweep along the third objective, in which `points` [n, 3] ascend, over the staircase of the first two."""
    end_x, end_y, end_z = reference.tolist()
    xs, ys = [-np.inf, end_x], [end_y, -np.inf]
    volume = area = 0.0
    depth = end_z
    for x, y, z in points.tolist():
        volume += area * (z - depth)
        depth = z
        step = left = bisect_left(xs, x)
        if xs[left] > x:  # a step that starts before x reaches over it
            step -= 1
        right = step
        while ys[right] > y:
            area += (xs[right + 1] - max(xs[right], x)) * (ys[right] - y)
            right += 1
        if right > step:
            xs[left:right] = [x]
            ys[left:right] = [y]
    return volume + area * (end_z - depth)
