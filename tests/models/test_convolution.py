"""The loop-safe convolution against the stock one: the same numbers, and the layout that is its point."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ecojax.models.images.convolution import CANONICAL, convolution_for, loop_safe_convolution

ONE = {"window_strides": (1, 1), "padding": "SAME", "dimension_numbers": CANONICAL}

# image [batch, height, width, in], kernel [height, width, in / groups, out], options
DENSE = [
    ((2, 6, 6, 2), (size, size, 2, 3), ONE | {"padding": padding})
    for size in (1, 2, 3, 4, 5)
    for padding in ("SAME", "VALID")
]
AWKWARD = [
    ((2, 5, 8, 2), (3, 2, 2, 3), ONE),
    ((2, 5, 8, 2), (1, 4, 2, 3), ONE | {"padding": "VALID"}),
    ((1, 2, 3, 1), (5, 5, 1, 2), ONE),  # the kernel is larger than the image
    ((2, 5, 6, 2), (3, 4, 2, 3), ONE | {"padding": ((2, 0), (1, 3))}),
    ((2, 5, 6, 2), (2, 2, 2, 3), ONE | {"padding": ((2, 2), (0, 1))}),  # more padding than a kernel reaches
]
DEPTHWISE = [
    ((2, 6, 6, 3), (size, size, 1, 3), ONE | {"feature_group_count": 3, "padding": padding})
    for size, padding in ((1, "SAME"), (2, "SAME"), (3, "VALID"), (4, "SAME"), (5, "SAME"))
] + [
    ((2, 5, 8, 3), (3, 2, 1, 3), ONE | {"feature_group_count": 3, "padding": ((0, 2), (1, 0))}),
]
OTHERWISE = [
    ((2, 6, 6, 2), (3, 3, 2, 3), ONE | {"window_strides": (2, 2)}),
    ((2, 6, 6, 2), (3, 3, 2, 3), ONE | {"window_strides": (1, 2)}),
    ((2, 6, 6, 2), (3, 3, 2, 3), ONE | {"rhs_dilation": (2, 1)}),
    ((2, 6, 6, 2), (3, 3, 2, 3), ONE | {"lhs_dilation": (2, 2), "padding": ((1, 1), (1, 1))}),
    ((2, 6, 6, 4), (3, 3, 2, 4), ONE | {"feature_group_count": 2}),
    ((2, 6, 6, 2), (3, 3, 1, 4), ONE | {"feature_group_count": 2}),  # two channels out of each
    ((2, 2, 6, 6), (3, 2, 3, 3), ONE | {"dimension_numbers": ("NCHW", "OIHW", "NCHW")}),
    ((2, 6, 6, 2), (3, 3, 3, 2), ONE | {"dimension_numbers": ("NHWC", "HWOI", "NHWC")}),
    ((2, 2, 6, 6), (3, 2, 3, 3), {"window_strides": (1, 1), "padding": "SAME"}),  # JAX's default layout
    (
        (2, 6, 2),
        (3, 2, 3),
        {"window_strides": (1,), "padding": "SAME", "dimension_numbers": ("NWC", "WIO", "NWC")},
    ),
]


def value_and_gradients(convolution: Any, x: jax.Array, kernel: jax.Array, options: Any) -> list[np.ndarray]:
    @jax.jit
    def all_three(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, ...]:
        y, pull = jax.vjp(lambda x, kernel: convolution(x, kernel, **options), x, kernel)
        # a cotangent different in every place, so that no gradient can be right by symmetry
        return y, *pull(jnp.sin(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape).astype(y.dtype))

    with jax.default_matmul_precision("float32"):  # no TF32 where there is a GPU
        return [np.asarray(array) for array in all_three(x, kernel)]


def operands(image: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(0)
    return tuple(jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in (image, kernel))


@pytest.mark.parametrize(("image", "kernel", "options"), DENSE + AWKWARD + DEPTHWISE + OTHERWISE)
def test_value_and_both_gradients_are_the_stock_convolutions(image: Any, kernel: Any, options: Any) -> None:
    x, k = operands(image, kernel)
    ours = value_and_gradients(loop_safe_convolution, x, k, options)
    stock = value_and_gradients(lax.conv_general_dilated, x, k, options)
    for found, expected in zip(ours, stock, strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


WIDE = ((4, 12, 12, 4), (7, 7, 1, 4), ONE | {"feature_group_count": 4})


@pytest.mark.parametrize(("image", "kernel", "options"), [DENSE[4], DENSE[6], DEPTHWISE[4], WIDE])
def test_bfloat16_stays_within_its_rounding(image: Any, kernel: Any, options: Any) -> None:
    x, k = (array.astype(jnp.bfloat16) for array in operands(image, kernel))
    ours = value_and_gradients(loop_safe_convolution, x, k, options)
    exact = value_and_gradients(
        lax.conv_general_dilated, x.astype(jnp.float32), k.astype(jnp.float32), options
    )
    for found, expected in zip(ours, exact, strict=True):
        assert found.dtype == jnp.bfloat16
        # eight bits of mantissa: operands and sums are rounded, the up to fifty steps of a sum are not
        assert np.abs(found.astype(np.float32) - expected).max() < 2**-7 * np.abs(expected).max()


def layouts_of_a_scanned_gradient(convolution: Any) -> set[str]:
    x, kernel = operands((4, 8, 8, 3), (3, 3, 3, 3))

    def step(kernels: list[jax.Array], x: jax.Array) -> tuple[list[jax.Array], None]:
        def loss(kernels: list[jax.Array]) -> jax.Array:
            y = x
            for k in kernels:
                y = jnp.tanh(convolution(y, k, **ONE))
            return (y**2).sum()

        return [k - 0.1 * g for k, g in zip(kernels, jax.grad(loss)(kernels), strict=True)], None

    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        scanned = jax.jit(lambda kernels, xs: lax.scan(step, kernels, xs)[0])
        text = scanned.lower([kernel, kernel], jnp.stack([x, x])).compile().as_text()
    return set(re.findall(r"dim_labels=(\w+->\w+)", text))


def test_every_convolution_of_a_scanned_gradient_step_is_canonical() -> None:
    """What makes it fast on the CPU; the stock convolution's gradients are of other layouts (jax issue 12868)."""
    assert layouts_of_a_scanned_gradient(loop_safe_convolution) == {"b01f_01io->b01f"}
    assert layouts_of_a_scanned_gradient(lax.conv_general_dilated) - {"b01f_01io->b01f"}


def test_only_the_cpu_takes_the_detour() -> None:
    assert convolution_for("cpu") is loop_safe_convolution
    assert convolution_for("gpu") is lax.conv_general_dilated
    assert convolution_for("tpu") is lax.conv_general_dilated
