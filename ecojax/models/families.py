"""The registry of families, and those that take any inputs: mlp and linear."""

from typing import Any

from ecojax.errors import InputError
from ecojax.models.architectures import ACTIVATION, MOST_BLOCKS, MOST_CHANNELS, NORM, Family, InputShape
from ecojax.models.images.families import AIRBENCH, CONVNET, VIT
from ecojax.space import Int, Parameter
from ecojax.spelling import did_you_mean


def family(name: str) -> Family:
    """The family called `name`. Raises `InputError` naming those there are."""
    if name not in FAMILIES:
        raise InputError(
            f"unknown model family '{name}'{did_you_mean(name, FAMILIES)}; there are {', '.join(FAMILIES)}"
        )
    return FAMILIES[name]


def _mlp_parameters(input_shape: InputShape) -> tuple[Parameter, ...]:
    return (
        Int("hidden_layers", 1, 3, default=1),
        Int("hidden_width", 8, 256, step=8, log=True, default=64),
        NORM,
        ACTIVATION,
    )


def _mlp() -> Any:
    from ecojax.models.mlp import MLP

    return MLP


def _linear() -> Any:
    from ecojax.models.linear import Linear

    return Linear


MLP = Family(
    "mlp",
    _mlp_parameters,
    _mlp,
    (Int("hidden_layers", 0, MOST_BLOCKS), Int("hidden_width", 1, MOST_CHANNELS), NORM, ACTIVATION),
    layers=lambda architecture: architecture["hidden_layers"],
    grows=frozenset({"hidden_width", "activation"}),
    takes_rows=True,
)
LINEAR = Family("linear", lambda input_shape: (), _linear, takes_rows=True)

FAMILIES = {one.name: one for one in (CONVNET, MLP, LINEAR, AIRBENCH, VIT)}
