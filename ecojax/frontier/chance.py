"""Chance level: the quality of a model that has learnt nothing, and which trials are significantly better than that."""

import math
from dataclasses import dataclass

from ecojax.study import Metric, Trial

SIGNIFICANCE = 0.05  # one-sided
NORMAL_ONE_SIDED = 1.644854  # standard errors that a figure exceeds by chance with that probability


@dataclass(frozen=True)
class Chance:
    """The level of a `metric` that declares one. samples: that a share is of; None where that is not known."""

    metric: Metric

    @property
    def level(self) -> float:
        assert self.metric.chance is not None
        return self.metric.chance

    @property
    def samples(self) -> int | None:
        return self.metric.count

    def is_beaten_by(self, trial: Trial) -> bool | None:
        """Whether `trial` is significantly better than chance; None where it has no such figure.

        Of a share of known count by the exact binomial test, one-sided at 95 %: a guess would do as well with a
        probability of 5 % at most. Of another figure by its standard error, at the same level. Where neither is known,
        whatever is better than chance counts as better.
        """
        metric = self.metric
        value = trial.metrics.get(metric.name)
        if value is None:
            return None
        sign = 1.0 if metric.direction == "maximize" else -1.0
        if metric.is_share and self.samples and 0 < self.level < 1:
            from scipy.special import bdtrc  # type: ignore[import-untyped]

            # of a share that is minimised, what is counted is its complement
            right, level = (value, self.level) if sign > 0 else (1 - value, 1 - self.level)
            correct = round(right * self.samples)
            return bool(correct > 0 and bdtrc(correct - 1, self.samples, level) <= SIGNIFICANCE)
        error = 0.0
        if not metric.is_share:
            error = next(
                (trial.metrics.get(name, 0.0) for name in metric.spread if name.endswith("_se")), 0.0
            )
        margin = NORMAL_ONE_SIDED * error if math.isfinite(error) else math.inf
        return sign * value > sign * self.level + margin
