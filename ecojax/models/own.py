"""A user's own Flax model as pure functions of its weights: any `nnx.Module`, or a Linen module."""

import inspect
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen, nnx

from ecojax.errors import InputError
from ecojax.models.network import FlaxNetwork

# what Linen modules call the argument that says whether they train
TELLS = ("train", "training", "is_training", "deterministic", "use_running_average")

Builder = Callable[[Mapping[str, Any], nnx.Rngs], Any]


@dataclass(frozen=True, eq=False)
class OwnNetwork(FlaxNetwork):
    """The model that `build(configuration, rngs)` gives, bound to its inputs.

    Equal to another where both have the same layers and shapes: their inferences are one program. With a `mean`, inputs
    reach the model with zero mean and unit variance; without, as they are.

    Raises whatever `build` raises, and `InputError` where it gives no Flax module.
    """

    build: Builder
    configuration: Mapping[str, Any]
    input_shape: tuple[int, ...]
    inputs: str  # the type of the inputs, as NumPy calls it
    outputs: int
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    precision: str = "float32"
    targets: tuple[float, float] | None = None
    family: str = field(default="own", init=False)
    architecture: tuple[tuple[str, Any], ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "architecture", tuple(self.configuration.items()))

    @property
    def input_type(self) -> Any:
        return jnp.dtype(self.inputs)

    def normalise(self, inputs: jax.Array) -> jax.Array:
        return super().normalise(inputs) if self.mean else inputs

    @cached_property
    def identity(self) -> Hashable:
        """Equal for models of the same layers and shapes."""
        training, inference, weights = self._abstract
        leaves, structure = jax.tree.flatten(weights)
        shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)
        inputs = (self.input_shape, self.inputs, self.mean, self.std, self.precision, self.targets)
        return training, inference, structure, shapes, inputs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnNetwork) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    def __repr__(self) -> str:
        # what the search knows an inference by: two models are one where this text is
        return f"OwnNetwork({self.identity!r})"

    def _build(self, key: jax.Array) -> nnx.Module:
        rngs = nnx.Rngs(key)
        model = self.build(self.configuration, rngs)
        if isinstance(model, linen.Module):
            example = jnp.zeros((1, *self.input_shape), self.input_type)
            return _Linen(model, self.normalise(example), rngs)
        if not isinstance(model, nnx.Module):
            raise InputError(
                f"the model that was built is a {type(model).__name__}; return a flax.nnx.Module or a "
                "flax.linen.Module"
            )
        return model

    def _call_in_training(
        self, model: Any, inputs: jax.Array, dropout_rate: jax.Array | float, key: jax.Array | None
    ) -> Any:
        return model(inputs)


class _Linen(nnx.Module):
    """A Linen module with its variables, told whether it trains by the argument that it has for that, if any.

    `train()` and `eval()` set `deterministic`, as they do for layers of nnx.
    """

    def __init__(self, module: linen.Module, example: jax.Array, rngs: nnx.Rngs):
        names = inspect.signature(type(module).__call__).parameters
        self.told = next((name for name in TELLS if name in names), None)
        self.deterministic = True
        self.module = nnx.bridge.ToNNX(module, rngs=rngs)
        nnx.bridge.lazy_init(self.module, example, **self._mode())

    def __call__(self, inputs: jax.Array) -> Any:
        mutable = False if self.deterministic else ["batch_stats"]
        rngs: Any = {} if self.deterministic else None  # an inference draws nothing; None: its own
        return self.module(inputs, rngs=rngs, mutable=mutable, **self._mode())

    def _mode(self) -> dict[str, bool]:
        if self.told is None:
            return {}
        return {self.told: self.deterministic == (self.told in ("deterministic", "use_running_average"))}
