"""Chance level: the accuracy of a guess, and which trials are significantly better than that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecojax.study import Trial

SIGNIFICANCE = 0.05  # one-sided


@dataclass(frozen=True)
class Chance:
    """accuracy: of a guess. images: that validation accuracies are shares of; None where the study does not say."""

    accuracy: float
    images: int | None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Chance | None":
        """The chance level by a study's settings: the one they state, else 1 over the classes; None without either."""
        accuracy = settings.get("chance_accuracy")
        if accuracy is None:
            inputs = settings.get("inputs")
            classes = inputs.get("class_names") if isinstance(inputs, Mapping) else None
            if not isinstance(classes, list | tuple) or not classes:
                return None
            accuracy = 1 / len(classes)
        validation = settings.get("splits", {}).get("validation")
        return cls(accuracy, validation.get("size") if isinstance(validation, Mapping) else None)

    def is_beaten_by(self, trial: Trial) -> bool | None:
        """Whether the accuracy of `trial` is significantly better than chance; None where it has none.

        The exact binomial test, one-sided at 95 %: a guess would get as many images right with a probability of 5 % at
        most. Where the number of images is unknown, whatever exceeds chance counts as better.
        """
        accuracy = trial.metrics.get("accuracy")
        if accuracy is None:
            return None
        if not self.images or self.accuracy >= 1:
            return accuracy > self.accuracy
        from scipy.special import bdtrc  # type: ignore[import-untyped]

        correct = round(accuracy * self.images)
        return bool(correct > 0 and bdtrc(correct - 1, self.images, self.accuracy) <= SIGNIFICANCE)
