"""Seeded, stratified draws: which examples train, which validate, which test.

The order comes from the raw stream of a bit generator, the only part of NumPy's random numbers whose stream is promised
never to change: a study resumed next year on another NumPy sees the same split.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ecojax.data.dataset import Outputs
from ecojax.errors import InputError

Purpose = Literal["test", "validation", "train"]
# A stream for each: one seed for all must not make the training subset a copy of the validation draw.
_STREAM: dict[Purpose, int] = {"test": 0, "validation": 1, "train": 2}


def strata(y: Outputs) -> NDArray[np.int32]:
    """The class of each sample `[n]`, by which a draw is stratified; targets form one class."""
    return y if np.issubdtype(y.dtype, np.integer) else np.zeros(len(y), np.int32)


def stratified_draw(
    classes: NDArray[np.int32], size: int, *, seed: int, purpose: Purpose
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw `size` of the samples that are of `classes` `[n]`, each class in proportion to within one example.

    Returns:
        The positions drawn `[size]` and the positions left `[n - size]`, both in shuffled order.
    """
    n = len(classes)
    if not 0 <= size <= n:
        raise InputError(f"cannot draw {size} examples out of {n}; ask for 0 to {n}")
    if seed < 0:
        raise InputError(f"the seed is {seed}, and must be 0 or greater")
    keys = np.random.PCG64(np.random.SeedSequence([_STREAM[purpose], seed])).random_raw(2 * n)
    order = np.argsort(keys[:n], kind="stable")
    found, codes, counts = np.unique(classes[order], return_inverse=True, return_counts=True)

    # Largest remainder, in integers: floors first, then one more for the classes cut the most; ties by lot.
    quota, remainder = np.divmod(size * counts.astype(np.int64), n) if n else (counts, counts)
    lot = keys[n : n + len(found)]
    most_cut_first = np.lexsort((lot, -remainder))
    quota[most_cut_first[: size - int(quota.sum())]] += 1

    by_class = np.argsort(codes, kind="stable")
    first_of_class = np.cumsum(counts) - counts
    rank_in_class = np.empty(n, np.int64)
    rank_in_class[by_class] = np.arange(n) - np.repeat(first_of_class, counts)
    drawn = rank_in_class < quota[codes]
    return order[drawn], order[~drawn]
