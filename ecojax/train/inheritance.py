"""Children inherit: a network's first weights taken, where they overlap, from a trained network of the same family.

(Network morphisms without their function preservation; weight inheritance as in Real et al. 2017, arXiv 1703.01041.)
"""

from typing import Any

import jax
import jax.numpy as jnp

from ecojax.models.network import Weights


def inherit(child: Weights, parent: Weights) -> Weights:
    """`child`'s weights, with the part that fits of each array of the same name and rank in `parent`.

    Channels are counted from the first, and the pixels of a kernel from its centre, so that a 3 × 3 kernel becomes the
    middle of a 5 × 5 one. What the parent has no counterpart for stays the child's own: pass fresh weights. A dense
    layer after a flattening inherits by position in the flat vector, which means little where the channels differ.
    A pure function; it may be compiled, and works on shapes alone under `jax.eval_shape`.
    """
    given = dict(jax.tree_util.tree_leaves_with_path(parent))

    def taken(path: Any, own: jax.Array) -> jax.Array:
        inherited = given.get(path)
        is_key = jnp.issubdtype(own.dtype, jax.dtypes.prng_key)
        if inherited is None or inherited.ndim != own.ndim or is_key:
            return own
        sizes = [min(pair) for pair in zip(own.shape, inherited.shape, strict=True)]
        into = _overlap(own.shape, sizes)
        return own.at[into].set(inherited[_overlap(inherited.shape, sizes)].astype(own.dtype))

    return jax.tree_util.tree_map_with_path(taken, child)


def _overlap(shape: tuple[int, ...], sizes: list[int]) -> tuple[slice, ...]:
    """Where a part of `sizes` lies in an array of `shape`: centred in a kernel's rows and columns, else first."""
    spatial = len(shape) - 2  # of `[rows, columns, in, out]`; a matrix or a vector has none
    return tuple(
        slice(start, start + size)
        for start, size in (
            ((length - size) // 2 if axis < spatial else 0, size)
            for axis, (length, size) in enumerate(zip(shape, sizes, strict=True))
        )
    )
