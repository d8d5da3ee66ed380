"""Down-sampling: halves the height and width of images."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx


class Downsample(nnx.Module):
    """Halves height and width of `[batch, height, width, channels]`, or leaves them, by `kind`.

    "max" and "average" pool 2 × 2 windows; "stride" is a 2 × 2 convolution of stride 2, written as a matrix
    product over patches (the same arithmetic, and fast in a loop on every backend). An odd last row or column
    is dropped, as `padding="VALID"` would. An image too small to halve stays as it is.
    """

    def __init__(self, kind: str, features: int, *, dtype: Any, rngs: nnx.Rngs):
        self.kind = kind
        self.project = nnx.data(None)
        if kind == "stride":
            self.project = nnx.Linear(4 * features, features, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        if self.kind == "none" or min(height, width) < 2:
            return x
        rows, columns = height // 2, width // 2
        patches = x[:, : 2 * rows, : 2 * columns].reshape(batch, rows, 2, columns, 2, channels)
        if self.kind == "max":
            # pair by pair: the gradient of a reduction's maximum takes three times as long on a CPU
            pairs = jnp.maximum(patches[:, :, 0], patches[:, :, 1])
            return jnp.maximum(pairs[:, :, :, 0], pairs[:, :, :, 1])
        if self.kind == "average":
            return patches.mean((2, 4))
        return self.project(patches.transpose(0, 1, 3, 2, 4, 5).reshape(batch, rows, columns, 4 * channels))
