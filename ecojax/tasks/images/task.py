"""Image classification: a dataset, the families that may learn it, and the recipe they are trained by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ecojax.data import ImageDataset
from ecojax.models import FAMILIES
from ecojax.origins import Origins
from ecojax.space import Parameter
from ecojax.tasks.images.augmentation import augmentation_in
from ecojax.tasks.images.description import ImageDescription
from ecojax.tasks.images.inputs import ImageInputs
from ecojax.tasks.supervised.families import OfFamilies
from ecojax.tasks.supervised.task import largest
from ecojax.train.images.recipe import image_recipe, recipe_parameters, widest_recipe
from ecojax.train.recipe import Recipe

if TYPE_CHECKING:
    from ecojax.train.program import TrainingProgram


@dataclass(frozen=True)
class ImageClassification(OfFamilies):
    """The task of telling `dataset`'s classes apart, in `precision` ("float32" or "bfloat16").

    `epochs` are the passes over the training images, `inference_batch` the images of one metered call.
    `tables` and `pins` change the default space, as a configuration file's `[space]` and `[pin]` do; `source`
    says where they came from, in errors.
    """

    dataset: ImageDataset
    families: Sequence[str]
    precision: str = "float32"
    epochs: int = 10
    inference_batch: int = 64
    tables: Mapping[str, Any] | None = None
    pins: Mapping[str, Any] | None = None
    source: str | Origins = "the search settings"

    samples, description = "images", ImageDescription
    possible = tuple(FAMILIES)

    def recipe_parameters(self) -> Sequence[Parameter]:
        return recipe_parameters(self.dataset.image_shape, len(self.dataset.x_train))

    def widest_recipe(self) -> Sequence[Parameter]:
        return widest_recipe(self.dataset.image_shape)

    def recipe(self, configuration: Mapping[str, Any]) -> Recipe:
        return image_recipe(configuration)

    @cached_property
    def inputs(self) -> ImageInputs:
        """What a network of this task needs to know of the data."""
        data = self.dataset
        return ImageInputs(
            image_shape=data.image_shape,
            class_names=data.class_names,
            mean=tuple(float(value) for value in data.mean),
            std=tuple(max(float(value), 1e-3) for value in data.std),  # a constant channel stays finite
        )

    def in_precision(self, precision: str) -> "ImageClassification":
        return replace(self, precision=precision)

    def program(self, configuration: Mapping[str, Any]) -> "TrainingProgram":
        """The program that trains a configuration; equal programs share one compilation."""
        from ecojax.train.loss import Classification
        from ecojax.train.program import TrainingProgram

        recipe = self.recipe(configuration)
        return TrainingProgram(
            self.network(configuration),
            recipe.optimizer,
            recipe.batch_size,
            loss=Classification(len(self.dataset.class_names)),
            augmentation=augmentation_in(self.space),
            drops=largest(self.space, "dropout") > 0,
        )
