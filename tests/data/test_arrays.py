"""Arrays as a dataset: what their types mean, how they are split, and what is refused."""

import numpy as np
import pytest

from ecojax.data import Dataset, ImageDataset, of_arrays
from ecojax.errors import DataError

GENERATOR = np.random.default_rng(0)
FEATURES = GENERATOR.normal(size=(100, 3))
LABELS = np.arange(100) % 4


def test_floating_point_inputs_with_whole_labels_are_a_table_of_classes():
    data = of_arrays(FEATURES, LABELS)
    assert type(data) is Dataset
    assert data.x_train.dtype == np.float32
    assert data.y_train.dtype == np.int32
    assert data.class_names == ("0", "1", "2", "3")
    assert data.feature_names == ("0", "1", "2")
    # a fifth to test, a fifth of the rest to validate; every class in proportion
    assert [part["size"] for part in data.splits.values() if isinstance(part, dict)] == [64, 16, 20]
    assert np.bincount(data.y_validation).tolist() == [4, 4, 4, 4]
    x_test, y_test = data.read_test()
    everything = np.concatenate([data.x_train, data.x_validation, x_test])
    assert np.array_equal(np.sort(everything, 0), np.sort(FEATURES.astype(np.float32), 0))
    assert np.bincount(y_test).tolist() == [5, 5, 5, 5]
    np.testing.assert_allclose(data.mean, data.x_train.mean(0), rtol=1e-5)


def test_floating_point_labels_are_targets():
    data = of_arrays(FEATURES, FEATURES.sum(1, keepdims=True), seed=3)
    assert not data.has_classes
    assert data.class_names == ()
    assert data.y_train.dtype == np.float32
    np.testing.assert_allclose(data.y_train, data.x_train.sum(1), rtol=1e-5, atol=1e-6)


def test_bytes_of_height_and_width_are_images():
    images = GENERATOR.integers(0, 256, (100, 4, 5), np.uint8)
    data = of_arrays(images, LABELS, test=(images[:7], LABELS[:7]))
    assert isinstance(data, ImageDataset)
    assert data.image_shape == (4, 5, 1)
    assert data.splits["test"] == {"from": "test", "size": 7}
    assert np.array_equal(data.read_test()[0], images[:7, ..., None])


@pytest.mark.parametrize("labels", [np.array(["cat", "ape"])[LABELS % 2], 10 * (LABELS % 2) - 5])
def test_labels_of_any_kind_become_numbers_in_their_order(labels):
    data = of_arrays(FEATURES, labels)
    assert data.class_names == tuple(map(str, np.unique(labels)))
    rows = {tuple(row): label for row, label in zip(FEATURES.astype(np.float32), labels, strict=True)}
    assert [rows[tuple(row)] for row in data.x_train] == [np.unique(labels)[label] for label in data.y_train]


def test_a_digest_is_of_the_content():
    one, same = of_arrays(FEATURES, LABELS), of_arrays(FEATURES.copy(), LABELS.copy())
    other = of_arrays(FEATURES + 1, LABELS)
    renamed = of_arrays(FEATURES, LABELS, feature_names=("a", "b", "c"))
    assert one.digests == same.digests
    assert one.digests["train"] != other.digests["train"]
    assert one.digests["features"] != renamed.digests["features"]


NAN = FEATURES.copy()
NAN[7, 2] = np.nan


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (NAN, LABELS, r"holds nan at \[7, 2\]"),
        (FEATURES, np.where(LABELS, 1.0, np.inf), r"holds inf at \[0\]"),
        (FEATURES[:9], LABELS, "9 samples and y .* 100"),
        (FEATURES[:, 0], LABELS, r"of shape \(100,\)"),
        (FEATURES, LABELS * 0, "the one class 0"),
        (FEATURES, LABELS * 0.0, "is 0 in all samples of the train split"),
        (FEATURES, FEATURES, r"of shape \(100, 3\)"),
        (np.array([["a"]] * 100), LABELS, "give numbers"),
        (FEATURES, np.array([None] * 100), "object values"),
        (FEATURES * 1e300, LABELS, "rescale it"),
    ],
)
def test_arrays_that_nothing_can_be_learnt_from_are_refused(x, y, said):
    with pytest.raises(DataError, match=said):
        of_arrays(x, y)


def test_a_class_that_only_the_test_split_has_is_refused():
    with pytest.raises(
        DataError, match=r"test split of 'arrays' holds 9 at \[0\], which no training sample has"
    ):
        of_arrays(FEATURES, LABELS, test=(FEATURES[:1], np.array([9])))
