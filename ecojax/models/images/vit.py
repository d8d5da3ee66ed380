"""Small Vision Transformers (Dosovitskiy et al., arXiv 2010.11929), for images of any size.

    tokens:   patches → one linear map → learnt positions added     (a class token before them, if that is pooled)
    layer:    norm → self-attention → added; norm → MLP with GELU → added          (× `encoder_layers`)
    head:     norm → class token or mean over tokens → dense

Where a patch does not divide the image, rows and columns of zeros, the mean of the training images, are added below
and to the right.
"""

from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from ecojax.errors import InputError
from ecojax.models.layers import dropout

MOST_TOKENS = 4096  # attention takes the square of them in memory
POSITION_SCALE = 0.02  # standard deviation of fresh positions, as published


class Encoder(nnx.Module):
    """One layer, `[batch, tokens, width]` → the same, norms first (Xiong et al., arXiv 2002.04745)."""

    def __init__(self, width: int, heads: int, hidden: int, *, dtype: Any, rngs: nnx.Rngs):
        self.norm_attention = nnx.LayerNorm(width, dtype=dtype, rngs=rngs)
        together = heads * -(-width // heads)
        self.attention = nnx.MultiHeadAttention(
            heads, width, together, width, decode=False, dtype=dtype, rngs=rngs
        )
        self.norm_mlp = nnx.LayerNorm(width, dtype=dtype, rngs=rngs)
        self.expand = nnx.Linear(width, hidden, dtype=dtype, rngs=rngs)
        self.contract = nnx.Linear(hidden, width, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array, dropout_rate: jax.Array | float, key: jax.Array | None) -> jax.Array:
        keys = (None, None) if key is None else jax.random.split(key)
        x = x + dropout(self.attention(self.norm_attention(x)), dropout_rate, keys[0])
        return x + dropout(self.contract(nnx.gelu(self.expand(self.norm_mlp(x)))), dropout_rate, keys[1])


class ViT(nnx.Module):
    """Images `[batch, height, width, channels]`, normalised, to logits `[batch, classes]`.

    Args: `patch_size` pixels a side; `token_width` features of a token, shared out among `attention_heads` (rounded up,
    where they do not divide them); the MLP of a layer is `mlp_ratio` times as wide; `token_pooling` "mean" or "class".
    Raises `InputError` for more than `MOST_TOKENS` patches.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        outputs: int,
        *,
        patch_size: int,
        token_width: int,
        encoder_layers: int,
        attention_heads: int,
        mlp_ratio: float,
        token_pooling: str,
        dtype: Any,
        rngs: nnx.Rngs,
    ):
        height, width, channels = input_shape
        self.patch_size, self.grid = patch_size, (-(-height // patch_size), -(-width // patch_size))
        if prod(self.grid) > MOST_TOKENS:
            raise InputError(
                f"patch_size = {patch_size} cuts {height} × {width} pixels into {prod(self.grid)} patches, "
                f"{MOST_TOKENS} are the limit; take larger patches"
            )
        self.embed = nnx.Linear(patch_size**2 * channels, token_width, dtype=dtype, rngs=rngs)
        self.class_token = nnx.data(None)
        if token_pooling == "class":
            self.class_token = nnx.Param(jnp.zeros(token_width))
        tokens = prod(self.grid) + (token_pooling == "class")
        self.positions = nnx.Param(
            POSITION_SCALE * jax.random.normal(rngs.params(), (tokens, token_width), jnp.float32)
        )
        hidden = max(1, round(mlp_ratio * token_width))
        self.layers = nnx.List(
            [
                Encoder(token_width, attention_heads, hidden, dtype=dtype, rngs=rngs)
                for _ in range(encoder_layers)
            ]
        )
        self.norm = nnx.LayerNorm(token_width, dtype=dtype, rngs=rngs)
        self.dense = nnx.Linear(token_width, outputs, dtype=dtype, rngs=rngs)

    def __call__(
        self, x: jax.Array, *, dropout_rate: jax.Array | float = 0.0, key: jax.Array | None = None
    ) -> jax.Array:
        x = self.embed(self._patches(x))
        if self.class_token is not None:
            first = jnp.broadcast_to(self.class_token[...].astype(x.dtype), (len(x), 1, x.shape[-1]))
            x = jnp.concatenate([first, x], 1)
        x = x + self.positions[...].astype(x.dtype)
        for index, layer in enumerate(self.layers):
            x = layer(x, dropout_rate, None if key is None else jax.random.fold_in(key, index))
        x = self.norm(x)
        return self.dense(x.mean(1) if self.class_token is None else x[:, 0])

    def _patches(self, x: jax.Array) -> jax.Array:
        """`[batch, height, width, channels]` → `[batch, patches, patch_size² channels]`, row by row."""
        batch, height, width, channels = x.shape
        (rows, columns), side = self.grid, self.patch_size
        x = jnp.pad(x, ((0, 0), (0, rows * side - height), (0, columns * side - width), (0, 0)))
        x = x.reshape(batch, rows, side, columns, side, channels).transpose(0, 1, 3, 2, 4, 5)
        return x.reshape(batch, rows * columns, side**2 * channels)
