"""Multilayer perceptrons on flattened inputs."""

from math import prod
from typing import Any

import jax
from flax import nnx

from ecojax.models.layers import ACTIVATIONS, Norm, dropout


class MLP(nnx.Module):
    """Inputs `[batch, ...]`, normalised, to `[batch, outputs]`."""

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        *,
        hidden_layers: int,
        hidden_width: int,
        norm: str,
        activation: str,
        dtype: Any,
        rngs: nnx.Rngs,
    ):
        features = prod(input_shape)
        layers, norms = [], []
        for _ in range(hidden_layers):
            layers.append(
                nnx.Linear(
                    features, hidden_width, kernel_init=nnx.initializers.he_normal(), dtype=dtype, rngs=rngs
                )
            )
            norms.append(Norm(norm, hidden_width, dtype=dtype, rngs=rngs))
            features = hidden_width
        self.layers, self.norms = nnx.List(layers), nnx.List(norms)
        self.dense = nnx.Linear(features, outputs, dtype=dtype, rngs=rngs)
        self.activation = activation

    def __call__(
        self, x: jax.Array, *, dropout_rate: jax.Array | float = 0.0, key: jax.Array | None = None
    ) -> jax.Array:
        x = x.reshape(x.shape[0], -1)
        for index, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            x = ACTIVATIONS[self.activation](norm(layer(x)))
            x = dropout(x, dropout_rate, None if key is None else jax.random.fold_in(key, index))
        return self.dense(x)
