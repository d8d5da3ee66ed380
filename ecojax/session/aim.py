"""What a search optimises, and within which bounds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ecojax.study import METRICS, Metric


@dataclass(frozen=True)
class Aim:
    """The objectives, by the names of metrics; bounds as {metric: {"min" and/or "max": bound}}; and the metrics of the
    task by name, the quality first."""

    objectives: Sequence[str]
    constraints: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=lambda: METRICS)

    @property
    def quality(self) -> Metric:
        """The metric that learning curves are of."""
        return next(iter(self.metrics.values()))

    @property
    def scaled(self) -> list[bool]:
        """Of each objective, whether its metric says on which scale its gains are weighed."""
        return [self.metrics[name].scale is not None for name in self.objectives]

    def weighed(self, figures: Mapping[str, float]) -> list[float]:
        """The objectives on the scales on which gains are weighed, all minimised; NaN where a figure is missing."""
        return [float(self.metrics[name].weighed(figures.get(name, math.nan))) for name in self.objectives]
