"""Convolutions that train fast inside a compiled loop on the CPU.

XLA's CPU backend recognises a convolution as fast only in the layout NHWC × HWIO → NHWC. The gradients that
JAX derives of a stock convolution have other layouts; XLA rewrites them outside loops, but inside `lax.scan`
they fall through to a generic kernel, 20 to 60 times slower (jax issue 12868). Here both gradients are written
as canonical convolutions, and a depthwise convolution as a sum of shifted products, which fuses. A pointwise
convolution is trained as a matrix product, and one of few channels on blocks of pixels (`blocking.py`), gradients
and all; without a gradient the convolution is the stock one, so what is metered is what others will run. Use on the
CPU only: cuDNN wants the stock call. `convolution_for(backend)` gives the right one, to be passed to
`nnx.Conv(conv_general_dilated=...)`.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ecojax.models.images.blocking import CANONICAL, VECTOR, Padding, block_for, blocked_convolution

_STOCK: ContextVar[bool] = ContextVar("_STOCK", default=False)


@contextmanager
def stock_convolutions() -> Iterator[None]:
    """Lets `loop_safe_convolution` be the stock one within the block, so that a trace shows what is convolved."""
    token = _STOCK.set(True)
    try:
        yield
    finally:
        _STOCK.reset(token)


def convolution_for(backend: str) -> Callable[..., jax.Array]:
    """The convolution to use on `backend` ("cpu", "gpu", "tpu"), with `lax.conv_general_dilated`'s signature."""
    return loop_safe_convolution if backend == "cpu" else lax.conv_general_dilated


def loop_safe_convolution(
    lhs: jax.Array,
    rhs: jax.Array,
    window_strides: Sequence[int],
    padding: Any,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    **options: Any,
) -> jax.Array:
    """`lax.conv_general_dilated`, by a faster route for 2-D stride-1 convolutions without dilation.

    Args: lhs `[batch, height, width, in]`, rhs `[kernel_height, kernel_width, in / groups, out]`.
    Returns `[batch, height', width', out]`. Anything but groups of 1, or as many groups as channels in and out,
    goes to the stock convolution unchanged.
    """
    unit_strides = not _STOCK.get() and lhs.ndim == 4 and all(stride == 1 for stride in window_strides)
    undilated = all(d == 1 for d in (*(lhs_dilation or ()), *(rhs_dilation or ())))
    if unit_strides and undilated and _is_channels_last(dimension_numbers):
        kernel_size = rhs.shape[:2]
        pads = _explicit_padding(padding, lhs.shape[1:3], kernel_size)
        within = all(
            before < size and after < size for (before, after), size in zip(pads, kernel_size, strict=True)
        )
        if within and feature_group_count == 1:
            return _convolution(lhs, rhs, pads)
        if within and feature_group_count == lhs.shape[-1] == rhs.shape[-1]:
            return _depthwise(lhs, rhs, pads)
    return lax.conv_general_dilated(
        lhs,
        rhs,
        window_strides,
        padding,
        lhs_dilation,
        rhs_dilation,
        dimension_numbers,
        feature_group_count,
        **options,
    )


def _convolution(x: jax.Array, kernel: jax.Array, pads: Padding) -> jax.Array:
    @jax.custom_vjp
    def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return _canonical(x, kernel, pads)

    def forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        return _fast(x, kernel, pads), (x, kernel)

    def backward(saved: tuple[jax.Array, jax.Array], cotangent: jax.Array) -> tuple[jax.Array, jax.Array]:
        x, kernel = saved
        # to the input: the cotangent convolved with the kernel turned by 180 degrees, in and out exchanged
        dx = _fast(cotangent, jnp.flip(kernel, (0, 1)).swapaxes(2, 3), _mirrored(pads, kernel))
        return dx, _kernel_gradient(x, kernel, cotangent, pads)

    convolve.defvjp(forward, backward)
    return convolve(x, kernel)


def _fast(x: jax.Array, kernel: jax.Array, pads: Padding) -> jax.Array:
    """The convolution in the form that XLA's CPU backend computes fastest."""
    features = kernel.shape[-1]
    if kernel.shape[:2] == (1, 1):
        return x @ kernel[0, 0]
    if (block := block_for(x.shape, kernel.shape)) != (1, 1):
        return blocked_convolution(x, kernel, pads, block)
    if features % 4:  # columns that do not fill a vector cost more than those that fill it with zeros
        return _canonical(x, _filled_up(kernel), pads)[..., :features]
    return _canonical(x, kernel, pads)


