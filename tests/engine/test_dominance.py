import jax
import jax.numpy as jnp
import moocore
import numpy as np
import pytest
from awkward_objectives import objective_matrices, pad
from hypothesis import given, settings
from hypothesis import strategies as st
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from ecojax.engine import dominance
from ecojax.engine.dominance import is_non_dominated, non_dominated_ranks
from ecojax.errors import InputError


def pymoo_ranks(F: np.ndarray) -> np.ndarray:
    ranks = np.empty(len(F), int)
    for rank, front in enumerate(NonDominatedSorting().do(F)):
        ranks[front] = rank
    return ranks


def compiled_ranks(F: np.ndarray, violation: np.ndarray) -> np.ndarray:
    """The jitted ranks of rows padded with ones that would dominate everything if they counted."""
    n = len(F)
    mask = np.arange(len(pad(F, 0))) < n
    ranks = non_dominated_ranks(
        jnp.asarray(pad(F, -9.0)), jnp.asarray(pad(violation, 0.0)), jnp.asarray(mask)
    )
    assert (np.asarray(ranks)[n:] == len(mask)).all()
    return np.asarray(ranks)[:n]


@settings(max_examples=40, deadline=None)
@given(objective_matrices())
def test_ranks_are_those_of_pymoo_and_moocore(F: np.ndarray) -> None:
    expected = pymoo_ranks(F)
    np.testing.assert_array_equal(non_dominated_ranks(F), expected)
    np.testing.assert_array_equal(compiled_ranks(F, np.zeros(len(F))), expected)
    np.testing.assert_array_equal(is_non_dominated(F), moocore.is_nondominated(F, keep_weakly=True))


def ranks_by_definition(F: np.ndarray, violation: np.ndarray) -> np.ndarray:
    """Deb's constrained domination, pair by pair: the longest chain of dominators above each point."""
    failed = ~(np.isfinite(F).all(axis=1) & np.isfinite(violation))

    def beats(i: int, j: int) -> bool:
        if failed[i] or failed[j]:
            return bool(failed[j] and not failed[i])
        if max(violation[i], 0) != max(violation[j], 0):
            return bool(max(violation[i], 0) < max(violation[j], 0))
        return bool(violation[i] <= 0 and (F[i] <= F[j]).all() and (F[i] < F[j]).any())

    n = len(F)
    beaten_by = [[i for i in range(n) if beats(i, j)] for j in range(n)]
    rank = np.full(n, -1)
    while (rank < 0).any():
        for j in range(n):
            if rank[j] < 0 and all(rank[i] >= 0 for i in beaten_by[j]):
                rank[j] = 1 + max((rank[i] for i in beaten_by[j]), default=-1)
    return rank


@settings(max_examples=40, deadline=None)
@given(objective_matrices(max_points=40), st.integers(0, 2**32 - 1))
def test_constrained_ranks_follow_debs_rules(F: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = len(F)
    violation = rng.choice([0.0, 0.0, -1.0, 0.5, 0.5, 2.0, np.nan, np.inf], n)
    F[rng.random(F.shape) < 0.05] = rng.choice([np.nan, np.inf, -np.inf])
    expected = ranks_by_definition(F, violation)
    np.testing.assert_array_equal(non_dominated_ranks(F, violation), expected)
    np.testing.assert_array_equal(compiled_ranks(F, violation), expected)


@pytest.mark.parametrize("m", [2, 3])
def test_the_accelerators_way_agrees_with_the_sweep(m: int, rng: np.random.Generator) -> None:
    F = jnp.asarray(rng.integers(0, 8, (64, m)), jnp.float32)
    violation = jnp.asarray(rng.choice([0, 0, 0, 1, 2, np.inf], 64), jnp.float32)
    by_sweep = non_dominated_ranks(F, violation)
    np.testing.assert_array_equal(jax.jit(dominance._ranks_by_peeling)(F, violation), by_sweep)
    np.testing.assert_array_equal(jax.jit(dominance._ranks_by_sweep)(F, violation), by_sweep)


def test_a_failed_row_never_dominates_even_with_minus_infinity() -> None:
    F = np.array([[-np.inf, 0.0], [1.0, 1.0], [np.nan, 0.0], [2.0, 2.0]])
    assert non_dominated_ranks(F).tolist() == [2, 0, 2, 1]
    assert non_dominated_ranks(jnp.asarray(F)).tolist() == [2, 0, 2, 1]
    assert is_non_dominated(F).tolist() == [False, True, False, False]


def test_nothing_feasible_leaves_an_empty_front() -> None:
    F = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert not is_non_dominated(F, [1.0, 2.0]).any()
    assert not is_non_dominated(np.full((3, 2), np.nan)).any()


def test_host_ranks_keep_what_float32_would_tie() -> None:
    F = np.array([[1.0, 1.0], [1.0 + 1e-12, 1.0]])
    assert non_dominated_ranks(F).tolist() == [0, 1]


def test_ranks_under_vmap() -> None:
    F = jax.random.uniform(jax.random.key(0), (5, 30, 2))
    for one, ranks in zip(F, jax.vmap(non_dominated_ranks)(F), strict=True):
        np.testing.assert_array_equal(ranks, pymoo_ranks(np.asarray(one)))


@pytest.mark.parametrize("n", [0, 1])
def test_tiny_inputs(n: int) -> None:
    assert non_dominated_ranks(np.zeros((n, 2))).tolist() == [0] * n
    assert non_dominated_ranks(jnp.zeros((n, 2))).tolist() == [0] * n


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(InputError, match=r"shape \(3,\)"):
        non_dominated_ranks(np.zeros(3))
    with pytest.raises(InputError, match="3 points"):
        non_dominated_ranks(np.zeros((3, 2)), np.zeros(2))
