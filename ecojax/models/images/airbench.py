"""Keller Jordan's fast network for small images (airbench94, arXiv 2404.00498), and the space around it.

    stem:   whitening convolution over 2 × 2 patches, frozen but for its bias → GELU
    group:  `group_depth` 3 × 3 convolutions, each → norm → GELU, with one halving by max pooling   (× 3)
    head:   largest value of each channel → dropout → dense, scaled

The whitening kernel is computed from training images (`fit`), so it belongs to the statistics of the network, not
to its trained parameters.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from ecojax.errors import InputError
from ecojax.jax_devices import platform
from ecojax.models.images.convolution import CANONICAL, convolution_for
from ecojax.models.images.downsampling import Downsample
from ecojax.models.images.views import VIEWS, mean_over_views
from ecojax.models.images.whitening import PATCH, whitening_kernel
from ecojax.models.layers import dropout

# As published: the statistics follow the weights, which change fast; the head starts near indifference.
BATCH_NORM_MOMENTUM = 0.6
HEAD_SCALE = 1 / 9


class Frozen(nnx.Variable):
    """Weights that are computed, not trained."""


class WhiteningStem(nnx.Module):
    """`[batch, height, width, in]` → `[batch, height - 1, width - 1, 8 in]`: patches, decorrelated, in both signs."""

    def __init__(self, channels: int, *, dtype: Any, rngs: nnx.Rngs):
        components = PATCH * PATCH * channels
        shape = (PATCH, PATCH, channels, 2 * components)
        self.kernel = Frozen(nnx.initializers.he_normal()(rngs.params(), shape))  # until `fit`
        self.bias = nnx.Param(jnp.zeros(2 * components))
        self.dtype = dtype

    def __call__(self, x: jax.Array) -> jax.Array:
        kernel, bias = (variable[...].astype(self.dtype) for variable in (self.kernel, self.bias))
        convolution = convolution_for(platform())
        return convolution(x, kernel, (1, 1), "VALID", dimension_numbers=CANONICAL) + bias


class Group(nnx.Module):
    """`depth` convolutions and one pooling, `[batch, height, width, in]` → `[batch, height / 2, width / 2, out]`.

    `pooling_place` "before" or "after" the first convolution, or at the "end". A residual group adds what its first
    convolution gave to what its last one gives (airbench96).
    """

    def __init__(
        self,
        features_in: int,
        features_out: int,
        *,
        depth: int,
        pooling_place: str,
        residual: bool,
        dtype: Any,
        rngs: nnx.Rngs,
    ):
        convolutions, norms = [], []
        for index in range(depth):
            convolutions.append(
                nnx.Conv(
                    features_out if index else features_in,
                    features_out,
                    (3, 3),
                    use_bias=False,
                    kernel_init=identity_and_noise,
                    conv_general_dilated=convolution_for(platform()),
                    dtype=dtype,
                    rngs=rngs,
                )
            )
            norms.append(
                nnx.BatchNorm(
                    features_out, momentum=BATCH_NORM_MOMENTUM, use_scale=False, dtype=dtype, rngs=rngs
                )
            )
        self.convolutions, self.norms = nnx.List(convolutions), nnx.List(norms)
        self.pool = Downsample("max", features_out, dtype=dtype, rngs=rngs)
        self.pooling_place, self.residual = pooling_place, residual and depth > 1

    def __call__(self, x: jax.Array) -> jax.Array:
        if self.pooling_place == "before":
            x = self.pool(x)
        skip, last = x, len(self.convolutions) - 1
        for index, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = convolution(x)
            if index == 0 and self.pooling_place == "after":
                x = self.pool(x)
            x = norm(x)
            if index == last and self.residual:
                x = x + skip
            x = nnx.gelu(x, approximate=False)
            if index == 0:
                skip = x
        return self.pool(x) if self.pooling_place == "end" else x


class Airbench(nnx.Module):
    """Images `[batch, height, width, channels]`, normalised, to logits `[batch, classes]`.

    Args: `first_width`, `second_width`, `third_width` channels of the groups; `test_views` how an image is looked at in
    inference (`ecojax.models.images.views`), which multiplies its arithmetic by 1, 2 or 6. Raises `InputError` for
    images without a 2 × 2 patch.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        outputs: int,
        *,
        first_width: int,
        second_width: int,
        third_width: int,
        group_depth: int,
        pooling_place: str,
        residual: bool,
        test_views: str,
        dtype: Any,
        rngs: nnx.Rngs,
    ):
        height, width, channels = input_shape
        if min(height, width) < PATCH:
            raise InputError(
                f"the airbench family needs images of at least {PATCH} × {PATCH} pixels, not {height} × {width}; "
                "choose another family"
            )
        self.whitening = WhiteningStem(channels, dtype=dtype, rngs=rngs)
        groups, features = [], 2 * PATCH * PATCH * channels
        for target in (first_width, second_width, third_width):
            groups.append(
                Group(
                    features,
                    target,
                    depth=group_depth,
                    pooling_place=pooling_place,
                    residual=residual,
                    dtype=dtype,
                    rngs=rngs,
                )
            )
            features = target
        self.groups = nnx.List(groups)
        self.dense = nnx.Linear(
            features, outputs, use_bias=False, kernel_init=uniform_by_fan_in, dtype=dtype, rngs=rngs
        )
        self.test_views = VIEWS[test_views]
        self.deterministic = False  # `train()` and `eval()` set it

    def fit(self, images: jax.Array) -> None:
        """Whitens the stem by normalised training images `[n, height, width, channels]`."""
        self.whitening.kernel[...] = whitening_kernel(images)

    def __call__(
        self, x: jax.Array, *, dropout_rate: jax.Array | float = 0.0, key: jax.Array | None = None
    ) -> jax.Array:
        def logits(x: jax.Array) -> jax.Array:
            x = nnx.gelu(self.whitening(x), approximate=False)
            for group in self.groups:
                x = group(x)
            return HEAD_SCALE * self.dense(dropout(x.max((1, 2)), dropout_rate, key))

        return mean_over_views(logits, x, self.test_views) if self.deterministic else logits(x)


uniform_by_fan_in = nnx.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def identity_and_noise(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """A kernel `[height, width, in, out]` whose first `in` filters hand on their channel; the others are uniform noise.

    A convolution that widens is then born as a skip connection beside new features (Dirac initialisation).
    """
    height, width, features_in, features_out = shape
    handed_on = min(features_in, features_out)
    identity = jnp.zeros((height, width, features_in, handed_on), dtype)
    channels = jnp.arange(handed_on)
    identity = identity.at[height // 2, width // 2, channels, channels].set(1.0)
    return uniform_by_fan_in(key, shape, dtype).at[..., :handed_on].set(identity)
