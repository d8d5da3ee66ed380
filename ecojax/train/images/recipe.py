"""The recipe of training on images: its search parameters, and its numbers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ecojax.space import Choice, Int, Parameter
from ecojax.train.recipe import DROPOUT, Recipe, learning_parameters, widest_learning


def recipe_parameters(image_shape: tuple[int, int, int], training_images: int) -> tuple[Parameter, ...]:
    """The search parameters of training on so many images of `(height, width, channels)`."""
    return (*learning_parameters(training_images), DROPOUT, *augmentation_parameters(image_shape))


def augmentation_parameters(image_shape: tuple[int, int, int]) -> tuple[Parameter, ...]:
    """The search parameters of the augmentation of images of `(height, width, channels)`.

    `flip` mirrors each image in every second epoch, `crop` shifts by up to that many pixels, `cutout` blanks a square
    of that side (DeVries & Taylor 2017).
    """
    side = min(image_shape[:2])
    return (
        Choice("flip", (False, True), default=False),
        Int("crop", 0, max(1, side // 8), default=0),
        Choice("crop_padding", ("zero", "reflect"), default="zero"),
        Int("cutout", 0, max(1, side // 4), default=0),
    )


def widest_recipe(image_shape: tuple[int, int, int]) -> tuple[Parameter, ...]:
    """The parameters of the recipe with all that a training can take; `batch_size` depends on the data alone."""
    side = min(image_shape[:2])
    return (
        *widest_learning(),
        Choice("flip", (False, True)),
        Int("crop", 0, max(1, side - 1)),
        Choice("crop_padding", ("zero", "reflect")),
        Int("cutout", 0, max(1, side)),
    )


def image_recipe(configuration: Mapping[str, Any]) -> Recipe:
    """The recipe of a configuration, with the numbers of an `ImageAugmentation`.

    Those are flip and reflect (0 or 1), crop and cutout (pixels); what the configuration lacks is 0.
    """
    recipe = Recipe.from_configuration(configuration)
    strengths = {name: float(configuration.get(name, 0)) for name in ("flip", "crop", "cutout")}
    reflect = float(configuration.get("crop_padding") == "reflect")
    return replace(recipe, numbers={**recipe.numbers, **strengths, "reflect": reflect})