def _kernel_gradient(x: jax.Array, kernel: jax.Array, cotangent: jax.Array, pads: Padding) -> jax.Array:
    """A convolution, too: channels take the place of the batch, and the cotangent that of the kernel."""
    if kernel.shape[:2] == (1, 1):
        return jnp.einsum("bhwi,bhwo->io", x, cotangent)[None, None]
    features = kernel.shape[-1]
    if features > VECTOR // 2:
        cotangent = _filled_up(cotangent)
    dkernel = _canonical(x.transpose(3, 1, 2, 0), cotangent.transpose(1, 2, 0, 3), pads)
    return dkernel.transpose(1, 2, 0, 3)[..., :features]


def _filled_up(array: jax.Array) -> jax.Array:
    """With zeros behind the last axis, until it fills vectors."""
    return jnp.pad(array, ((0, 0),) * (array.ndim - 1) + ((0, -array.shape[-1] % VECTOR),))


def _depthwise(x: jax.Array, kernel: jax.Array, pads: Padding) -> jax.Array:
    @jax.custom_vjp
    def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return _sum_of_taps(_padded(x, pads), kernel)

    def forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        return convolve(x, kernel), (x, kernel)

    def backward(saved: tuple[jax.Array, jax.Array], cotangent: jax.Array) -> tuple[jax.Array, jax.Array]:
        x, kernel = saved
        dx = _sum_of_taps(_padded(cotangent, _mirrored(pads, kernel)), jnp.flip(kernel, (0, 1)))
        padded, columns = _padded(x, pads), kernel.shape[1]

        def tap_gradient(tap: jax.Array) -> jax.Array:
            window = lax.dynamic_slice(padded, (0, tap // columns, tap % columns, 0), cotangent.shape)
            return (window * cotangent).sum((0, 1, 2))

        # one small loop instead of a reduction a tap: a 7 x 7 kernel compiles five times faster
        taps = jnp.arange(kernel.shape[0] * columns)
        return dx, lax.map(tap_gradient, taps).reshape(kernel.shape)

    convolve.defvjp(forward, backward)
    return convolve(x, kernel)


def _sum_of_taps(padded: jax.Array, kernel: jax.Array) -> jax.Array:
    """Shifted images times kernel entries, which XLA fuses into one pass over the output.

    Summed in float32, as XLA's own convolutions of bfloat16 are.
    """
    dtype = padded.dtype
    padded, kernel = padded.astype(jnp.float32), kernel.astype(jnp.float32)
    rows, columns = kernel.shape[:2]
    height, width = padded.shape[1] - rows + 1, padded.shape[2] - columns + 1
    products = [
        padded[:, row : row + height, column : column + width] * kernel[row, column, 0]
        for row in range(rows)
        for column in range(columns)
    ]
    return functools.reduce(jnp.add, products).astype(dtype)


def _padded(x: jax.Array, pads: Padding) -> jax.Array:
    return jnp.pad(x, ((0, 0), *pads, (0, 0)))


def _mirrored(pads: Padding, kernel: jax.Array) -> list[tuple[int, int]]:
    """The padding with which a gradient with respect to the input is itself a convolution."""
    return [
        (size - 1 - before, size - 1 - after)
        for size, (before, after) in zip(kernel.shape[:2], pads, strict=True)
    ]


def _canonical(x: jax.Array, kernel: jax.Array, pads: Padding) -> jax.Array:
    if any(size > extent for size, extent in zip(kernel.shape[:2], x.shape[1:3], strict=True)):
        # a kernel larger than the image is another case that XLA leaves to its generic loop, 15 times slower
        x, pads = _padded(x, pads), [(0, 0), (0, 0)]
    return lax.conv_general_dilated(x, kernel, (1, 1), pads, dimension_numbers=CANONICAL)


def _is_channels_last(dimension_numbers: Any) -> bool:
    if isinstance(dimension_numbers, lax.ConvDimensionNumbers):
        return tuple(dimension_numbers) == ((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
    return tuple(dimension_numbers or ()) == CANONICAL


def _explicit_padding(
    padding: Any, spatial: Sequence[int], kernel_size: Sequence[int]
) -> list[tuple[int, int]]:
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(spatial, kernel_size, (1, 1), padding)
    return [(int(before), int(after)) for before, after in padding]
