"""Multinomial logistic regression on flattened images: the cheapest network there is."""

from math import prod
from typing import Any

import jax
from flax import nnx

from ecojax.models.layers import dropout


class Linear(nnx.Module):
    """Images `[batch, height, width, channels]`, normalised, to logits `[batch, classes]`."""

    def __init__(self, image_shape: tuple[int, int, int], num_classes: int, *, dtype: Any, rngs: nnx.Rngs):
        self.dense = nnx.Linear(prod(image_shape), num_classes, dtype=dtype, rngs=rngs)

    def __call__(
        self, x: jax.Array, *, dropout_rate: jax.Array | float = 0.0, key: jax.Array | None = None
    ) -> jax.Array:
        return self.dense(dropout(x.reshape(x.shape[0], -1), dropout_rate, key))
