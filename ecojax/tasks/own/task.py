"""A user's own model, loss, metrics and optimizer, trained on a dataset."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ecojax.errors import InputError
from ecojax.space import Parameter, SearchSpace
from ecojax.study import METRICS, Metric
from ecojax.study.metrics import Direction
from ecojax.tasks.code import told_place
from ecojax.tasks.composition import compose_space
from ecojax.tasks.description import PORTABLE_AS
from ecojax.tasks.images.augmentation import augmentation_in
from ecojax.tasks.own.description import OwnDescription
from ecojax.tasks.supervised.task import Supervised
from ecojax.train.images.recipe import augmentation_parameters, image_recipe
from ecojax.train.recipe import EMA, Recipe, learning_parameters

if TYPE_CHECKING:
    from ecojax.models.own import Builder, OwnNetwork
    from ecojax.train.loss import Loss
    from ecojax.train.program import TrainingProgram

NOT_TUNED = "batch_size"  # the parameter of ours that every training needs, whatever the optimizer


@dataclass(frozen=True)
class OwnModel(Supervised):
    """The task of training the model that `build(configuration, rngs)` gives.

    Args:
        dataset: what it learns; labels that are whole numbers are classes, others are targets.
        parameters: of the user's own, by which models differ. What else is tuned is the recipe (optimizer, schedule,
            batch size; with `augment` also flips, crops and cutout of images), unless `optimizer` is given: then of
            the recipe only the batch size is. With `ema` models are judged and kept with a moving average of their
            weights, whose decay is tuned.
        loss: `loss(outputs, y)`, a number or one a sample; by default cross-entropy or squared error.
        scores: metrics `metric(outputs, y)` of the validation split, with "maximize" or "minimize", by name; the first
            is the quality. By default the accuracy, or R².
        optimizer: an optax transformation, or a function of a configuration (and the number of steps) to one.
        pins, tables: as in a configuration file.
    """

    dataset: Any
    build: "Builder"
    parameters: tuple[Parameter, ...]
    loss: Callable[..., Any] | None = None
    scores: tuple[tuple[str, Callable[..., Any], str], ...] = ()
    optimizer: Any = None
    augment: bool = False
    ema: bool = False
    epochs: int = 10
    inference_batch: int = 64
    precision: str = "float32"
    tables: Mapping[str, Any] | None = None
    pins: Mapping[str, Any] | None = None
    source: Any = "the search settings"

    @property
    def quality(self) -> str:  # type: ignore[override]
        if self._scored:
            return self._scored[0][0]
        return "accuracy" if self._of_classes else "r2"

    @property
    def samples(self) -> str:  # type: ignore[override]
        x = self.dataset.x_train
        if x.dtype == np.uint8 and x.ndim == 4:
            return "images"
        return "rows" if x.ndim == 2 else "samples"

    @property
    def _scored(self) -> tuple[tuple[str, Callable[..., Any], str], ...]:
        """The metrics; of a loss without any, the loss itself."""
        if self.scores or self.loss is None:
            return self.scores
        return (("loss", self.loss, "minimize"),)

    @property
    def of_recipe(self) -> set[str]:
        """The names of the recipe's parameters, which the model need not read."""
        return {parameter.name for parameter in self._recipe}

    @property
    def searched(self) -> str:
        return told_place(self.build)

    @property
    def _of_classes(self) -> bool:
        return bool(np.issubdtype(self.dataset.y_train.dtype, np.integer))

    @cached_property
    def _recipe(self) -> tuple[Parameter, ...]:
        recipe: tuple[Parameter, ...] = learning_parameters(len(self.dataset.x_train))
        if self.optimizer is not None:
            recipe = tuple(parameter for parameter in recipe if parameter.name == NOT_TUNED)
        elif not self._of_classes:
            recipe = tuple(parameter for parameter in recipe if parameter.name != "label_smoothing")
        if self.augment:
            recipe += augmentation_parameters(self.dataset.x_train.shape[1:])
        return (*recipe, EMA) if self.ema else recipe

    @cached_property
    def space(self) -> SearchSpace:
        own = {parameter.name for parameter in self.parameters}  # they replace the recipe's
        recipe = (parameter for parameter in self._recipe if parameter.name not in own)
        return compose_space(
            [*self.parameters, *recipe], tables=self.tables, pins=self.pins, source=self.source
        )

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        scored = tuple(self._declared(name, _direction(way)) for name, _, way in self._scored)
        default = () if scored else (self._declared(self.quality, METRICS[self.quality].direction),)
        return (*scored, *default, *(METRICS[name] for name in ("parameters", "flops")))

    def _declared(self, name: str, direction: Direction) -> Metric:
        """The metric of the user's own; where ecojax has one of that name, what is known of that."""
        ours = METRICS.get(name)
        if ours is None or (ours.direction, ours.when) != (direction, "trained"):
            return Metric(name, direction, "", "a metric of the user's own", least=-math.inf)
        return self.on_validation(ours)

    def network(self, configuration: Mapping[str, Any]) -> "OwnNetwork":
        from ecojax.models.own import OwnNetwork

        data, inputs = self.dataset, self.dataset.x_train
        images = inputs.dtype == np.uint8 and inputs.ndim == 4
        own = {parameter.name for parameter in self.parameters}
        return OwnNetwork(
            build=self.build,
            configuration={name: value for name, value in configuration.items() if name in own},
            input_shape=tuple(inputs.shape[1:]),
            inputs=str(inputs.dtype),
            outputs=len(data.class_names) or 1,
            mean=tuple(map(float, data.mean)) if images else (),
            std=tuple(max(float(value), 1e-3) for value in data.std) if images else (),
            precision=self.precision,
        )

    def portable(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        return self._described(configuration).to_record()

    def _described(self, configuration: Mapping[str, Any]) -> OwnDescription:
        network = self.network(configuration)
        return OwnDescription.of(
            network, told_place(self.build), network.configuration, tuple(self.dataset.class_names)
        )

    def recipe(self, configuration: Mapping[str, Any]) -> Recipe:
        # a parameter of the model's may be called as one of a recipe that is not used
        ours = {name: value for name, value in configuration.items() if name in self.of_recipe}
        if self.optimizer is not None:
            ours |= {"optimizer": "sgd", "sgd_learning_rate": 0.0, "schedule": "constant"}
        recipe = image_recipe(ours) if self.augment else Recipe.from_configuration(ours)
        return replace(recipe, numbers={**recipe.numbers, "ema": ours["ema"]}) if self.ema else recipe

    def program(self, configuration: Mapping[str, Any]) -> "TrainingProgram":
        from ecojax.train.optimizer import OwnOptimizer
        from ecojax.train.program import TrainingProgram

        recipe, chosen = self.recipe(configuration), None
        if self.optimizer is not None:
            steps = self.epochs * (len(self.dataset.x_train) // recipe.batch_size)
            chosen = OwnOptimizer(self.optimizer, tuple(configuration.items()), steps)
        return TrainingProgram(
            self.network(configuration),
            chosen or recipe.optimizer,
            recipe.batch_size,
            loss=self._loss,
            augmentation=augmentation_in(self.space) if self.augment else None,
            drops=False,
            # models of the same layers may begin with other weights
            variant=tuple(self.network(configuration).configuration.items()),
            averages=self.ema,
        )

    @cached_property
    def _loss(self) -> "Loss":
        from ecojax.train.loss import Classification, OwnLoss, Regression

        y = self.dataset.y_train
        default: Loss = Classification(len(self.dataset.class_names))
        if not self._of_classes:
            default = Regression(float(y.mean()), float(y.std()) or 1.0)
        if self.loss is None and not self.scores:
            return default
        loss = self.loss
        if loss is None:

            def loss(outputs: Any, y: Any) -> Any:
                return default.training(outputs, y, {"label_smoothing": 0.0})  # type: ignore[dict-item]

        return OwnLoss(loss, tuple((name, metric) for name, metric, _ in self._scored))

    def in_precision(self, precision: str) -> "OwnModel":
        return replace(self, precision=precision)

    def facts(self) -> dict[str, Any]:
        data = self.dataset
        return {
            "dataset_title": data.title,
            "dataset_version": data.version,
            "dataset_source": data.source,
            "splits": data.splits,
            "digests": data.digests,
            "model": told_place(self.build),
            PORTABLE_AS: OwnDescription.kind(),
            "inputs": self._described(self.space.default()).facts(
                tuple(parameter.name for parameter in self.parameters)
            ),
            "space_records": self.space.to_records(),
        }


def _direction(way: str) -> Direction:
    ways: dict[str, Direction] = {
        "max": "maximize",
        "maximize": "maximize",
        "min": "minimize",
        "minimize": "minimize",
    }
    if way not in ways:
        raise InputError(f'the direction of a metric is {way!r}; write "maximize" or "minimize"')
    return ways[way]
