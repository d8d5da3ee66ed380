"""What the families share: activations, optional batch norm, dropout with a traced rate."""

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


def dropout(x: jax.Array, rate: jax.Array | float, key: jax.Array | None) -> jax.Array:
    """Inverted dropout of `x` at `rate`, which may be traced; no key, no dropout.

    Drawn and scaled in float32 whatever `x` is: bfloat16 has no number between 0.996 and 1.
    """
    if key is None:
        return x
    keep = 1.0 - jnp.asarray(rate, jnp.float32)
    kept = jax.random.bernoulli(key, keep, x.shape)
    return jnp.where(kept, x.astype(jnp.float32) / keep, 0.0).astype(x.dtype)
