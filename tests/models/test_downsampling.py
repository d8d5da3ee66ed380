import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax import lax

from ecojax.models.images.downsampling import Downsample


def image(height: int, width: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).normal(size=(2, height, width, 3)), jnp.float32)


@pytest.mark.parametrize("size", [(4, 4), (5, 4), (4, 7), (5, 7), (2, 2), (3, 2)])
@pytest.mark.parametrize(("kind", "pool"), [("max", linen.max_pool), ("average", linen.avg_pool)])
def test_pooling_is_flaxs(kind: str, pool: object, size: tuple[int, int]) -> None:
    x = image(*size)
    down = Downsample(kind, 3, dtype=jnp.float32, rngs=nnx.Rngs(0))
    np.testing.assert_allclose(
        down(x), pool(x, (2, 2), strides=(2, 2), padding="VALID"), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("size", [(4, 6), (5, 7)])
def test_stride_is_a_two_by_two_convolution_of_stride_two(size: tuple[int, int]) -> None:
    x = image(*size)
    down = Downsample("stride", 3, dtype=jnp.float32, rngs=nnx.Rngs(0))
    down.project.bias.set_value(jnp.arange(3.0))
    kernel = down.project.kernel.get_value().reshape(2, 2, 3, 3)
    expected = lax.conv_general_dilated(
        x, kernel, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    ) + jnp.arange(3.0)
    np.testing.assert_allclose(down(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["max", "average", "stride"])
@pytest.mark.parametrize("size", [(1, 4), (4, 1), (1, 1)])
def test_what_cannot_be_halved_stays(kind: str, size: tuple[int, int]) -> None:
    x = image(*size)
    np.testing.assert_array_equal(Downsample(kind, 3, dtype=jnp.float32, rngs=nnx.Rngs(0))(x), x)


def test_no_pooling_leaves_the_image() -> None:
    x = image(4, 4)
    np.testing.assert_array_equal(Downsample("none", 3, dtype=jnp.float32, rngs=nnx.Rngs(0))(x), x)
