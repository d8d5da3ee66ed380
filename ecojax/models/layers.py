"""What the families share: activations, optional batch norm, down-sampling, dropout with a traced rate."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": nnx.relu,
    "silu": nnx.silu,
    "gelu": nnx.gelu,
}

# Short trainings leave no time for Flax's default of 0.99: the statistics would still hold their first guess.
BATCH_NORM_MOMENTUM = 0.9


class Norm(nnx.Module):
    """Batch norm, or nothing at all, by `kind` ("batch" or "none")."""

    def __init__(self, kind: str, features: int, *, dtype: Any, rngs: nnx.Rngs):
        self.norm = nnx.data(None)
        if kind == "batch":
            self.norm = nnx.BatchNorm(features, momentum=BATCH_NORM_MOMENTUM, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return x if self.norm is None else self.norm(x)


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


def dropout(x: jax.Array, rate: jax.Array | float, key: jax.Array | None) -> jax.Array:
    """Inverted dropout of `x` at `rate`, which may be traced; no key, no dropout.

    Drawn and scaled in float32 whatever `x` is: bfloat16 has no number between 0.996 and 1.
    """
    if key is None:
        return x
    keep = 1.0 - jnp.asarray(rate, jnp.float32)
    kept = jax.random.bernoulli(key, keep, x.shape)
    return jnp.where(kept, x.astype(jnp.float32) / keep, 0.0).astype(x.dtype)
