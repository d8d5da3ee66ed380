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

FITTED_IMAGES = 5000  # that `Network.fit` looks at: enough for millions of patches
PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


class Weights(NamedTuple):
    """Trained parameters, and the statistics that go with them: means and variances of batch norm, whitening."""

    parameters: nnx.State
    statistics: nnx.State


@dataclass(frozen=True)
class Network:
    """An architecture bound to an input: hashable, so that equal networks share compiled programs.

    `architecture` holds the family's keywords; images are `[batch, height, width, channels]` uint8, and are
    normalised by `mean` and `std` (per channel, in units of 0..1) inside.
    """

    family: str
    architecture: tuple[tuple[str, Any], ...]
    image_shape: tuple[int, int, int]
    num_classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    precision: str = "float32"

    def init(self, key: jax.Array) -> Weights:
        """Fresh weights. Call it under `jax.jit`: eager initialisation dispatches every layer by itself."""
        return Weights(*nnx.split(self._build(key), nnx.Param, ...)[1:])

    @cached_property
    def fits(self) -> bool:
        """Whether some weights are computed from training images (a whitening stem, say)."""
        return hasattr(family(self.family).module(), "fit")

    def fit(self, weights: Weights, images: jax.Array) -> Weights:
        """The weights with those replaced that come from training images `[n, height, width, channels]`, uint8."""
        model = nnx.merge(self._graphs[0], *weights, copy=True)
        model.fit(self.normalise(images[:FITTED_IMAGES]))
        return Weights(*nnx.split(model, nnx.Param, ...)[1:])

    def normalise(self, images: jax.Array) -> jax.Array:
        """uint8 images to the network's precision, zero mean and unit variance over the training set."""
        mean = 255.0 * jnp.array(self.mean, jnp.float32)
        std = 255.0 * jnp.array(self.std, jnp.float32)
        return ((images.astype(jnp.float32) - mean) / std).astype(PRECISIONS[self.precision])

    def logits(self, weights: Weights, images: jax.Array) -> jax.Array:
        """Inference: uint8 images `[batch, height, width, channels]` to float32 logits `[batch, classes]`."""
        model = nnx.merge(self._graphs[1], *weights)
        return model(self.normalise(images)).astype(jnp.float32)

    def training_logits(
        self, weights: Weights, images: jax.Array, *, dropout_rate: jax.Array | float, key: jax.Array | None
    ) -> tuple[jax.Array, nnx.State]:
        """Logits of *normalised* images in training mode, and the statistics that this batch leaves behind.

        Without a key nothing is dropped.
        """
        model = nnx.merge(self._graphs[0], *weights, copy=True)  # batch norm writes its statistics
        logits = model(images, dropout_rate=dropout_rate, key=key).astype(jnp.float32)
        return logits, nnx.split(model, nnx.Param, ...)[2]

    @property
    def parameters(self) -> int:
        """The number of trained parameters."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.abstract_weights.parameters))

    @cached_property
    def abstract_weights(self) -> Weights:
        """Shapes and types of the weights, computed without building any."""
        return self._abstract[2]

    def to_arrays(self, weights: Weights) -> dict[str, np.ndarray]:
        """Every array by its path, as in `blocks/0/0/units/0/conv/kernel`."""
        flat = jax.device_get([*_flat(weights.parameters).items(), *_flat(weights.statistics).items()])
        return {name: np.asarray(array) for name, array in flat}

    def from_arrays(self, arrays: Mapping[str, Any]) -> Weights:
        """The inverse of `to_arrays`. Raises `InputError` when a name or a shape does not fit this network."""
        abstract = self.abstract_weights
        expected = {**_flat(abstract.parameters), **_flat(abstract.statistics)}
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
            names = list(_flat(state))
            return jax.tree.unflatten(
                jax.tree.structure(state), [jnp.asarray(arrays[name]) for name in names]
            )

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

    def _build(self, key: jax.Array) -> nnx.Module:
        return family(self.family).build(
            dict(self.architecture),
            image_shape=self.image_shape,
            num_classes=self.num_classes,
            dtype=PRECISIONS[self.precision],
            rngs=nnx.Rngs(key),
        )


def _flat(state: nnx.State) -> dict[str, Any]:
    """Leaves by path, in the order in which JAX flattens the state."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {
        "/".join(str(getattr(key, "key", "")) for key in path if hasattr(key, "key")): leaf
        for path, leaf in leaves
    }
