"""Convolutional networks, from ECOpt's plain stacks to small residual and depthwise networks.

    stem:   convolution → norm → activation, at full resolution
    stage:  `depth` blocks → down-sampling                         (× `stages`)
    head:   global average or flatten → dropout → dense

With `block="plain"`, `depth=1`, `norm="none"`, `growth=1` and `head="flatten"` this is exactly the space of ECOpt
(arXiv 2601.08991): its network of L layers is a stem and L - 1 stages.
"""

from typing import Any

import jax
from flax import nnx

from ecojax.jax_devices import platform
from ecojax.models.images.convolution import convolution_for
from ecojax.models.images.downsampling import Downsample
from ecojax.models.layers import ACTIVATIONS, Norm, dropout


class ConvUnit(nnx.Module):
    """Convolution (stride 1, same padding) → norm → activation; depthwise when `depthwise`."""

    def __init__(
        self,
        features_in: int,
        features_out: int,
        kernel: int,
        *,
        norm: str,
        activation: str | None,
        dtype: Any,
        rngs: nnx.Rngs,
        depthwise: bool = False,
    ):
        self.conv = nnx.Conv(
            features_in,
            features_out,
            (kernel, kernel),
            feature_group_count=features_in if depthwise else 1,
            use_bias=norm == "none",
            kernel_init=nnx.initializers.he_normal(),
            conv_general_dilated=convolution_for(platform()),
            dtype=dtype,
            rngs=rngs,
        )
        self.norm = Norm(norm, features_out, dtype=dtype, rngs=rngs)
        self.activation = activation

    def __call__(self, x: jax.Array) -> jax.Array:
        x = self.norm(self.conv(x))
        return x if self.activation is None else ACTIVATIONS[self.activation](x)


class Block(nnx.Module):
    """One block of a stage, `[batch, height, width, in]` → `[batch, height, width, out]`.

    "plain": one unit. "residual": two units around a skip (He et al. 2016, basic block; a 1 × 1 projection
    where the width changes). "depthwise": depthwise and pointwise unit (Howard et al. 2017).
    """

    def __init__(
        self,
        kind: str,
        features_in: int,
        features_out: int,
        kernel: int,
        *,
        norm: str,
        activation: str,
        **kw: Any,
    ):
        self.kind, self.activation = kind, activation
        self.project = nnx.data(None)
        if kind == "plain":
            units = [ConvUnit(features_in, features_out, kernel, norm=norm, activation=activation, **kw)]
        elif kind == "residual":
            units = [
                ConvUnit(features_in, features_out, kernel, norm=norm, activation=activation, **kw),
                ConvUnit(features_out, features_out, kernel, norm=norm, activation=None, **kw),
            ]
            if features_in != features_out:
                self.project = ConvUnit(features_in, features_out, 1, norm=norm, activation=None, **kw)
        elif kind == "depthwise":
            units = [
                ConvUnit(
                    features_in, features_in, kernel, norm=norm, activation=activation, depthwise=True, **kw
                ),
                ConvUnit(features_in, features_out, 1, norm=norm, activation=activation, **kw),
            ]
        else:
            raise ValueError(f"block kind {kind!r} is none of plain, residual, depthwise")
        self.units = nnx.List(units)

    def __call__(self, x: jax.Array) -> jax.Array:
        y = x
        for unit in self.units:
            y = unit(y)
        if self.kind != "residual":
            return y
        skip = x if self.project is None else self.project(x)
        return ACTIVATIONS[self.activation](y + skip)


class ConvNet(nnx.Module):
    """Images `[batch, height, width, channels]`, normalised, to logits `[batch, classes]`.

    Args: `stages` of `depth` blocks, the s-th (from 0) `width × growth^s` wide; `kernel` the side of every
    convolution but the pointwise; `pooling` "max", "average", "stride" or "none" at the end of each stage.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        outputs: int,
        *,
        stages: int,
        depth: int,
        width: int,
        growth: float,
        kernel: int,
        block: str,
        norm: str,
        pooling: str,
        activation: str,
        head: str,
        dtype: Any,
        rngs: nnx.Rngs,
    ):
        height, columns, channels = input_shape
        common = {"norm": norm, "activation": activation, "dtype": dtype, "rngs": rngs}
        self.stem = ConvUnit(channels, width, kernel, **common)
        blocks, downsamples, features = [], [], width
        for stage in range(stages):
            target = round(width * growth**stage)
            stage_blocks = []
            for _ in range(depth):
                stage_blocks.append(Block(block, features, target, kernel, **common))
                features = target
            blocks.append(nnx.List(stage_blocks))
            downsamples.append(Downsample(pooling, features, dtype=dtype, rngs=rngs))
            if pooling != "none" and min(height, columns) >= 2:
                height, columns = height // 2, columns // 2
        self.blocks, self.downsamples = nnx.List(blocks), nnx.List(downsamples)
        self.head = head
        self.dense = nnx.Linear(
            features * (height * columns if head == "flatten" else 1), outputs, dtype=dtype, rngs=rngs
        )

    def __call__(
        self, x: jax.Array, *, dropout_rate: jax.Array | float = 0.0, key: jax.Array | None = None
    ) -> jax.Array:
        x = self.stem(x)
        for blocks, downsample in zip(self.blocks, self.downsamples, strict=True):
            for block in blocks:
                x = block(x)
            x = downsample(x)
        x = x.reshape(x.shape[0], -1) if self.head == "flatten" else x.mean((1, 2))
        return self.dense(dropout(x, dropout_rate, key))
