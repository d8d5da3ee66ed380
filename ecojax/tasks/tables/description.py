"""What describes a model that takes rows of numbers, and tells classes apart or predicts a target."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from ecojax.errors import InputError
from ecojax.tasks.description import MAX_INPUTS, Finite, Spread, first_problem, require
from ecojax.tasks.supervised.description import FamilyDescription
from ecojax.tasks.tables.inputs import TableInputs


class TableDescription(FamilyDescription):
    """`mean` and `std` are each feature's. `target_mean` and `target_std` are None where there are classes."""

    task: Literal["tables"] = "tables"
    feature_names: Annotated[list[str], Field(min_length=1, max_length=MAX_INPUTS)]
    target_name: str
    target_mean: Finite | None
    target_std: Spread | None

    @classmethod
    def of_study(cls, settings: Mapping[str, Any], configuration: Mapping[str, Any]) -> "TableDescription":
        inputs = TableInputs.from_record(settings.get("inputs"))
        network = inputs.network(configuration, settings["resolved_precision"])
        mean, std = inputs.targets or (None, None)
        try:
            return cls(
                family=network.family,
                architecture=dict(network.architecture),
                mean=list(network.mean),
                std=list(network.std),
                precision=network.precision,  # type: ignore[arg-type]  # pydantic looks whether it is one of them
                class_names=list(inputs.class_names),
                feature_names=list(inputs.feature_names),
                target_name=inputs.target_name,
                target_mean=mean,
                target_std=std,
            )
        except ValidationError as error:
            raise InputError(f"this network cannot be exported: {first_problem(error)}") from None

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (len(self.feature_names),)

    @property
    def outputs(self) -> int:
        return len(self.class_names) or 1

    @property
    def targets(self) -> tuple[float, float] | None:
        if self.target_mean is None or self.target_std is None:
            return None
        return self.target_mean, self.target_std

    @property
    def samples(self) -> str:
        return "rows"

    @property
    def purpose(self) -> str:
        count = len(self.feature_names)
        features = f"{count} feature{'' if count == 1 else 's'}"
        if self.class_names:
            return f"Classifies rows of {features} into {self.outputs} classes."
        return f"Predicts {self.target_name or 'a number'} from rows of {features}."

    @property
    def data(self) -> str:
        gives = f"Logits `[n, {self.outputs}]` float32."
        if self.targets is not None:
            gives = "Predictions `[n, 1]` float32, in the target's own unit."
        return (
            f"Numbers `[n, {len(self.feature_names)}]` (n, features), in the units of the data; the model normalises "
            f"them itself. {gives}"
        )

    @property
    def lists(self) -> dict[str, Sequence[str]]:
        return {"Features": self.feature_names, **super().lists}

    @property
    def example(self) -> str:
        return f"rows = np.zeros((2, {len(self.feature_names)}), np.float32)  # yours: n, features"

    def checked(self, inputs: Any) -> np.ndarray:
        rows, count = np.asarray(inputs), len(self.feature_names)
        if rows.dtype.kind not in "fiub":
            raise InputError(f"rows are {rows.dtype}, this model takes numbers; convert them to float32")
        if rows.ndim not in (1, 2) or rows.shape[-1] != count:
            raise InputError(
                f"rows have shape {rows.shape}; this model takes [n, {count}] or a single [{count}], the features in "
                "the order of model.description.feature_names"
            )
        return rows.astype(np.float32).reshape(-1, count)

    @model_validator(mode="after")
    def _check_target(self) -> "TableDescription":
        missing = (self.target_mean is None, self.target_std is None)
        require(missing[0] == missing[1], "target_mean and target_std should both be numbers, or neither")
        require(missing[0] == bool(self.class_names), "there should be either classes or a target")
        return self
