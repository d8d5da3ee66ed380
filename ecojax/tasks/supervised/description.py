"""What describes a network of one of our families, whatever its inputs are."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from ecojax.errors import InputError
from ecojax.models import FAMILIES
from ecojax.tasks.description import MAX_INPUTS, Description, Finite, Spread, require

if TYPE_CHECKING:
    from ecojax.models.network import Network

_TITLES = {
    "convnet": "Convolutional network",
    "mlp": "Multilayer perceptron",
    "vit": "Vision Transformer",
}


class FamilyDescription(Description):
    """A family and its architecture. `mean` and `std` are what inputs are normalised by, along their last axis."""

    family: str
    architecture: dict[str, bool | int | float | str]
    mean: list[Finite]
    std: list[Spread]

    @property
    def input_shape(self) -> tuple[int, ...]:
        raise NotImplementedError

    @property
    def outputs(self) -> int:
        return len(self.class_names)

    @property
    def targets(self) -> tuple[float, float] | None:
        """The mean and the standard deviation of what is predicted; None for classes."""
        return None

    def network(self, build: Callable[..., Any] | None = None) -> "Network":
        from ecojax.models.network import Network

        if build is not None:
            raise InputError(
                f"this is a network of our family '{self.family}'; leave the function `model` out"
            )
        names = [parameter.name for parameter in FAMILIES[self.family].parameters(self.input_shape)]
        network = Network(
            family=self.family,
            architecture=tuple((name, self.architecture[name]) for name in names),
            input_shape=self.input_shape,
            outputs=self.outputs,
            mean=tuple(self.mean),
            std=tuple(self.std),
            precision=self.precision,
            targets=self.targets,
        )
        try:
            network.abstract_weights  # noqa: B018 - shapes only; cached, so it costs nothing twice
        except Exception as error:
            raise InputError(f"the model described cannot be built: {str(error)[:200]}") from None
        return network

    @property
    def title(self) -> str:
        return _TITLES.get(self.family, self.family)

    @model_validator(mode="after")
    def _check(self) -> "FamilyDescription":
        shape = self.input_shape
        require(math.prod(shape) <= MAX_INPUTS, f"inputs of {list(shape)} numbers are absurdly large")
        for key in ("mean", "std"):
            found = len(getattr(self, key))
            require(found == shape[-1], f"{key} should have {shape[-1]} values, it has {found}")
        require(self.family in FAMILIES, f"family = {self.family!r} is none of {', '.join(FAMILIES)}")
        names = {one.name for one in FAMILIES[self.family].parameters(shape)}
        for name in sorted(names ^ set(self.architecture)):
            require(name in self.architecture, f"architecture.{name} is missing")
            require(name in names, f"architecture.{name} is unknown to the family '{self.family}'")
        problem = FAMILIES[self.family].misfit(self.architecture)
        require(not problem, f"architecture: {problem}")
        return self
