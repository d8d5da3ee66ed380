import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ecojax.data.splits import stratified_draw
from ecojax.errors import InputError

label_arrays = arrays(np.int32, st.integers(1, 300), elements=st.integers(0, 12))


@given(labels=label_arrays, fraction=st.floats(0, 1), seed=st.integers(0, 2**64))
def test_a_draw_is_a_partition_of_exact_size_with_proportions_within_one_image(labels, fraction, seed):
    size = round(fraction * len(labels))
    drawn, left = stratified_draw(labels, size, seed=seed, purpose="validation")
    assert len(drawn) == size
    assert sorted([*drawn, *left]) == list(range(len(labels)))
    for label in np.unique(labels):
        exact = size * np.count_nonzero(labels == label) / len(labels)
        assert abs(np.count_nonzero(labels[drawn] == label) - exact) < 1


@given(labels=label_arrays, seed=st.integers(0, 1000), global_seed=st.integers(0, 2**32 - 1))
def test_a_draw_depends_on_nothing_but_its_seed(labels, seed, global_seed):
    size = len(labels) // 2
    np.random.seed(0)
    first, _ = stratified_draw(labels, size, seed=seed, purpose="train")
    np.random.seed(global_seed)
    again, _ = stratified_draw(labels, size, seed=seed, purpose="train")
    np.testing.assert_array_equal(first, again)


def test_seeds_and_purposes_draw_differently():
    labels = np.zeros(1000, np.int32)
    draws = [
        frozenset(stratified_draw(labels, 500, seed=seed, purpose=purpose)[0].tolist())
        for seed in (0, 1)
        for purpose in ("test", "validation", "train")
    ]
    assert len(set(draws)) == len(draws)


def test_every_image_is_drawn_as_often_as_any_other():
    labels = np.repeat(np.arange(3, dtype=np.int32), [5, 3, 2])
    runs = 3000
    counts = np.zeros(10)
    for seed in range(runs):
        counts[stratified_draw(labels, 5, seed=seed, purpose="train")[0]] += 1
    # Five of ten: each is drawn with probability 1/2, ±5 standard deviations of a binomial.
    assert np.all(np.abs(counts / runs - 0.5) < 5 * np.sqrt(0.25 / runs))


@pytest.mark.parametrize("size", [-1, 11])
def test_an_impossible_size_is_refused(size):
    with pytest.raises(InputError, match=r"out of 10"):
        stratified_draw(np.zeros(10, np.int32), size, seed=0, purpose="train")
