"""Convolutions on blocks of pixels against the stock one: the same sums, whatever block, kernel and padding."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from ecojax.models.images.blocking import BLOCKS, CANONICAL, block_for, blocked_convolution
from ecojax.models.images.convolution import loop_safe_convolution


@st.composite
def convolutions(
    draw: Any,
) -> tuple[tuple[int, ...], tuple[int, ...], list[tuple[int, int]], tuple[int, int]]:
    """Shapes of image and kernel, padding, block."""
    rows, columns = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    kernel = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    pads = [(draw(st.integers(0, size + 1)), draw(st.integers(0, size + 1))) for size in kernel]
    for axis, extent in enumerate((rows, columns)):  # something must come out
        if extent + sum(pads[axis]) < kernel[axis]:
            pads[axis] = (kernel[axis], 0)
    block = draw(st.sampled_from([*BLOCKS, (1, 1), (3, 2), (5, 1)]))
    return (2, rows, columns, draw(st.integers(1, 3))), kernel, pads, block


@settings(deadline=None, max_examples=60)
@given(convolutions(), st.integers(1, 4))
def test_every_block_gives_the_stock_convolution(drawn: Any, features: int) -> None:
    image, size, pads, block = drawn
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=image), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(*size, image[-1], features)), jnp.float32)
    expected = lax.conv_general_dilated(x, kernel, (1, 1), pads, dimension_numbers=CANONICAL)
    found = blocked_convolution(x, kernel, pads, block)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


# in and out; the blocks that they are trained on are in the second half, both ways
CHANNELS = [(1, 1), (3, 1), (2, 2), (4, 4), (3, 17), (12, 12), (16, 16), (17, 17), (5, 50), (50, 3)]


@pytest.mark.parametrize("kernel", [1, 3, 5, 9])
@pytest.mark.parametrize("channels", CHANNELS, ids=str)
def test_training_has_the_stock_value_and_gradients(channels: tuple[int, int], kernel: int) -> None:
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, 16, 11, channels[0])), jnp.float32)
    k = jnp.asarray(rng.normal(size=(kernel, kernel, *channels)), jnp.float32)
    cotangent = jnp.asarray(rng.normal(size=(2, 16, 11, channels[1])), jnp.float32)

    def all_three(convolution: Any) -> Any:
        @jax.jit
        def all_three(x: jax.Array, k: jax.Array) -> tuple[jax.Array, ...]:
            y, pull = jax.vjp(
                lambda x, k: convolution(x, k, (1, 1), "SAME", dimension_numbers=CANONICAL), x, k
            )
            return y, *pull(cotangent)

        return all_three(x, k)

    for found, expected in zip(
        all_three(loop_safe_convolution), all_three(lax.conv_general_dilated), strict=True
    ):
        scale = float(jnp.abs(expected).max())
        np.testing.assert_allclose(found / scale, expected / scale, atol=1e-5)


def test_without_a_gradient_the_arithmetic_is_the_stock_convolutions() -> None:
    """What is metered is what others will run."""
    x, k = jnp.ones((64, 32, 32, 3)), jnp.ones((9, 9, 3, 1))
    assert block_for(x.shape, k.shape) != (1, 1)

    def flops(convolution: Any) -> float:
        cost = jax.jit(lambda x, k: convolution(x, k, (1, 1), "SAME", dimension_numbers=CANONICAL))
        return float(cost.lower(x, k).cost_analysis()["flops"])

    assert flops(loop_safe_convolution) == flops(lax.conv_general_dilated)


@pytest.mark.parametrize(
    ("image", "kernel"),
    [
        ((64, 32, 32, 64), (3, 3, 64, 64)),  # vectors are full
        ((64, 32, 32, 3), (3, 3, 3, 96)),  # so many kernels that blocks would only add products with zero
        ((64, 2, 2, 1), (3, 3, 1, 1)),  # the kernel is larger than the image
        ((64, 3, 3, 1), (3, 3, 1, 1)),  # a block would be nearly all of the image
    ],
)
def test_channels_that_suffice_and_images_that_do_not_are_left_alone(image: Any, kernel: Any) -> None:
    assert block_for(image, kernel) == (1, 1)
