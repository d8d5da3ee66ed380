import jax.numpy as jnp
import numpy as np
import pytest

from ecojax.engine.niching import niche_room, reference_directions


@pytest.mark.parametrize(("m", "count"), [(3, 2), (3, 20), (4, 17), (6, 100)])
def test_directions_are_as_many_as_asked_and_apart(m: int, count: int) -> None:
    directions = reference_directions(m, count)
    assert directions.shape == (max(m, count), m)
    assert (directions >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(directions[:m], np.eye(m))
    cosine = directions @ directions.T - np.eye(len(directions))
    # Spread like caps of one size: no two nearer than half the spacing of a square grid on the sphere's part.
    assert cosine.max() < 1 or count <= m
    if m == 3:
        assert np.arccos(cosine.max()) > 0.5 * np.sqrt(np.pi / 2 / len(directions))


def test_niches_are_shared_by_front_and_then_by_nearness() -> None:
    directions = np.eye(3)
    F = jnp.array(
        [
            [0.0, 1, 1],
            [1, 0.0, 1],
            [1, 1, 0.0],
            [0.2, 0.2, 0.9],
            [0.1, 0.1, 0.95],
            [0.1, 0.1, 2.0],
            [np.nan, 0, 0],
        ]
    )
    room = np.asarray(niche_room(F, jnp.array([0, 0, 0, 0, 0, 1, 2]), directions))
    assert room[:3].tolist() == [np.inf] * 3
    assert room[4] > room[3] > room[5]
    assert room[6] == -np.inf


def test_flat_objectives_and_copies_are_never_nan() -> None:
    room = niche_room(jnp.ones((6, 3)), jnp.zeros(6, jnp.int32), np.eye(3))
    assert not np.isnan(room).any()
    assert np.isinf(room).sum() == 1
