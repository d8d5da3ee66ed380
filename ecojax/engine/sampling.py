"""The first population: points spread over the unit cube, before anything is known."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ecojax.errors import InputError

BLOCK = 256  # points drawn at a time; a power of two, as the sequence's balance asks


class Sobol:
    """A scrambled Sobol sequence in `d` dimensions, from which points are read at any place.

    Whatever was read before, the same places hold the same points. Only the last stretch of `BLOCK` points is kept:
    reading on from there is cheap, and going back costs the whole way from the start, at some 10 ns a number.
    """

    def __init__(self, d: int, seed: int):
        self._d, self._seed = d, seed
        self._generator: Any = None
        self._block, self._points = -1, np.zeros((0, d))

    def points(self, start: int, end: int) -> Iterator[np.ndarray]:
        """The points `[d]` number `start` to `end - 1`. Raises `InputError` where `d` is not in 1..21201."""
        for number in range(start, end):
            block, place = divmod(number, BLOCK)
            if block != self._block:
                self._read(block)
            yield self._points[place]

    def _read(self, block: int) -> None:
        if self._generator is None:
            self._generator = _scrambled(self._d, self._seed)
        if block <= self._block:
            self._generator.reset()
            self._block = -1
        ahead = (block - self._block - 1) * BLOCK
        if ahead:
            self._generator.fast_forward(ahead)
        self._block, self._points = block, self._generator.random(BLOCK)


def sobol(n: int, d: int, seed: int) -> np.ndarray:
    """The first `n` points of a scrambled Sobol sequence.

    Drawn as the next power of two and cut, which keeps the sequence's balance where `n` allows it and needs no
    warning where it does not (Owen, "On dropping the first Sobol' point", 2020: never skip the first point).

    Returns:
        float64 [n, d] in [0, 1).

    Raises:
        InputError: `n` is negative or `d` is not in 1..21201.
    """
    _check(n, d)
    return np.asarray(_scrambled(d, seed).random_base2(max(n - 1, 0).bit_length())[:n])


def _scrambled(d: int, seed: int) -> Any:
    # Half a second to import, and only the first population needs it.
    from scipy.stats import qmc  # type: ignore[import-untyped]

    if d > qmc.Sobol.MAXDIM:
        raise InputError(
            f"a Sobol sequence has at most {qmc.Sobol.MAXDIM} dimensions, got {d}; use latin_hypercube"
        )
    # Where SciPy first reads its direction numbers, an exception is printed and dropped, and all points are the same.
    # Ctrl-C is raised in the main thread alone: in another it cannot be lost there.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(qmc.Sobol, d, scramble=True, rng=np.random.default_rng(seed)).result()


def latin_hypercube(n: int, d: int, seed: int) -> np.ndarray:
    """A Latin hypercube: each of `n` equal slices of every axis holds exactly one point.

    McKay, Beckman and Conover, Technometrics 21, 1979.

    Returns:
        float64 [n, d] in [0, 1).

    Raises:
        InputError: `n` is negative or `d` is less than 1.
    """
    _check(n, d)
    rng = np.random.default_rng(seed)
    slices = rng.permuted(np.tile(np.arange(n)[:, None], (1, d)), axis=0)
    return (slices + rng.random((n, d))) / max(n, 1)


def _check(n: int, d: int) -> None:
    if n < 0 or d < 1:
        raise InputError(f"cannot sample {n} points in {d} dimensions; both counts must be positive")
