import moocore
import numpy as np
import pytest
from awkward_objectives import objective_matrices
from hypothesis import given, settings
from hypothesis import strategies as st
from pymoo.indicators.hv import Hypervolume
from pymoo.indicators.igd_plus import IGDPlus

from ecojax.engine.hypervolume import hypervolume, igd_plus
from ecojax.errors import InputError


@settings(max_examples=60, deadline=None)
@given(objective_matrices(max_objectives=3), st.sampled_from([0.25, 0.7, 1.0, 1.1]))
def test_up_to_three_objectives_equal_pymoo_and_moocore(F: np.ndarray, reference: float) -> None:
    """Points beyond the reference are among them: every reference but the last lies inside the cloud."""
    point = np.full(F.shape[1], reference)
    ours = hypervolume(F, point)
    if F.shape[1] > 1:
        assert ours == pytest.approx(moocore.hypervolume(F, ref=point), rel=1e-9, abs=1e-12)
        assert ours == pytest.approx(Hypervolume(ref_point=point)(F), rel=1e-9, abs=1e-12)
    else:
        assert ours == pytest.approx(max(reference - F.min(), 0))


@settings(max_examples=25, deadline=None)
@given(objective_matrices(max_points=40), st.sampled_from([0.7, 1.1]))
def test_more_objectives_equal_moocore(F: np.ndarray, reference: float) -> None:
    F = np.concatenate([F, F[:, ::-1], F], axis=1)[:, : max(4, F.shape[1])]
    point = np.full(F.shape[1], reference)
    if F.shape[1] >= 4:
        assert hypervolume(F, point) == pytest.approx(moocore.hypervolume(F, ref=point), rel=1e-9, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(objective_matrices(max_points=60, max_objectives=4), st.integers(0, 2**32 - 1))
def test_failed_rows_change_nothing(F: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    failed = rng.random((5, F.shape[1]))
    failed[np.arange(5), rng.integers(0, F.shape[1], 5)] = rng.choice([np.nan, np.inf, -np.inf], 5)
    mixed = rng.permutation(np.concatenate([F, failed]))
    reference = np.full(F.shape[1], 1.1)
    assert hypervolume(mixed, reference) == pytest.approx(hypervolume(F, reference), rel=1e-12)
    front = rng.random((9, F.shape[1]))
    assert igd_plus(mixed, front) == pytest.approx(igd_plus(F, front), rel=1e-12)


def test_points_beyond_the_reference_add_nothing() -> None:
    assert hypervolume([[0.5, 2.0], [2.0, 0.0], [1.0, 0.0]], [1.0, 1.0]) == 0
    assert hypervolume([[0.5, 0.5], [0.0, 1.5], [3.0, -9.0]], [1.0, 1.0]) == 0.25


def test_a_single_point_is_a_box() -> None:
    for m in range(1, 7):
        assert hypervolume(np.full((3, m), 0.5), np.ones(m)) == pytest.approx(0.5**m)


def test_nothing_has_no_volume_and_no_nearness() -> None:
    assert hypervolume(np.zeros((0, 2)), [1, 1]) == 0
    assert hypervolume(np.full((4, 3), np.nan), [1, 1, 1]) == 0
    assert igd_plus(np.full((4, 2), np.nan), [[0, 0]]) == np.inf


@settings(max_examples=25, deadline=None)
@given(objective_matrices(max_points=80), st.integers(0, 2**32 - 1))
def test_igd_plus_equals_pymoo_and_moocore(F: np.ndarray, seed: int) -> None:
    front = np.random.default_rng(seed).random((30, F.shape[1]))
    assert igd_plus(F, front) == pytest.approx(moocore.igd_plus(F, ref=front), rel=1e-9, abs=1e-12)
    assert igd_plus(F, front) == pytest.approx(IGDPlus(front)(F), rel=1e-9, abs=1e-12)


def test_wrong_references_are_named() -> None:
    with pytest.raises(InputError, match=r"shape \(3,\)"):
        hypervolume([[0, 0]], [1, 1, 1])
    with pytest.raises(InputError, match="finite"):
        hypervolume([[0, 0]], [1, np.inf])
    with pytest.raises(InputError, match="true front"):
        igd_plus([[0, 0]], np.zeros((0, 2)))
