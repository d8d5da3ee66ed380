"""Image classification: a dataset, the families that may learn it, and the recipe they are trained by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ecojax.data import ImageDataset
from ecojax.errors import InputError
from ecojax.models import family
from ecojax.space import Choice, SearchSpace
from ecojax.tasks.composition import compose_space, family_parameters
from ecojax.train.recipe import Recipe, recipe_parameters

if TYPE_CHECKING:
    from ecojax.models.network import Network
    from ecojax.train.program import TrainingProgram


@dataclass(frozen=True)
class ImageClassification:
    """The task of telling `dataset`'s classes apart, in `precision` ("float32" or "bfloat16").

    `tables` and `pins` change the default space, as a configuration file's `[space]` and `[pin]` do; `source`
    names that file in errors.
    """

    dataset: ImageDataset
    families: Sequence[str]
    precision: str = "float32"
    tables: Mapping[str, Any] | None = None
    pins: Mapping[str, Any] | None = None
    source: str = "the search settings"

    @cached_property
    def space(self) -> SearchSpace:
        """Architecture and recipe in one space. Raises `InputError` for tables and pins that do not fit."""
        shape, images = self.dataset.image_shape, len(self.dataset.x_train)
        parameters = [*family_parameters(self.families, shape), *recipe_parameters(shape, images)]
        space = compose_space(parameters, tables=self.tables, pins=self.pins, source=self.source)
        batch_size = space["batch_size"]
        sizes = batch_size.choices if isinstance(batch_size, Choice) else (batch_size.low, batch_size.high)
        for size in sizes:
            if not isinstance(size, int) or not 1 <= size <= images:
                raise InputError(
                    f"{self.source}: batch_size reaches {size!r}; with {images} training images it is a whole number "
                    f"from 1 to {images}: change [space.batch_size] or --train-size"
                )
        return space

    def network(self, configuration: Mapping[str, Any]) -> "Network":
        """The network of a configuration. Those that differ in training only have equal ones."""
        from ecojax.models.network import Network

        chosen = family(str(configuration["family"]))
        data = self.dataset
        return Network(
            family=chosen.name,
            architecture=tuple(chosen.architecture(configuration, data.image_shape).items()),
            image_shape=data.image_shape,
            num_classes=data.num_classes,
            mean=tuple(float(value) for value in data.mean),
            std=tuple(max(float(value), 1e-3) for value in data.std),  # a constant channel stays finite
            precision=self.precision,
        )

    def recipe(self, configuration: Mapping[str, Any]) -> Recipe:
        return Recipe.from_configuration(configuration)

    def program(self, configuration: Mapping[str, Any]) -> "TrainingProgram":
        """The program that trains a configuration; equal programs share one compilation."""
        from ecojax.train.program import TrainingProgram

        recipe = self.recipe(configuration)
        side = min(self.dataset.image_shape[:2])
        return TrainingProgram(
            self.network(configuration), recipe.optimizer, recipe.batch_size, max_shift=max(1, side // 8)
        )
