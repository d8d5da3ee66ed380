"""All of a trained model but its weights, in plain values: what an export needs to build it again. Imports no JAX.

A description may come from anywhere. It is checked key by key before anything is built, and never runs code.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ecojax.errors import InputError

if TYPE_CHECKING:
    from ecojax.models.network import FlaxNetwork

PORTABLE_AS = "portable"  # the fact that names the kind of description of a task's models

# What no model of ours comes near; it keeps a damaged file from asking for all the memory there is.
MAX_INPUTS = 1 << 26  # numbers in one input
MAX_CLASSES = 1 << 20

Size = Annotated[int, Field(ge=1, le=MAX_INPUTS)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Spread = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Precision = Literal["float32", "bfloat16"]


class Description(BaseModel):
    """What a kind of model shares with all others. `task` names the kind.

    Attributes:
        class_names: one for each logit, in order; none where numbers are predicted.
        samples: what the inputs are called, in the plural.
        title: what kind of network it is. purpose: what it does, in a sentence. data: what it takes and gives, in
            sentences. lists: what else a reader needs to know the order of, by its name: the classes, the features.
        example: Python for two inputs, in a variable called `samples`.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    task: str
    precision: Precision
    class_names: list[str]

    @classmethod
    def kind(cls) -> str:
        """Its name on the shelf of `ecojax.tasks.descriptions`, which is the only `task` that its records have."""
        name: str = cls.model_fields["task"].default
        return name

    @classmethod
    def of_study(cls, settings: Mapping[str, Any], configuration: Mapping[str, Any]) -> Self:
        """That of a trial's model, by what its study holds. Raises `InputError` where that is damaged."""
        raise NotImplementedError

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Self:
        """The inverse of `to_record`. Raises `InputError` naming the key that is wrong."""
        try:
            return cls.model_validate(dict(record))
        except ValidationError as error:
            raise InputError(first_problem(error)) from None

    def to_record(self) -> dict[str, Any]:
        """As JSON holds it."""
        return self.model_dump()

    def network(self, build: Callable[..., Any] | None = None) -> "FlaxNetwork":
        """The network, without weights. `build` is the user's own function, for models of the user's own.

        Raises `InputError` when its parts do not fit together, and whatever `build` raises.
        """
        raise NotImplementedError

    def require_fitting(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Raises `InputError` where weights are another network's, as far as that can be told without its code."""
        self.network().from_arrays(arrays)

    def checked(self, inputs: Any) -> np.ndarray:
        """Inputs `[n, ...]` as the network takes them; a single one counts as n = 1. Raises `InputError` for others."""
        raise NotImplementedError

    @property
    def samples(self) -> str:
        raise NotImplementedError

    @property
    def title(self) -> str:
        raise NotImplementedError

    @property
    def purpose(self) -> str:
        raise NotImplementedError

    @property
    def data(self) -> str:
        raise NotImplementedError

    @property
    def lists(self) -> dict[str, Sequence[str]]:
        return {"Classes": self.class_names} if self.class_names else {}

    @property
    def example(self) -> str:
        raise NotImplementedError

    @property
    def builder(self) -> str | None:
        """Where the user's own function is, as `module:name` or `file.py:name`; None for networks of ours."""
        return None


def require(condition: bool, problem: str) -> None:
    """Raises `ValueError`, as pydantic's validators do."""
    if not condition:
        raise ValueError(problem)


def first_problem(error: ValidationError) -> str:
    """The first problem in words, with its key."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    return f"{key}: {message}" if key else message
