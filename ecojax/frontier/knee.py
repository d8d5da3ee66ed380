"""The knee of a front: the member from which any further gain in one objective costs most in the others."""

import numpy as np


def knee(F: np.ndarray) -> int:
    """The row of `F` that lies farthest below the plane through the front's extremes.

    Every objective is scaled to [0, 1] over the front. With two objectives the plane is the line between the two
    extremes; with more it is the plane through the unit points, the extremes of a front that spans the cube. Below
    means towards the ideal point: on a front that bulges away from it nothing lies below, and an extreme is the knee.

    Das, "On characterizing the 'knee' of the Pareto curve based on normal-boundary intersection", Structural
    Optimization 18, 1999; Branke, Deb, Dierolf and Osswald, "Finding knees in multi-objective optimization", PPSN
    VIII, 2004.

    Args:
        F: [n, m], objectives of a front, minimised, finite; n at least 1.

    Returns:
        The row; the first of several equally far.
    """
    span = np.ptp(F, axis=0)
    scaled = (F - F.min(axis=0)) / np.where(span > 0, span, 1)
    # All planes that are parallel to the one through the unit points have a constant sum of coordinates.
    return int(np.argmin(scaled.sum(axis=1).round(12)))
