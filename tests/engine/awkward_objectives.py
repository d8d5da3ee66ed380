"""Objective matrices of every awkward sort, drawn by hypothesis, at a few compiled shapes."""

import numpy as np
from hypothesis import strategies as st

SIZES = (8, 64, 320)  # compiled shapes; what is drawn is padded up to one, so that examples share programs


@st.composite
def objective_matrices(draw: st.DrawFn, max_points: int = 300, max_objectives: int = 6) -> np.ndarray:
    """Float32-exact matrices [n, m]: random, tied, with duplicated rows, with flat columns."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = draw(st.integers(1, max_points)), draw(st.integers(1, max_objectives))
    kind = draw(st.sampled_from(["random", "tied", "duplicated", "flat", "front"]))
    F = rng.random((n, m))
    if kind == "tied":
        F = rng.integers(0, draw(st.integers(1, 6)), (n, m)) / 4
    if kind == "duplicated":
        F = F[rng.integers(0, max(1, n // 2), n)]
    if kind == "flat":
        F[:, rng.integers(m)] = 0.5
    if kind == "front":
        F /= F.sum(axis=1, keepdims=True)
    return F.astype(np.float32).astype(np.float64)


def pad(rows: np.ndarray, fill: float) -> np.ndarray:
    """Rows added up to the next of SIZES."""
    n = len(rows)
    size = next(size for size in SIZES if size >= n)
    return np.concatenate([rows, np.full((size - n, *rows.shape[1:]), fill)])
