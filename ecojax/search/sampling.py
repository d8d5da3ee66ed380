"""The first population: points spread over the unit cube, before anything is known."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ecojax.errors import InputError


def sobol(n: int, d: int, seed: int) -> np.ndarray:
    """The first `n` points of a scrambled Sobol sequence.

    Drawn as the next power of two and cut, which keeps the sequence's balance where `n` allows it and needs no
    warning where it does not (Owen, "On dropping the first Sobol' point", 2020: never skip the first point).

    Returns:
        float64 [n, d] in [0, 1).

    Raises:
        InputError: `n` is negative or `d` is not in 1..21201.
    """
    # Half a second to import, and only the first population needs it.
    from scipy.stats import qmc  # type: ignore[import-untyped]

    _check(n, d)
    if d > qmc.Sobol.MAXDIM:
        raise InputError(
            f"a Sobol sequence has at most {qmc.Sobol.MAXDIM} dimensions, got {d}; use latin_hypercube"
        )
    bits = max(n - 1, 0).bit_length()

    def draw() -> np.ndarray:
        return qmc.Sobol(d, scramble=True, rng=np.random.default_rng(seed)).random_base2(bits)[:n]

    # Where SciPy first reads its direction numbers, an exception is printed and dropped, and all points are the same.
    # Ctrl-C is raised in the main thread alone: in another it cannot be lost there.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(draw).result()


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
