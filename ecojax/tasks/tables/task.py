"""Tables: classification and regression on rows of numbers, by perceptrons and linear models."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from ecojax.data import Dataset
from ecojax.errors import InputError
from ecojax.models import family
from ecojax.origins import Origins
from ecojax.space import Parameter
from ecojax.space.tables import explain
from ecojax.study import METRICS, Metric
from ecojax.tasks.supervised.families import OfFamilies
from ecojax.tasks.supervised.task import largest
from ecojax.train.recipe import DROPOUT, learning_parameters, widest_recipe

if TYPE_CHECKING:
    from ecojax.models.network import Network
    from ecojax.train.loss import Loss
    from ecojax.train.program import TrainingProgram

POSSIBLE = ("mlp", "linear")  # the families that take rows
OF_IMAGES = ("flip", "crop", "crop_padding", "cutout")  # of the recipe


@dataclass(frozen=True)
class TableInputs:
    """What is left of a table in a network: with a configuration, it is enough to build it again.

    `mean` and `std` are each feature's own. `class_names` is empty where a target is predicted, whose mean and standard
    deviation are `targets`.
    """

    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    target_name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    targets: tuple[float, float] | None

    @classmethod
    def of(cls, data: Dataset) -> "TableInputs":
        y = data.y_train
        return cls(
            feature_names=data.feature_names,
            class_names=data.class_names,
            target_name=data.target_name,
            mean=tuple(map(float, data.mean)),
            std=tuple(float(value) or 1.0 for value in data.std),  # a constant feature stays finite
            targets=None if data.has_classes else (float(y.mean()), float(y.std()) or 1.0),
        )

    def network(self, configuration: Mapping[str, Any], precision: str) -> "Network":
        """The network of a configuration. Those that differ in training only have equal ones."""
        from ecojax.models.network import Network

        if "family" not in configuration:
            raise InputError("the configuration names no model family")
        chosen, shape = family(str(configuration["family"])), (len(self.feature_names),)
        return Network(
            family=chosen.name,
            architecture=tuple(chosen.architecture(configuration, shape).items()),
            input_shape=shape,
            outputs=len(self.class_names) or 1,
            mean=self.mean,
            std=self.std,
            precision=precision,
            targets=self.targets,
        )

    def to_record(self) -> dict[str, Any]:
        """As JSON holds it; `from_record` reads it back."""
        record = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in record.items()}

    @classmethod
    def from_record(cls, record: Any) -> "TableInputs":
        """Raises `InputError` for what `to_record` does not give."""
        try:
            return TypeAdapter(cls).validate_json(json.dumps(record), strict=True)
        except ValidationError as error:
            raise InputError(f"the study's inputs are damaged: {explain(error, prefix='inputs')}") from None


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

    samples = "rows"
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
        return [one for one in widest_recipe((8, 8, 1)) if one.name not in OF_IMAGES and self._has(one)]

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
        dropped = {"dropout"} if not largest(self.space, "dropout") else set()
        return TrainingProgram(
            self.network(configuration),
            recipe.optimizer,
            recipe.batch_size,
            max_shift=0,
            loss=self._loss,
            absent=frozenset({"flip", "crop", "cutout"} | dropped),
        )

    @property
    def _loss(self) -> "Loss":
        from ecojax.train.loss import Classification, Regression

        targets = self.inputs.targets
        return Classification(len(self.dataset.class_names)) if targets is None else Regression(*targets)
