"""Counts the floating-point operations of a function off its trace: those of matrix products and of convolutions.

Nothing is lowered and no backend is asked, so the count is the same on every device. Elementwise arithmetic
(activations, norms, pooling) is not counted.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr

from ecojax.errors import InputError
from ecojax.models.images.convolution import stock_convolutions

COUNTED = "counted (matrix products and convolutions)"
# how often the bodies of these run does not show in a trace
_UNCOUNTABLE = ("while", "pallas_call")


def count_flops(fn: Callable[..., Any], *args: Any) -> int:
    """The floating-point operations of the matrix products and convolutions in one call `fn(*args)`.

    A multiplication and an addition are two operations. A convolution counts the kernel's taps that meet a pixel, and
    not those that meet padding, as XLA does. Of the branches of a condition the dearest counts.

    Args: `args` arrays or `jax.ShapeDtypeStruct`s, or pytrees of them. Raises `InputError` for a product within a loop
    whose number of passes is not fixed.
    """
    with stock_convolutions():
        # a function of its own: a trace that is kept of `fn` may hold another form of its convolutions
        return _of(jax.make_jaxpr(lambda *args: fn(*args))(*args).jaxpr)


def _of(jaxpr: Jaxpr) -> int:
    return sum(_of_equation(equation) for equation in jaxpr.eqns)


def _of_equation(equation: Any) -> int:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        return _of_product(equation)
    if name == "conv_general_dilated":
        return _of_convolution(equation)
    inner = [_of(jaxpr) for jaxpr in _jaxprs(params)]
    if name == "scan":
        return int(params["length"]) * sum(inner)
    if name == "cond":
        return max(inner)
    if name in _UNCOUNTABLE and any(inner):
        raise InputError(
            f"the FLOPs of a matrix product or convolution within a `{name}` cannot be counted, since how often it "
            "runs is not known before; use `jax.lax.scan`, or `fori_loop` with bounds that are plain numbers"
        )
    return sum(inner)


def _jaxprs(params: dict[str, Any]) -> Iterator[Jaxpr]:
    """Those that an equation calls: of a jit, a loop, a condition, a checkpoint, a custom derivative."""
    for value in params.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, ClosedJaxpr):
                yield part.jaxpr
            elif isinstance(part, Jaxpr):
                yield part


def _of_product(equation: Any) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    left, result = equation.invars[0].aval.shape, equation.outvars[0].aval.shape
    return 2 * math.prod(result) * math.prod(left[axis] for axis in contracted)


def _of_convolution(equation: Any) -> int:
    params = equation.params
    numbers = params["dimension_numbers"]
    operand, kernel = (variable.aval.shape for variable in equation.invars)
    result = equation.outvars[0].aval.shape
    taps = 1
    for axis, (before, _) in enumerate(params["padding"]):
        taps *= _taps_on_pixels(
            operand[numbers.lhs_spec[2 + axis]],
            kernel[numbers.rhs_spec[2 + axis]],
            result[numbers.out_spec[2 + axis]],
            before,
            params["window_strides"][axis],
            params["lhs_dilation"][axis],
            params["rhs_dilation"][axis],
        )
    # the kernel's own channels in are those of a group
    channels, features = kernel[numbers.rhs_spec[1]], kernel[numbers.rhs_spec[0]]
    batch = operand[numbers.lhs_spec[0]] // params["batch_group_count"]
    return 2 * batch * channels * features * taps


def _taps_on_pixels(
    extent: int, kernel: int, extent_out: int, before: int, stride: int, pixel_gap: int, tap_gap: int
) -> int:
    """Pairs of a result and a kernel's tap that meet a pixel, along one axis."""
    places = stride * np.arange(extent_out)[:, None] + tap_gap * np.arange(kernel) - before
    return int(((places >= 0) & (places <= (extent - 1) * pixel_gap) & (places % pixel_gap == 0)).sum())
