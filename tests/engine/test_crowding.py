import jax.numpy as jnp
import numpy as np
from awkward_objectives import objective_matrices, pad
from hypothesis import given, settings
from pymoo.operators.survival.rank_and_crowding.metrics import get_crowding_function

from ecojax.engine.crowding import crowding_distance
from ecojax.engine.dominance import non_dominated_ranks


def crowding(F: np.ndarray, rank: np.ndarray) -> np.ndarray:
    n = len(F)
    size = len(pad(F, 0))
    padded = np.concatenate([rank, np.full(size - n, size)])
    return np.asarray(crowding_distance(jnp.asarray(pad(F, np.nan)), jnp.asarray(padded)))[:n]


@settings(max_examples=40, deadline=None)
@given(objective_matrices())
def test_every_front_has_pymoos_distances(F: np.ndarray) -> None:
    """Every front, not only the one that will be cut: tournaments compare members of all of them."""
    rank = np.asarray(non_dominated_ranks(F))
    ours = crowding(F, rank)
    for front in range(rank.max() + 1):
        expected = get_crowding_function("cd").do(F[rank == front])
        np.testing.assert_allclose(ours[rank == front], expected, rtol=2e-4, atol=1e-6)


def test_closed_form_on_two_fronts() -> None:
    F = np.array([[0.0, 4.0], [1.0, 2.0], [4.0, 0.0], [1.0, 4.0], [2.0, 3.0], [5.0, 1.0]])
    rank = np.array([0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(crowding(F, rank), [np.inf, 1, np.inf, np.inf, 1, np.inf])


def test_a_flat_objective_adds_nothing_and_is_never_nan() -> None:
    F = np.array([[0.0, 7.0], [1.0, 7.0], [3.0, 7.0], [4.0, 7.0]])
    np.testing.assert_allclose(crowding(F, np.zeros(4, int)), [np.inf, 3 / 8, 3 / 8, np.inf])
    np.testing.assert_array_equal(crowding(np.ones((5, 2)), np.zeros(5, int)), np.zeros(5))


def test_failed_rows_have_no_room_and_take_none() -> None:
    F = np.array([[0.0, 4.0], [1.0, 2.0], [4.0, 0.0], [np.nan, 1.0], [-np.inf, 1.0], [2.0, np.inf]])
    np.testing.assert_allclose(crowding(F, np.zeros(6, int)), [np.inf, 1, np.inf, 0, 0, 0])


def test_the_widest_span_does_not_overflow() -> None:
    most = float(np.finfo(np.float32).max)
    F = np.array([[-most, most], [0.0, 0.0], [most, -most]])
    np.testing.assert_allclose(crowding(F, np.zeros(3, int)), [np.inf, 1, np.inf])
