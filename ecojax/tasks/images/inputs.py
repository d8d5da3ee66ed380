"""What the networks of image classification need to know of the data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from ecojax.errors import InputError
from ecojax.models import family
from ecojax.space.tables import explain

if TYPE_CHECKING:
    from ecojax.models.network import Network


@dataclass(frozen=True)
class ImageInputs:
    """What is left of a dataset in a network: with a configuration, it is enough to build it again.

    `image_shape` is (height, width, channels); `mean` and `std` are per channel, in units of 0..1.
    """

    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def network(self, configuration: Mapping[str, Any], precision: str) -> "Network":
        """The network of a configuration. Those that differ in training only have equal ones."""
        from ecojax.models.network import Network

        if "family" not in configuration:
            raise InputError("the configuration names no model family")
        chosen = family(str(configuration["family"]))
        return Network(
            family=chosen.name,
            architecture=tuple(chosen.architecture(configuration, self.image_shape).items()),
            input_shape=self.image_shape,
            outputs=len(self.class_names),
            mean=self.mean,
            std=self.std,
            precision=precision,
        )

    def to_record(self) -> dict[str, Any]:
        """As JSON holds it; `from_record` reads it back."""
        return {field.name: list(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_record(cls, record: Any) -> "ImageInputs":
        """Raises `InputError` for what `to_record` does not give."""
        try:
            given = TypeAdapter(cls).validate_json(json.dumps(record), strict=True)
        except ValidationError as error:
            raise InputError(f"the study's inputs are damaged: {explain(error, prefix='inputs')}") from None
        return given
