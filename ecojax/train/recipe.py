"""The training recipe: its search parameters, and how a configuration becomes compiled shape and traced numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecojax.space import Choice, Float, Int, Parameter

MOMENTUM = 0.9

# What an inactive number of the recipe takes: it does nothing.
NEUTRAL = {
    "weight_decay": 0.0,
    "warmup": 0.0,
    "label_smoothing": 0.0,
    "dropout": 0.0,
    "flip": False,
    "crop": 0,
    "cutout": 0,
}
# What every training needs, and the parameters on which it may depend.
ALWAYS_ACTIVE: dict[str, set[str]] = {
    "optimizer": set(),
    "batch_size": set(),
    "sgd_learning_rate": {"optimizer"},
    "adamw_learning_rate": {"optimizer"},
}


def recipe_parameters(image_shape: tuple[int, int, int], training_images: int) -> tuple[Parameter, ...]:
    """The search parameters of training on so many images of `(height, width, channels)`.

    `sgd_learning_rate` and `adamw_learning_rate` are peaks after the warm-up; `warmup` is a share of all steps;
    `flip` mirrors every second image, `crop` shifts by up to that many pixels, `cutout` blanks a square of
    that side (DeVries & Taylor 2017).
    """
    side = min(image_shape[:2])
    # an epoch of fewer than four steps trains nothing
    batch_sizes = tuple(size for size in (32, 64, 128, 256) if 4 * size <= training_images) or (
        max(1, training_images // 4),
    )
    return (
        Choice("optimizer", ("sgd", "adamw"), default="adamw"),
        Float("sgd_learning_rate", 0.01, 1.0, log=True, default=0.1, when={"optimizer": ("sgd",)}),
        Float("adamw_learning_rate", 3e-4, 3e-2, log=True, default=5e-3, when={"optimizer": ("adamw",)}),
        Float("weight_decay", 1e-5, 1e-2, log=True, default=5e-4),
        Float("warmup", 0.0, 0.3, default=0.1),
        Choice("schedule", ("cosine", "linear"), default="cosine"),
        Float("label_smoothing", 0.0, 0.2, default=0.0),
        Choice("batch_size", batch_sizes, ordered=True, default=min(64, batch_sizes[-1])),
        Float("dropout", 0.0, 0.5, default=0.0),
        Choice("flip", (False, True), default=False),
        Int("crop", 0, max(1, side // 8), default=0),
        Int("cutout", 0, max(1, side // 4), default=0),
    )


@dataclass(frozen=True)
class Recipe:
    """A recipe, parted into what is compiled in and what is passed in.

    `numbers` are the traced scalars: learning_rate, weight_decay, warmup (share of steps), linear_decay (0 or 1),
    label_smoothing, dropout, flip (0 or 1), crop and cutout (pixels).
    """

    optimizer: str
    batch_size: int
    numbers: Mapping[str, float]

    @classmethod
    def from_configuration(cls, configuration: Mapping[str, Any]) -> "Recipe":
        optimizer = configuration["optimizer"]
        numbers = {name: float(configuration.get(name, nothing)) for name, nothing in NEUTRAL.items()}
        numbers["learning_rate"] = float(configuration[f"{optimizer}_learning_rate"])
        numbers["linear_decay"] = float(configuration.get("schedule") == "linear")
        return cls(optimizer, int(configuration["batch_size"]), numbers)
