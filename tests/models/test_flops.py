"""FLOPs of matrix products and convolutions: closed forms, XLA's count, the same on every backend."""

import math
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jax import lax

from ecojax.errors import InputError
from ecojax.models.flops import count_flops
from ecojax.models.images.convolution import loop_safe_convolution

NHWC = ("NHWC", "HWIO", "NHWC")


def shape(*sizes: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(sizes, jnp.float32)


A, B = shape(4, 5), shape(5, 6)
SQUARE = shape(5, 5)


def by_xla(fn: Any, *args: Any) -> float:
    return jax.jit(lambda *args: fn(*args)).lower(*args).cost_analysis().get("flops", 0.0)


def taps(extent: int, kernel: int, stride: int, before: int, after: int) -> int:
    """Pairs of a result and a tap that meet a pixel, one by one."""
    results = (extent + before + after - kernel) // stride + 1
    return sum(0 <= stride * y - before + k < extent for y, k in product(range(results), range(kernel)))


@pytest.mark.parametrize(
    ("fn", "args", "expected"),
    [
        (lambda a, b: a @ b, (A, B), 2 * 4 * 5 * 6),
        (lambda a, b: jnp.einsum("nij,njk->nik", a, b), (shape(3, 4, 5), shape(3, 5, 6)), 3 * 240),
        (jax.vmap(lambda a, b: a @ b), (shape(3, 4, 5), shape(3, 5, 6)), 3 * 240),
        (lambda a, b: jax.nn.gelu(a @ b) + 1, (A, B), 240),  # elementwise arithmetic does not count
        (jax.jit(lambda a, b: a @ b), (A, B), 240),
        (jax.checkpoint(lambda a, b: a @ b), (A, B), 240),
        (lambda a, b: lax.map(lambda row: row @ b, a), (A, B), 240),
        (lambda a, b: lax.scan(lambda c, _: (c @ b, None), a, length=7), (SQUARE, SQUARE), 7 * 250),
        (lambda a, b: lax.fori_loop(0, 7, lambda _, c: c @ b, a), (SQUARE, SQUARE), 7 * 250),
        (lambda a, b: lax.cond(a[0, 0] > 0, lambda: a @ b, lambda: a @ b @ b), (SQUARE, SQUARE), 2 * 250),
    ],
)
def test_a_product_counts_two_for_each_of_its_terms(fn: Any, args: Any, expected: int) -> None:
    assert count_flops(fn, *args) == expected


@pytest.mark.parametrize("convolve", [lax.conv_general_dilated, loop_safe_convolution])
@pytest.mark.parametrize(
    ("padding", "stride", "groups", "features", "expected"),
    [
        # 3 batches of 8 × 6 pixels, 4 channels; a kernel of 3 × 3
        ("VALID", 1, 1, 10, 2 * 3 * (6 * 4) * 9 * 4 * 10),
        # along 8 pixels 8 × 3 taps but for one at either end, along 6 likewise
        ("SAME", 1, 1, 10, 2 * 3 * (22 * 16) * 4 * 10),
        ("VALID", 2, 1, 10, 2 * 3 * (3 * 2) * 9 * 4 * 10),
        # an even extent at stride 2 is padded by one behind: all taps but the last
        ("SAME", 2, 1, 10, 2 * 3 * (11 * 8) * 4 * 10),
        ("SAME", 1, 4, 4, 2 * 3 * (22 * 16) * 4),  # depthwise: each channel by itself
        ("SAME", 1, 4, 8, 2 * 3 * (22 * 16) * 8),  # two results a channel
        ("VALID", 1, 2, 10, 2 * 3 * (6 * 4) * 9 * 2 * 10),  # two groups: half of the channels each
    ],
)
def test_a_convolution_counts_the_taps_that_meet_a_pixel(
    convolve: Any, padding: str, stride: int, groups: int, features: int, expected: int
) -> None:
    def fn(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return convolve(
            x, kernel, (stride, stride), padding, dimension_numbers=NHWC, feature_group_count=groups
        )

    assert count_flops(fn, shape(3, 8, 6, 4), shape(3, 3, 4 // groups, features)) == expected


def test_a_kernel_larger_than_the_image_counts_its_pixels_only() -> None:
    """2 × 2 pixels under a kernel of 7 × 7: each of 4 results meets each of 4 pixels, whatever is padded."""

    def fn(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return loop_safe_convolution(x, kernel, (1, 1), "SAME", dimension_numbers=NHWC)

    assert count_flops(fn, shape(1, 2, 2, 3), shape(7, 7, 3, 5)) == 2 * 4 * 4 * 3 * 5


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_convolution_is_counted_as_xla_does(data: Any) -> None:
    def two(strategy: Any) -> tuple[int, int]:
        return data.draw(strategy), data.draw(strategy)

    small, groups = st.integers(1, 3), data.draw(st.integers(1, 3))
    extent, kernel = two(st.integers(1, 12)), two(st.integers(1, 5))
    strides, gaps, holes = two(small), two(st.integers(1, 2)), two(st.integers(1, 2))
    padding = data.draw(st.sampled_from(["SAME", "VALID", [two(small), (data.draw(st.integers(-1, 3)), 0)]]))
    x = shape(2, *extent, groups * data.draw(small))
    k = shape(*kernel, x.shape[-1] // groups, groups * data.draw(small))

    def fn(x: jax.Array, k: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(x, k, strides, padding, gaps, holes, NHWC, groups)

    try:
        result = jax.eval_shape(fn, x, k)
    except (TypeError, ValueError):
        assume(False)
    assume(math.prod(result.shape) > 0)
    assert count_flops(fn, x, k) == by_xla(fn, x, k)


def test_a_gradient_of_a_convolution_is_counted_as_xla_does() -> None:
    """Those are convolutions with dilated images and with groups of the batch."""

    def fn(x: jax.Array, k: jax.Array, dy: jax.Array) -> Any:
        def convolve(x: jax.Array, k: jax.Array) -> jax.Array:
            return lax.conv_general_dilated(x, k, (2, 2), "SAME", (1, 1), (1, 1), NHWC, 2)

        return jax.linear_transpose(lambda k: convolve(jnp.ones(x.shape), k), k)(dy)

    args = shape(3, 8, 6, 4), shape(3, 3, 2, 6), shape(3, 4, 3, 6)
    assert count_flops(fn, *args) == by_xla(fn, *args) == 2 * 3 * (11 * 8) * 2 * 6


def test_a_product_in_a_loop_of_unknown_length_is_refused_not_counted_once() -> None:
    def fn(n: jax.Array, a: jax.Array) -> jax.Array:
        return lax.fori_loop(0, n, lambda _, a: a @ a, a)

    with pytest.raises(InputError, match="within a `while` cannot be counted"):
        count_flops(fn, jax.ShapeDtypeStruct((), jnp.int32), SQUARE)
    assert count_flops(lambda n, a: lax.fori_loop(0, n, lambda _, a: a + a, a), 3, jnp.ones(3)) == 0


NETWORKS = [
    ("linear", {}),
    ("mlp", {"hidden_layers": 3}),
    ("convnet", {"kernel": 5}),
    ("convnet", {"block": "residual", "stages": 3, "pooling": "stride", "kernel": 7}),
    ("convnet", {"block": "depthwise", "stages": 3, "depth": 2, "kernel": 7}),
    ("airbench", {"first_width": 16, "second_width": 16, "third_width": 16, "test_views": "mirror_shift"}),
    ("vit", {"token_width": 128, "attention_heads": 2}),
]


@pytest.mark.parametrize(("family", "architecture"), NETWORKS)
def test_a_network_counts_the_same_on_every_backend(
    make_network: Any, family: str, architecture: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver computes on its CPU what workers compute on an accelerator, by other convolutions."""
    image = jax.ShapeDtypeStruct((2, 16, 16, 3), jnp.uint8)

    def found(backend: str) -> int:
        with monkeypatch.context() as patch:
            patch.setattr(jax, "default_backend", lambda: backend)
            network = make_network(family, (16, 16, 3), **architecture)
            return count_flops(network.logits, network.abstract_weights, image)

    counts = {backend: found(backend) for backend in ("cpu", "gpu", "tpu")}
    assert len(set(counts.values())) == 1

    # XLA counts what is elementwise, too
    with monkeypatch.context() as patch:
        patch.setattr(jax, "default_backend", lambda: "gpu")
        network = make_network(family, (16, 16, 3), **architecture)
        assert 0.75 < counts["cpu"] / by_xla(network.logits, network.abstract_weights, image) < 1


def test_counting_leaves_the_form_of_later_convolutions_alone() -> None:
    x, k = jnp.ones((1, 8, 8, 4)), jnp.ones((3, 3, 1, 4))

    def depthwise(x: jax.Array, k: jax.Array) -> jax.Array:
        return loop_safe_convolution(x, k, (1, 1), "SAME", dimension_numbers=NHWC, feature_group_count=4)

    jax.eval_shape(depthwise, x, k)
    counted = count_flops(depthwise, x, k)
    assert counted == 2 * 22 * 22 * 4 == count_flops(depthwise, x, k)
    assert "conv_general_dilated" not in str(jax.make_jaxpr(depthwise)(x, k))
