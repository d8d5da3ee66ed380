"""Tables that TFDS has prepared: their columns, their target, and what of TFDS is neither a table nor images."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.registered import skip_registration

from ecojax.data import kinds, load
from ecojax.errors import DataError

SEXES, TOWNS = ("female", "male"), ("Bonn", "Kiel", "Trier")


def prepare(data_dir, features, rows, supervised_keys=None, name="passengers"):
    """Prepare splits of rows with TFDS's own builder."""

    def info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features), supervised_keys=supervised_keys
        )

    def generators(self, download_manager):
        return {split: self._generate_examples(split) for split in rows}

    def examples(self, split):
        yield from enumerate(rows[split])

    methods = {"_info": info, "_split_generators": generators, "_generate_examples": examples}
    facts = {"VERSION": tfds.core.Version("1.0.0"), "pkg_dir_path": data_dir}
    with skip_registration():
        builder = type(name.title(), (tfds.core.GeneratorBasedBuilder,), facts | methods)
    builder(data_dir=data_dir, file_format="array_record").download_and_prepare()


FEATURES = {
    "age": np.float32,
    "sex": tfds.features.ClassLabel(names=SEXES),
    "home": {"town": tfds.features.Text(), "rooms": np.int32},
    "sizes": tfds.features.Tensor(shape=(2,), dtype=np.float32),
    "survived": tfds.features.ClassLabel(names=["no", "yes"]),
    "fare": np.float32,
}


def passengers(count, **changes):
    return [
        {
            "age": np.float32(20 + i),
            "sex": i % 2,
            "home": {"town": TOWNS[i % 3], "rooms": i % 5},
            "sizes": np.float32([i, -i]),
            "survived": (i // 2) % 2,
            "fare": np.float32(i / 4),
        }
        | changes
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    prepare(folder, FEATURES, {"train": passengers(40), "test": passengers(9)})
    return folder


def test_a_prepared_table_has_a_column_for_each_number_and_each_word(data_dir):
    data = load("passengers?target=survived", data_dir=data_dir)
    assert data.feature_names == (
        "age",
        "fare",
        "home/rooms",
        *(f"home/town={town}" for town in TOWNS),
        "sex=female",
        "sex=male",
        "sizes/0",
        "sizes/1",
    )
    assert (data.class_names, data.target_name) == (("no", "yes"), "survived")
    assert [data.splits[part]["from"] for part in ("train", "validation", "test")] == [
        "train",
        "train",
        "test",
    ]
    x, y = data.read_test()
    expected = [[20 + i, i / 4, i % 5, *np.eye(3)[i % 3], *np.eye(2)[i % 2], i, -i] for i in range(9)]
    assert np.array_equal(x[np.argsort(x[:, 0])], np.float32(expected))
    assert np.array_equal(y[np.argsort(x[:, 0])], [(i // 2) % 2 for i in range(9)])


def test_its_path_is_the_same_table_and_a_number_is_a_target(data_dir):
    path = f"{data_dir}/passengers/1.0.0?target=fare&drop=sex,sizes,home/town"
    data = load(path)
    assert (data.feature_names, data.has_classes) == (
        ("age", "home/rooms", "survived=no", "survived=yes"),
        False,
    )
    assert (
        data.digests
        == load("passengers:1.0.0?target=fare&drop=sex,sizes,home/town", data_dir=data_dir).digests
    )
    np.testing.assert_allclose(data.y_train, (data.x_train[:, 0] - 20) / 4)
    assert kinds.absolute(path) == path
    assert kinds.short_name(path) == "passengers-1.0.0"
    assert kinds.short_name("passengers?target=fare") == "passengers"


def test_the_inputs_and_the_target_that_a_dataset_names_are_taken(tmp_path):
    keys = ({"age": "age", "sex": "sex"}, "survived")
    prepare(tmp_path, FEATURES, {"train": passengers(40)}, keys)
    data = load("passengers", data_dir=tmp_path)
    assert (data.feature_names, data.class_names) == (("age", "sex=female", "sex=male"), ("no", "yes"))
    other = load("passengers?target=fare", data_dir=tmp_path)
    assert (other.feature_names, other.target_name) == (("age", "sex=female", "sex=male"), "fare")


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        (
            {"age": np.float32(np.nan)},
            "?target=survived",
            r"'age' of .*1\.0\.0' has no value in row 1 \(9 are",
        ),
        ({"sex": -1}, "?target=survived", "'sex' .* has no value in row 1"),
        ({"survived": -1}, "?target=survived", r"'survived' .* has no value in row .* \(9 are"),
        (
            {},
            "",
            "which column of dataset 'passengers' is to be learnt is not said; add .target=COLUMN, of age",
        ),
        ({}, "?target=survive", "no column 'survive'.*did you mean 'survived'"),
        ({}, "?target=survived&size=3", "'size=3' .* is no option"),
    ],
)
def test_missing_values_and_targets_are_refused_by_column(tmp_path, changes, options, said):
    prepare(tmp_path, FEATURES, {"train": passengers(31) + passengers(9, **changes)})
    with pytest.raises(DataError, match=said):
        load(f"passengers{options}", data_dir=tmp_path)


def test_rows_that_do_not_fit_are_refused_before_they_are_read(data_dir):
    with pytest.raises(DataError, match=r"49 rows and 8 columns needs 0\.00 MB of memory"):
        load("passengers?target=survived", data_dir=data_dir, available_memory=lambda: 3000)


def test_what_is_neither_images_nor_a_table_is_refused_with_what_it_has(tmp_path):
    features = {"sound": tfds.features.Tensor(shape=(None,), dtype=np.float32), "label": np.int64}
    row = {"sound": np.zeros(3, np.float32), "label": 1}
    prepare(tmp_path, features, {"train": [row]}, name="sounds")
    with pytest.raises(
        DataError, match=r"no kind that .* this has label \(Tensor\), sound \(Tensor of shape \(None,\)\)"
    ):
        load("sounds", data_dir=tmp_path)
