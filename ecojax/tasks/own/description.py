"""What describes a model that a user's own function builds. The function itself is never part of it."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from ecojax.errors import InputError
from ecojax.tasks.description import (
    MAX_CLASSES,
    MAX_INPUTS,
    Description,
    Finite,
    Size,
    Spread,
    first_problem,
    require,
)
from ecojax.wording import option

if TYPE_CHECKING:
    from ecojax.models.own import OwnNetwork

Type = Literal[
    "bool", "uint8", "uint16", "uint32", "int8", "int16", "int32", "int64", "float16", "float32", "float64"
]


class OwnDescription(Description):
    """`model` is where the function is, as "package.module:build"; `configuration` is what it is given.

    `inputs` is the inputs' type. `mean` and `std` are those of images, per channel, in units of 0..1; none for others.
    """

    task: Literal["own"] = "own"
    model: str
    configuration: dict[str, bool | int | float | str]
    input_shape: Annotated[list[Size], Field(max_length=8)]
    inputs: Type
    outputs: Annotated[int, Field(ge=1, le=MAX_CLASSES)]
    mean: list[Finite]
    std: list[Spread]

    @classmethod
    def of(
        cls, network: "OwnNetwork", model: str, configuration: Mapping[str, Any], class_names: tuple[str, ...]
    ) -> "OwnDescription":
        """Raises `InputError` where something is not of plain values."""
        try:
            return cls(
                model=model,
                configuration=dict(configuration),
                input_shape=list(network.input_shape),
                inputs=network.inputs,  # type: ignore[arg-type]  # pydantic looks whether it is one of them
                outputs=network.outputs,
                mean=list(network.mean),
                std=list(network.std),
                precision=network.precision,  # type: ignore[arg-type]
                class_names=list(class_names),
            )
        except ValidationError as error:
            raise InputError(f"this model cannot be exported: {first_problem(error)}") from None

    @classmethod
    def of_study(cls, settings: Mapping[str, Any], configuration: Mapping[str, Any]) -> "OwnDescription":
        found = settings.get("inputs")
        stored = dict(found) if isinstance(found, Mapping) else {}
        names = stored.pop("parameters", None)
        if not isinstance(names, list):
            raise InputError("the study's inputs are damaged: inputs.parameters should be a list of names")
        own = {name: configuration[name] for name in names if name in configuration}
        try:
            return cls.model_validate(
                stored | {"configuration": own, "precision": settings.get("resolved_precision")}
            )
        except ValidationError as error:
            raise InputError(f"the study's inputs are damaged: {first_problem(error)}") from None

    def facts(self, parameters: tuple[str, ...]) -> dict[str, Any]:
        """What `of_study` reads beside a configuration. parameters: those that the function is given, by name."""
        apart = {"task", "configuration", "precision"}
        return {name: value for name, value in self.to_record().items() if name not in apart} | {
            "parameters": list(parameters)
        }

    def network(self, build: Callable[..., Any] | None = None) -> "OwnNetwork":
        from ecojax.models.own import OwnNetwork

        if build is None:
            raise InputError(
                f"this model is built by the function {self.model!r}, and a folder brings no code along; name it with "
                f"{option('model', self.model)}"
            )
        if not callable(build):
            raise InputError(
                f"{option('model')} is a {type(build).__name__}; give the function of a configuration and rngs that "
                "builds it, or its place"
            )
        network = OwnNetwork(
            build=build,
            configuration=self.configuration,
            input_shape=tuple(self.input_shape),
            inputs=self.inputs,
            outputs=self.outputs,
            mean=tuple(self.mean),
            std=tuple(self.std),
            precision=self.precision,
        )
        network.abstract_weights  # noqa: B018 - builds it, shapes only
        return network

    def require_fitting(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Nothing is known of the weights without the function that builds the network."""

    def checked(self, inputs: Any) -> np.ndarray:
        given, wanted, shape = np.asarray(inputs), np.dtype(self.inputs), tuple(self.input_shape)
        if given.dtype != wanted and (given.dtype.kind, wanted.kind) not in {("f", "f"), ("i", "i")}:
            raise InputError(f"inputs are {given.dtype}, this model takes {wanted}; convert them")
        if given.shape[given.ndim - len(shape) :] != shape or given.ndim - len(shape) not in (0, 1):
            sizes = "".join(f", {size}" for size in shape)
            raise InputError(f"inputs have shape {given.shape}; this model takes [n{sizes}] or a single one")
        return given.astype(wanted).reshape(-1, *shape)

    @property
    def samples(self) -> str:
        return "inputs"

    @property
    def title(self) -> str:
        return f"Own model ({self.model.rpartition(':')[2]})"

    @property
    def purpose(self) -> str:
        if self.class_names:
            return f"Tells {len(self.class_names)} classes apart."
        return "Predicts what its author trained it for."

    @property
    def data(self) -> str:
        sizes = ", ".join(["n", *map(str, self.input_shape)])
        normalised = ", which reach the network with zero mean and unit variance" if self.mean else ""
        return f"{self.inputs} inputs `[{sizes}]`{normalised}. Outputs as the network gives them, in float32."

    @property
    def example(self) -> str:
        sizes = ", ".join(["2", *map(str, self.input_shape)])
        return f'inputs = np.zeros(({sizes}), "{self.inputs}")  # yours'

    @property
    def builder(self) -> str:
        return self.model

    @model_validator(mode="after")
    def _check(self) -> "OwnDescription":
        require(
            math.prod(self.input_shape) <= MAX_INPUTS, f"input_shape = {self.input_shape} is absurdly large"
        )
        channels = self.input_shape[-1] if self.input_shape else 0
        for key in ("mean", "std"):
            found = len(getattr(self, key))
            require(found in (0, channels), f"{key} should have {channels} values or none, it has {found}")
        require(len(self.mean) == len(self.std), "mean and std should have as many values")
        return self
