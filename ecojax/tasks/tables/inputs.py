"""What the networks of tables need to know of the data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from ecojax.data import Dataset
from ecojax.errors import InputError
from ecojax.models import family
from ecojax.space.tables import explain

if TYPE_CHECKING:
    from ecojax.models.network import Network


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
