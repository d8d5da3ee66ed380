"""What an exported model is measured on: random inputs of its own kind."""

from types import SimpleNamespace

import numpy as np

from ecojax.measurement.target import _drawn


def network(shape, dtype, mean=(), std=()):
    return SimpleNamespace(input_shape=shape, input_type=np.dtype(dtype), mean=mean, std=std)


def test_bytes_are_any_and_numbers_are_spread_as_those_that_were_learnt() -> None:
    images = _drawn(network((4, 5, 3), "uint8", (0.5,) * 3, (0.2,) * 3), 8)
    assert (images.shape, images.dtype) == ((8, 4, 5, 3), np.uint8)
    assert len(np.unique(images)) > 100
    rows = _drawn(network((2,), "float32", (100.0, -3.0), (10.0, 0.5)), 4000)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows.mean(0), (100, -3), atol=1)
    np.testing.assert_allclose(rows.std(0), (10, 0.5), rtol=0.1)


def test_a_model_of_the_users_own_gets_plain_numbers_and_indices_that_every_table_has() -> None:
    assert _drawn(network((7,), "float32"), 3).shape == (3, 7)
    indices = _drawn(network((7,), "int32"), 100)
    assert set(np.unique(indices)) == {0, 1}
