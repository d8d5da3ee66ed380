"""Tables: classification and regression on rows of numbers, by perceptrons and linear models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ecojax.data import Dataset
from ecojax.models import FAMILIES
from ecojax.origins import Origins
from ecojax.space import Parameter
from ecojax.study import METRICS, Metric
from ecojax.tasks.supervised.families import OfFamilies
from ecojax.tasks.supervised.task import largest
from ecojax.tasks.tables.description import TableDescription
from ecojax.tasks.tables.inputs import TableInputs
from ecojax.train.recipe import DROPOUT, learning_parameters, widest_learning

if TYPE_CHECKING:
    from ecojax.train.loss import Loss
    from ecojax.train.program import TrainingProgram

POSSIBLE = tuple(name for name, one in FAMILIES.items() if one.takes_rows)


@dataclass(frozen=True)
class Tabular(OfFamilies):
    """The task of predicting `dataset`'s classes or target from rows of numbers.

    `epochs` are the passes over the training rows, `inference_batch` the rows of one metered call. The quality is the
    accuracy, or R² of a target.
    """

    dataset: Dataset
    families: Sequence[str] = POSSIBLE
    precision: str = "float32"
    epochs: int = 10
    inference_batch: int = 64
    tables: Mapping[str, Any] | None = None
    pins: Mapping[str, Any] | None = None
    source: str | Origins = "the search settings"

    samples, description = "rows", TableDescription
    possible = POSSIBLE

    @property
    def quality(self) -> str:  # type: ignore[override]
        return "accuracy" if self.dataset.has_classes else "r2"

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        return super().metrics if self.dataset.has_classes else (*super().metrics, METRICS["rmse"])

    def recipe_parameters(self) -> Sequence[Parameter]:
        learning = learning_parameters(len(self.dataset.x_train))
        return [*(one for one in learning if self._has(one)), DROPOUT]

    def widest_recipe(self) -> Sequence[Parameter]:
        return [one for one in widest_learning() if self._has(one)]

    def _has(self, parameter: Parameter) -> bool:
        return parameter.name != "label_smoothing" or self.dataset.has_classes

    @cached_property
    def inputs(self) -> TableInputs:
        return TableInputs.of(self.dataset)

    def in_precision(self, precision: str) -> "Tabular":
        return replace(self, precision=precision)

    def program(self, configuration: Mapping[str, Any]) -> "TrainingProgram":
        """The program that trains a configuration; equal programs share one compilation."""
        from ecojax.train.program import TrainingProgram

        recipe = self.recipe(configuration)
        return TrainingProgram(
            self.network(configuration),
            recipe.optimizer,
            recipe.batch_size,
            loss=self._loss,
            drops=largest(self.space, "dropout") > 0,
        )

    @property
    def _loss(self) -> "Loss":
        from ecojax.train.loss import Classification, Regression

        targets = self.inputs.targets
        return Classification(len(self.dataset.class_names)) if targets is None else Regression(*targets)
