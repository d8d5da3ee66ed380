"""Convolutions of few channels as convolutions of more, for a CPU whose vectors the channels would not fill.

A block of neighbouring pixels becomes channels, and the kernel a wider one with zeros in it: the same sums, some
products with zero among them, in a form whose training step takes XLA's CPU backend down to a fourteenth of the time
(`scripts/benchmark_search.py convolutions`).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

CANONICAL = ("NHWC", "HWIO", "NHWC")
VECTOR = 16  # float32 in a register of AVX-512
BLOCKS = ((4, 4), (2, 4), (2, 2), (1, 2))
# found by trying every block on some ninety shapes: 4 to 32 rows, 1 to 64 channels, kernels of 3 to 9
MOST_PRODUCTS, MOST_CHANNELS = 900, 96

Padding = list[tuple[int, int]]


def block_for(image: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[int, int]:
    """The rows and columns of pixels that are worth to be made channels; (1, 1) where these are enough as they are.

    Args: the shapes of `image`, `[batch, height, width, in]`, and `kernel`, `[height, width, in, out]`.
    """
    _, height, width, channels = image
    features = kernel[-1]
    if kernel[0] > height or kernel[1] > width:
        return 1, 1
    for rows, columns in BLOCKS:
        pixels = rows * columns
        few = channels * features * pixels**2 <= MOST_PRODUCTS
        if (
            few
            and max(channels, features) * pixels <= MOST_CHANNELS
            and 2 * rows <= height
            and 2 * columns <= width
        ):
            return rows, columns
    return 1, 1


def blocked_convolution(x: jax.Array, kernel: jax.Array, pads: Padding, block: tuple[int, int]) -> jax.Array:
    """A convolution of stride 1, computed on blocks of `block` = (rows, columns) of pixels.

    Args: x `[batch, height, width, in]`, kernel `[kernel_height, kernel_width, in, out]`, `pads` of zeros before and
    after the rows and the columns. Returns `[batch, height', width', out]`.
    """
    batch, height, width, channels = x.shape
    *sizes, _, features = kernel.shape
    rows, columns = (
        _Axis(extent, size, pad, length)
        for extent, size, pad, length in zip((height, width), sizes, pads, block, strict=True)
    )
    x = jnp.pad(x, ((0, 0), rows.before, columns.before, (0, 0)))
    x = x.reshape(batch, rows.blocks_in, rows.length, columns.blocks_in, columns.length, channels)
    x = x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, rows.blocks_in, columns.blocks_in, -1)

    wide = _wide_kernel(kernel, rows, columns)
    # XLA takes a slow path where nothing is padded at all: a row of blocks too many is cheaper
    inside = [rows.inside, columns.inside] if any(rows.inside + columns.inside) else [(0, 1), (0, 0)]
    y = lax.conv_general_dilated(x, wide, (1, 1), inside, dimension_numbers=CANONICAL)
    y = y[:, : rows.blocks_out, : columns.blocks_out]

    y = y.reshape(batch, rows.blocks_out, columns.blocks_out, rows.length, columns.length, features)
    y = y.transpose(0, 1, 3, 2, 4, 5)
    y = y.reshape(batch, rows.blocks_out * rows.length, columns.blocks_out * columns.length, features)
    return y[:, : rows.extent_out, : columns.extent_out]


class _Axis:
    """How one spatial axis is cut into blocks of `length`.

    `before` is padded before the cut, `inside` counts whole blocks of zeros, which are left to the convolution.
    `taps` is the length of the wide kernel in blocks.
    """

    def __init__(self, extent: int, kernel: int, pad: tuple[int, int], length: int):
        self.length, self.kernel = length, kernel
        self.extent_out = extent + sum(pad) - kernel + 1
        self.blocks_out = -(-self.extent_out // length)
        self.taps = -(-(length + kernel - 1) // length)
        total = (self.blocks_out + self.taps - 1) * length
        low, first = divmod(pad[0], length)
        high = max(0, (total - pad[0] - extent) // length)
        self.inside = (low, high)
        self.before = (first, total - pad[0] - extent - high * length)
        self.blocks_in = (first + extent + self.before[1]) // length

    def offsets(self) -> np.ndarray:
        """Which row of the kernel lies at each pixel of the taps, for each pixel of a block: `[taps, length, length]`.

        A row that is not there counts as `kernel`.
        """
        places = np.arange(self.taps * self.length).reshape(self.taps, self.length, 1) - np.arange(
            self.length
        )
        return np.where((places >= 0) & (places < self.kernel), places, self.kernel)


def _wide_kernel(kernel: jax.Array, rows: _Axis, columns: _Axis) -> jax.Array:
    """`[row taps, column taps, block × in, block × out]`: the kernel, once for each pixel of a block, shifted by it."""
    channels, features = kernel.shape[2:]
    bordered = jnp.pad(kernel, ((0, 1), (0, 1), (0, 0), (0, 0)))
    row = rows.offsets()[:, None, :, None, :, None]
    column = columns.offsets()[None, :, None, :, None, :]
    taken = bordered[row, column]  # [row taps, column taps, rows, columns, rows, columns, in, out]
    pixels = rows.length * columns.length
    wide = taken.transpose(0, 1, 2, 3, 6, 4, 5, 7)
    return wide.reshape(rows.taps, columns.taps, pixels * channels, pixels * features)
