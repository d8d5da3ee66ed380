"""What describes a classifier of images."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from ecojax.errors import InputError
from ecojax.tasks.description import MAX_CLASSES, Size, first_problem, require
from ecojax.tasks.images.inputs import ImageInputs
from ecojax.tasks.supervised.description import FamilyDescription

if TYPE_CHECKING:
    from ecojax.models.network import Network


class ImageDescription(FamilyDescription):
    """`image_shape` is (height, width, channels); `mean` and `std` are per channel."""

    task: Literal["images"] = "images"
    image_shape: Annotated[list[Size], Field(min_length=3, max_length=3)]
    num_classes: Annotated[int, Field(ge=1, le=MAX_CLASSES)]

    @classmethod
    def of(cls, network: "Network", class_names: Sequence[str]) -> "ImageDescription":
        """Raises `InputError` when the names do not fit the network, or a number is not finite."""
        try:
            return cls(
                family=network.family,
                architecture=dict(network.architecture),
                image_shape=list(network.input_shape),
                num_classes=network.outputs,
                mean=list(network.mean),
                std=list(network.std),
                precision=network.precision,  # type: ignore[arg-type]  # pydantic looks whether it is one of them
                class_names=list(class_names),
            )
        except ValidationError as error:
            raise InputError(f"this network cannot be exported: {first_problem(error)}") from None

    @classmethod
    def of_study(cls, settings: Mapping[str, Any], configuration: Mapping[str, Any]) -> "ImageDescription":
        inputs = ImageInputs.from_record(settings.get("inputs"))
        return cls.of(inputs.network(configuration, settings["resolved_precision"]), inputs.class_names)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.image_shape
        return height, width, channels

    @property
    def outputs(self) -> int:
        return self.num_classes

    @property
    def samples(self) -> str:
        return "images"

    @property
    def purpose(self) -> str:
        height, width, channels = self.input_shape
        return (
            f"Classifies images of {height} × {width} pixels and {channels} channel{'' if channels == 1 else 's'} into "
            f"{self.outputs} classes."
        )

    @property
    def data(self) -> str:
        return (
            f"uint8 images `[n, {', '.join(map(str, self.input_shape))}]` (n, height, width, channels), 0 to 255; "
            f"the model normalises them itself. Logits `[n, {self.outputs}]` float32."
        )

    @property
    def example(self) -> str:
        shape = ", ".join(map(str, self.input_shape))
        return f"images = np.zeros((2, {shape}), np.uint8)  # yours: n, height, width, channels"

    def checked(self, inputs: Any) -> np.ndarray:
        images = np.asarray(inputs)
        height, width, channels = self.input_shape
        if images.dtype != np.uint8:
            raise InputError(
                f"images are {images.dtype}, this model takes uint8 from 0 to 255 and normalises them itself; "
                "give the raw pixels"
            )
        if images.ndim not in (3, 4) or images.shape[-3:] != (height, width, channels):
            raise InputError(
                f"images have shape {images.shape}; this model takes [n, {height}, {width}, {channels}] "
                f"or a single [{height}, {width}, {channels}] (height, width, channels)"
            )
        return images.reshape(-1, height, width, channels)

    @model_validator(mode="after")
    def _check_classes(self) -> "ImageDescription":
        found = len(self.class_names)
        require(
            found == self.num_classes, f"class_names should have {self.num_classes} values, it has {found}"
        )
        return self
