"""A network as pure functions of its weights: the one place where nnx objects are taken apart and put together.

`nnx.jit` would do the same with eight times the dispatch cost, so everything above works on `Weights`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from ecojax.errors import InputError
from ecojax.models.families import family

FITTED_INPUTS = 5000  # that `Network.fit` looks at: enough for millions of patches
PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


class Weights(NamedTuple):
    """Trained parameters, and the statistics that go with them: means and variances of batch norm, whitening."""

    parameters: nnx.State
    statistics: nnx.State


class FlaxNetwork:
    """A Flax module as pure functions of its weights, with its inputs normalised inside.

    Subclasses are frozen dataclasses, equal where their programs are, that give these attributes, `_build` and `fits`.

    Attributes:
        family: what kind of network it is, in a word. architecture: what tells it from others of its kind, in pairs.
        input_shape: of one input. mean, std: what inputs are normalised by; of uint8 inputs, in units of 0..1.
        outputs: logits, or predicted values.
        targets: mean and standard deviation of what is predicted; None for logits.
    """

    family: str
    architecture: tuple[tuple[str, Any], ...]
    input_shape: tuple[int, ...]
    outputs: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    precision: str
    targets: tuple[float, float] | None

    @property
    def input_type(self) -> Any:
        """The type of the inputs: uint8 for those of three axes (height, width, channels), float32 for features."""
        return jnp.uint8 if len(self.input_shape) == 3 else jnp.float32

    @property
    def fits(self) -> bool:
        """Whether some weights are computed from training inputs (a whitening stem, say)."""
        return False

    def _build(self, key: jax.Array) -> nnx.Module:
        raise NotImplementedError

    def _call_in_training(
        self, model: Any, inputs: jax.Array, dropout_rate: jax.Array | float, key: jax.Array | None
    ) -> Any:
        return model(inputs, dropout_rate=dropout_rate, key=key)

    def init(self, key: jax.Array) -> Weights:
        """Fresh weights. Call it under `jax.jit`: eager initialisation dispatches every layer by itself."""
        return Weights(*nnx.split(self._build(key), nnx.Param, ...)[1:])

    def fit(self, weights: Weights, inputs: jax.Array) -> Weights:
        """The weights with those replaced that come from training inputs `[n, *input_shape]`."""
        model = nnx.merge(self._graphs[0], *weights, copy=True)
        model.fit(self.normalise(inputs[:FITTED_INPUTS]))
        return Weights(*nnx.split(model, nnx.Param, ...)[1:])

    def normalise(self, inputs: jax.Array) -> jax.Array:
        """Inputs to the network's precision, zero mean and unit variance over the training set."""
        unit = 255.0 if self.input_type == jnp.uint8 else 1.0
        mean = unit * jnp.array(self.mean, jnp.float32)
        std = unit * jnp.array(self.std, jnp.float32)
        return ((inputs.astype(jnp.float32) - mean) / std).astype(PRECISIONS[self.precision])

    def logits(self, weights: Weights, inputs: jax.Array) -> jax.Array:
        """Inference: inputs `[batch, *input_shape]` to float32 logits or predictions `[batch, outputs]`."""
        model = nnx.merge(self._graphs[1], *weights)
        return self._in_target_units(model(self.normalise(inputs)).astype(jnp.float32))

    def _in_target_units(self, outputs: jax.Array) -> jax.Array:
        return outputs if self.targets is None else outputs * self.targets[1] + self.targets[0]

    def training_logits(
        self, weights: Weights, inputs: jax.Array, *, dropout_rate: jax.Array | float, key: jax.Array | None
    ) -> tuple[jax.Array, nnx.State]:
        """Outputs for *normalised* inputs in training mode, and the statistics that this batch leaves behind.

        Without a key nothing is dropped.
        """
        model = nnx.merge(self._graphs[0], *weights, copy=True)  # batch norm writes its statistics
        outputs = self._call_in_training(model, inputs, dropout_rate, key).astype(jnp.float32)
        return self._in_target_units(outputs), nnx.split(model, nnx.Param, ...)[2]

    @property
    def parameters(self) -> int:
        """The number of trained parameters."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.abstract_weights.parameters))

    @cached_property
    def abstract_weights(self) -> Weights:
        """Shapes and types of the weights, computed without building any."""
        return self._abstract[2]

    def to_arrays(self, weights: Weights) -> dict[str, np.ndarray]:
        """Every array by its path, as in `blocks/0/0/units/0/conv/kernel`. Keys of random generators are left out."""
        flat = {**_flat(weights.parameters), **_flat(weights.statistics)}
        arrays = jax.device_get({name: leaf for name, leaf in flat.items() if not _is_key(leaf)})
        return {name: np.asarray(array) for name, array in arrays.items()}

    def from_arrays(self, arrays: Mapping[str, Any]) -> Weights:
        """The inverse of `to_arrays`. Raises `InputError` when a name or a shape does not fit this network."""
        abstract = self.abstract_weights
        expected = {**_flat(abstract.parameters), **_flat(abstract.statistics)}
        expected = {name: leaf for name, leaf in expected.items() if not _is_key(leaf)}
        for name, leaf in expected.items():
            if name not in arrays or tuple(arrays[name].shape) != leaf.shape:
                found = tuple(arrays[name].shape) if name in arrays else "nothing"
                raise InputError(
                    f"these weights belong to another network: '{name}' should be {leaf.shape}, found {found}"
                )
        extra = sorted(set(arrays) - set(expected))
        if extra:
            raise InputError(f"these weights belong to another network, which has '{extra[0]}'")

        def fill(state: nnx.State) -> nnx.State:
            leaves = [
                jax.random.split(
                    jax.random.key(0, impl="threefry2x32"), leaf.shape
                )  # an inference draws nothing
                if _is_key(leaf)
                else jnp.asarray(arrays[name])
                for name, leaf in _flat(state).items()
            ]
            return jax.tree.unflatten(jax.tree.structure(state), leaves)

        return Weights(fill(abstract.parameters), fill(abstract.statistics))

    @property
    def _graphs(self) -> tuple[Any, Any]:
        """The static halves of the module, in training and in inference mode."""
        return self._abstract[:2]

    @cached_property
    def _abstract(self) -> tuple[Any, Any, Weights]:
        """Both static halves, and shapes and types of the weights: building a module takes tens of milliseconds."""
        model = nnx.eval_shape(lambda: self._build(jax.random.key(0, impl="threefry2x32")))
        model.train()
        training = nnx.graphdef(model)
        model.eval()
        inference, *states = nnx.split(model, nnx.Param, ...)
        return training, inference, Weights(*states)


@dataclass(frozen=True)
class Network(FlaxNetwork):
    """An architecture of a family bound to an input: hashable, so that equal networks share compiled programs.

    `architecture` holds the family's keywords. Inputs `[batch, *input_shape]` are uint8, with `mean` and `std` per
    channel in units of 0..1, or float32 features, with `mean` and `std` of each; they are normalised inside. `targets`
    are the mean and standard deviation of what is predicted, None for logits.
    """

    family: str
    architecture: tuple[tuple[str, Any], ...]
    input_shape: tuple[int, ...]
    outputs: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    precision: str = "float32"
    targets: tuple[float, float] | None = None

    @cached_property
    def fits(self) -> bool:
        """Whether some weights are computed from training inputs (a whitening stem, say)."""
        return hasattr(family(self.family).module(), "fit")

    def _build(self, key: jax.Array) -> nnx.Module:
        return family(self.family).build(
            dict(self.architecture),
            input_shape=self.input_shape,
            outputs=self.outputs,
            dtype=PRECISIONS[self.precision],
            rngs=nnx.Rngs(key),
        )


def _is_key(leaf: Any) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def _flat(state: nnx.State) -> dict[str, Any]:
    """Leaves by path, in the order in which JAX flattens the state."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {
        "/".join(str(getattr(key, "key", "")) for key in path if hasattr(key, "key")): leaf
        for path, leaf in leaves
    }
