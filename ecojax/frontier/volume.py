"""Hypervolume: the share of a box, between a reference and perfection, that a frontier dominates.

On the scales on which a search weighs gains (`Metric.scale`), so that half the energy is worth the same wherever it is
halved, and the last per cent of an accuracy is seen; or plainly, on the metrics as they are.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ecojax.errors import InputError
from ecojax.study import Metric

_DIMENSIONS = {1: "way", 2: "area"}


def reference_of(metric: Metric, values: Iterable[float]) -> float:
    """From where gains count, in the metric's unit: chance, the worst that there can be, or the worst of `values`.

    What is minimised without a chance level is counted from the worst of `values`: the dearest on record.
    """
    if metric.chance is not None:
        return metric.chance
    if metric.direction == "maximize" and math.isfinite(metric.least):
        return metric.least
    return min(values) if metric.direction == "maximize" else max(values)


def ideal_of(metric: Metric, reference: float, values: Iterable[float], *, plain: bool = False) -> float:
    """Up to where they count: `Metric.ideal`, or plainly perfection; where there is no end, the best of `values`."""
    ideal = metric.best if plain else metric.ideal(reference)
    if math.isinf(ideal):
        ideal = max(values) if metric.direction == "maximize" else min(values)
    return ideal


def share_of_box(
    metrics: Sequence[Metric],
    values: Sequence[Sequence[float]],
    reference: Mapping[str, float],
    *,
    plain: bool = False,
) -> float:
    """The share that `values` `[objectives][members]` dominate of the box between `reference` and the ideals, 0 to 1.

    Raises `InputError` for a reference at the ideal, which leaves no box.
    """
    from ecojax.engine.hypervolume import hypervolume

    axes = []
    for metric, figures in zip(metrics, values, strict=True):
        at = reference[metric.name]
        ideal = ideal_of(metric, at, figures, plain=plain)
        best, worst, *axis = _placed(metric, [ideal, at, *figures], plain=plain).tolist()
        width = worst - best
        if width <= 0 and (metric.direction == "maximize" or metric.chance is not None):
            side = "less" if metric.direction == "maximize" else "more"
            raise InputError(
                f"the reference {metric.name} = {at:g} leaves no box; give {side} than {ideal:g}"
            )
        # what goes beyond an end that is not perfection counts as being there
        axes.append(np.maximum(np.array(axis) - best, 0.0) / (width if width > 0 else 1.0))
    return hypervolume(np.stack(axes, axis=1), np.ones(len(axes)))


def in_words(metrics: Sequence[Metric]) -> str:
    """What the hypervolume of so many objectives is: "area in logit accuracy × log energy"."""
    return f"{_DIMENSIONS.get(len(metrics), 'volume')} in {' × '.join(one.said_on_scale for one in metrics)}"


def _placed(metric: Metric, values: Sequence[float], *, plain: bool) -> np.ndarray:
    """`values` on the metric's scale, or plainly; less is better."""
    return (
        np.array([metric.minimised(value) for value in values]) if plain else metric.weighed(np.array(values))
    )
