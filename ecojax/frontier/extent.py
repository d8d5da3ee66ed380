"""How far a frontier reaches, and how evenly: whether there is something to choose from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecojax.frontier.intervals import half_width_95
from ecojax.study import Metric, Trial
from ecojax.study.metrics import SMALLEST

LEAST_SPACED = 3  # members, before there is anything that could be uneven


@dataclass(frozen=True)
class Extent:
    """The reach of a frontier's members.

    members: how many there are. apart: how many of them differ from each other by more than their intervals.
    best: the best of each objective that is no cost, in the metric's unit.
    spans: the dearest over the cheapest, by objective that is a cost; without those that cost nothing somewhere.
    spacing: how unevenly the members are spaced, 0 where all are equally far from their nearest: the standard deviation
    of those distances (Schott, "Fault tolerant design using single and multicriteria genetic algorithm optimization",
    MIT, 1995), on the metrics' scales, each from 0 to 1 over the frontier. None below three members.
    """

    members: int
    apart: int
    best: dict[str, float]
    spans: dict[str, float]
    spacing: float | None


def extent_of(objectives: Sequence[Metric], quality: Metric, members: Sequence[Trial]) -> Extent:
    """The extent of `members`, which have all objectives, best first."""
    values = {metric.name: [trial.metrics[metric.name] for trial in members] for metric in objectives}
    costs = [metric for metric in objectives if metric.is_cost and metric.name != quality.name]
    others = [metric for metric in objectives if metric not in costs] if members else []
    ratios = {
        metric.name: max(values[metric.name]) / max(min(values[metric.name]), SMALLEST)
        for metric in costs
        if members and min(values[metric.name]) > 0
    }
    return Extent(
        members=len(members),
        apart=_apart(objectives, members),
        best={one.name: (max if one.direction == "maximize" else min)(values[one.name]) for one in others},
        spans=ratios,
        spacing=_spacing(
            np.array([metric.weighed(np.array(values[metric.name])) for metric in objectives]).T
        ),
    )


def _apart(objectives: Sequence[Metric], members: Sequence[Trial]) -> int:
    """The members that differ from all counted before them by more than both intervals, in one objective at least."""

    def differ(one: Trial, other: Trial) -> bool:
        for metric in objectives:
            halves = [half_width_95(metric, trial.metrics) or 0.0 for trial in (one, other)]
            if abs(one.metrics[metric.name] - other.metrics[metric.name]) > math.hypot(*halves):
                return True
        return False

    counted: list[Trial] = []
    for trial in members:
        if all(differ(trial, other) for other in counted):
            counted.append(trial)
    return len(counted)


def _spacing(points: np.ndarray) -> float | None:
    """Schott's spacing of `points` `[n, m]`."""
    if len(points) < LEAST_SPACED:
        return None
    span = np.ptp(points, axis=0)
    scaled = points / np.where(span > 0, span, 1.0)
    distances = np.abs(scaled[:, None] - scaled[None]).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    return float(np.std(distances.min(axis=1), ddof=1))
