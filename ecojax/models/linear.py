"""Linear and multinomial logistic regression on flattened inputs: the cheapest network there is."""

from math import prod
from typing import Any

import jax
from flax import nnx

from ecojax.models.layers import dropout


class Linear(nnx.Module):
    """Inputs `[batch, ...]`, normalised, to `[batch, outputs]`."""

    def __init__(self, input_shape: tuple[int, ...], outputs: int, *, dtype: Any, rngs: nnx.Rngs):
        self.dense = nnx.Linear(prod(input_shape), outputs, dtype=dtype, rngs=rngs)

    def __call__(
        self, x: jax.Array, *, dropout_rate: jax.Array | float = 0.0, key: jax.Array | None = None
    ) -> jax.Array:
        return self.dense(dropout(x.reshape(x.shape[0], -1), dropout_rate, key))
