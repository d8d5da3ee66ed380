import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from archive_server import images_and_labels
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from ecojax.data import identity, load
from ecojax.data.images.archives import Examples
from ecojax.data.images.prepare import _png, prepare
from ecojax.data.images.published import DATASETS
from ecojax.errors import DataError, InputError
from ecojax.install import how_to_install


def prepare_as_mnist(data_dir, monkeypatch, **sizes: int) -> dict[str, np.ndarray]:
    """A prepared dataset with splits of our choosing; returns each split's images."""
    parts = {split: images_and_labels(n, (28, 28, 1), 10, i) for i, (split, n) in enumerate(sizes.items())}
    contents = {split: Examples(images, {"label": labels}) for split, (images, labels) in parts.items()}
    monkeypatch.setitem(
        DATASETS, "mnist", DATASETS["mnist"]._replace(archives=(), read=lambda files: (contents, {}))
    )
    prepare("mnist", data_dir)
    return {split: images for split, (images, _) in parts.items()}


def rows(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_importing_the_package_imports_none_of_the_heavy_libraries():
    heavy = "{'jax', 'sklearn', 'tensorflow_datasets', 'tensorflow', 'PIL'}"
    program = f"import sys, ecojax.data; assert not {heavy} & sys.modules.keys(), sys.modules.keys()"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_digits_are_all_there_once():
    dataset = load("digits")
    x_test, y_test = dataset.read_test()
    images = np.concatenate([dataset.x_train, dataset.x_validation, x_test])
    labels = np.concatenate([dataset.y_train, dataset.y_validation, y_test])
    bunch = load_digits()
    published = sorted((i.astype(int).tobytes(), t) for i, t in zip(bunch.images, bunch.target, strict=True))
    ours = sorted(
        (np.rint(i.squeeze(-1) / 255 * 16).astype(int).tobytes(), t)
        for i, t in zip(images, labels, strict=True)
    )
    assert ours == published
    assert (images.dtype, labels.dtype, dataset.image_shape) == (np.uint8, np.int32, (8, 8, 1))
    assert (images.min(), images.max()) == (0, 255)
    assert dataset.splits["test"]["size"] == len(x_test) == 359


def test_the_statistics_are_those_of_the_training_images():
    dataset = load("digits", train_size=500)
    scaled = dataset.x_train.astype(np.float64) / 255
    np.testing.assert_allclose(dataset.mean, scaled.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(dataset.std, scaled.std((0, 1, 2)), rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(train=st.integers(1, 900), validation=st.integers(1, 500), seed=st.integers(0, 2**40))
def test_any_seed_and_sizes_leave_the_test_set_as_it_is(train, validation, seed):
    dataset = load("digits", train_size=train, validation_size=validation, seed=seed)
    assert (len(dataset.x_train), len(dataset.x_validation)) == (train, validation)
    for ours, reference in zip(dataset.read_test(), load("digits").read_test(), strict=True):
        np.testing.assert_array_equal(ours, reference)
    # No two of scikit-learn's digits are equal, so that equal pixels would be a shared image.
    parts = [rows(dataset.x_train), rows(dataset.x_validation), rows(dataset.read_test()[0])]
    assert len(set.union(*parts)) == sum(map(len, parts)) == train + validation + 359
    shares = np.bincount(dataset.y_train, minlength=10) / train - np.bincount(load_digits().target) / 1797
    assert np.all(np.abs(shares) * train < 3)  # each of the three draws rounds by less than one image


def test_the_seed_chooses_the_validation_set():
    first, again, other = (load("digits", seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.x_validation, again.x_validation)
    assert rows(first.x_validation) != rows(other.x_validation)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train_size": 0}, r"train_size=0 .* 1 to 1150 "),
        ({"train_size": 1151}, r"train_size=1151 .* 1 to 1150 "),
        ({"train_size": -5}, "train_size=-5 "),
        ({"validation_size": 0}, "validation_size=0 "),
        ({"validation_size": 1438}, r"validation_size=1438 .* 1 to 1437 "),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_impossible_sizes_are_refused_with_the_possible_ones(arguments, message):
    with pytest.raises(InputError, match=message):
        load("digits", **arguments)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digit", "did you mean digits"),
        ("cifar-10", "did you mean cifar10 "),
        ("fashon_mnist", "did you mean fashion_mnist"),
        ("../secret", "is no prepared dataset"),
        ("some:where", "unknown"),
        ("", "unknown"),
        ("cifar10:9.9.9", r"9\.9\.9"),
        ("imagenet2012", "all have the same size"),
        ("imdb_reviews", r"no kind that .* this has label \(ClassLabel\), text \(Text\)"),
        ("mnist_corrupted/nosuch", "nosuch not found"),
        ("kmnist", re.escape(how_to_install("tensorflow")) + ".*tfds build kmnist"),
    ],
)
def test_a_dataset_that_cannot_be_had_says_why(name, message, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ecojax.data.locate.find_spec", lambda package: None)
    with pytest.raises(DataError, match=message):
        load(name, data_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="TensorFlow is installed")
def test_a_dataset_whose_very_description_needs_tensorflow_says_so(tmp_path, capsys):
    with pytest.raises(DataError, match="coco.*" + re.escape(how_to_install("tensorflow"))):
        load("coco", data_dir=tmp_path)
    assert capsys.readouterr() == ("", "")


def test_a_download_that_is_switched_off_does_not_happen(tmp_path):
    with pytest.raises(DataError, match="switched off"):
        load("cifar10", data_dir=tmp_path, download=False)
    assert list(tmp_path.iterdir()) == []


def test_the_data_dir_may_come_from_the_environment(tmp_path, monkeypatch):
    prepare_as_mnist(tmp_path, monkeypatch, train=30, test=10)
    monkeypatch.setenv("ECOJAX_DATA_DIR", str(tmp_path))
    assert len(load("mnist:3.0.1").x_train) == 27


def test_a_prepared_folder_is_found_by_its_own_path(tmp_path, monkeypatch):
    prepare_as_mnist(tmp_path, monkeypatch, train=30, test=10)
    (folder,) = tmp_path.glob("mnist/*")
    data, by_name = load(str(folder)), load("mnist", data_dir=tmp_path)
    assert (data.name, data.digests) == ("mnist", by_name.digests)


def test_a_published_validation_split_validates(tmp_path, monkeypatch):
    images = prepare_as_mnist(tmp_path, monkeypatch, train=50, validation=20, test=10)
    dataset = load("mnist", data_dir=tmp_path)
    assert rows(dataset.x_train) == rows(images["train"])
    assert rows(dataset.x_validation) == rows(images["validation"])
    assert rows(dataset.read_test()[0]) == rows(images["test"])
    assert rows(load("mnist", data_dir=tmp_path, validation_size=10).x_validation) < rows(
        images["validation"]
    )


def test_a_validation_split_without_a_test_split_is_the_test_set(tmp_path, monkeypatch):
    images = prepare_as_mnist(tmp_path, monkeypatch, train=50, validation=20)
    dataset = load("mnist", data_dir=tmp_path)
    assert rows(dataset.read_test()[0]) == rows(images["validation"])
    assert rows(dataset.x_train) | rows(dataset.x_validation) == rows(images["train"])
    assert dataset.splits["test"] == {"from": "validation", "size": 20}
    assert dataset.splits["validation"] == {"from": "train", "size": 5}


def test_a_lone_training_split_is_cut_in_three(tmp_path, monkeypatch):
    images = prepare_as_mnist(tmp_path, monkeypatch, train=50)
    dataset = load("mnist", data_dir=tmp_path, seed=7)
    parts = [rows(dataset.x_train), rows(dataset.x_validation), rows(dataset.read_test()[0])]
    assert list(map(len, parts)) == [36, 4, 10]
    assert set.union(*parts) == rows(images["train"])


def test_a_dataset_without_training_images_is_refused(tmp_path, monkeypatch):
    prepare_as_mnist(tmp_path, monkeypatch, test=10)
    with pytest.raises(DataError, match="no training split, only test"):
        load("mnist", data_dir=tmp_path)


def rewrite(data_dir, split: str, records: list[dict], like: dict | None = None) -> None:
    """Puts other records into a split's file, and leaves what the dataset says of itself."""
    import tensorflow_datasets as tfds
    from array_record.python.array_record_module import ArrayRecordWriter

    (file,) = data_dir.glob(f"mnist/*/*{split}*")
    features = tfds.builder_from_directory(file.parent).info.features
    feature = tfds.features.FeaturesDict(dict(features) | (like or {}))
    writer = ArrayRecordWriter(str(file), "group_size:1")
    for record in records:
        writer.write(feature.serialize_example(record | {"image": _png(record["image"])}))
    writer.close()


def records(n: int, shape: tuple[int, ...] = (28, 28, 1), **fixed: int) -> list[dict]:
    images, labels = images_and_labels(n, shape, 10, 5)
    return [{"image": i, "label": int(k)} | fixed for i, k in zip(images, labels, strict=True)]


def lose_file(data_dir) -> None:
    next(data_dir.glob("mnist/*/*test*")).unlink()


def truncate(data_dir) -> None:
    os.truncate(next(data_dir.glob("mnist/*/*test*")), 0)


def hide_labels(data_dir) -> None:
    rewrite(data_dir, "test", records(10, label=-1))


def mark_another_class(data_dir) -> None:
    import tensorflow_datasets as tfds

    rewrite(data_dir, "test", records(10, label=11), {"label": tfds.features.ClassLabel(num_classes=12)})


def lose_records(data_dir) -> None:
    rewrite(data_dir, "test", records(9))


def gain_records(data_dir) -> None:
    rewrite(data_dir, "test", records(12))


def resize_images(data_dir) -> None:
    import tensorflow_datasets as tfds

    rewrite(data_dir, "test", records(10, (14, 14, 1)), {"image": tfds.features.Image(shape=(14, 14, 1))})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lose_file, "is not whole"),
        (truncate, "cannot be read"),
        (hide_labels, "labels from -1 to -1 where 0 to 9"),
        (mark_another_class, "labels from 11 to 11 where 0 to 9"),
        (lose_records, "9 records where 10 are declared"),
        (gain_records, "12 records where 10 are declared"),
        (resize_images, "shape"),
    ],
)
def test_a_test_split_that_cannot_be_used_is_found_at_the_start(spoil, message, tmp_path, monkeypatch):
    prepare_as_mnist(tmp_path, monkeypatch, train=30, test=10)
    spoil(tmp_path)
    with pytest.raises(DataError, match=f"split 'test' of mnist.*{message}.*prepare"):
        load("mnist", data_dir=tmp_path)


def test_a_test_set_that_changes_during_the_search_is_not_tested_on(tmp_path, monkeypatch):
    prepare_as_mnist(tmp_path, monkeypatch, train=30, test=10)
    dataset = load("mnist", data_dir=tmp_path)
    rewrite(tmp_path, "test", records(10))
    with pytest.raises(DataError, match="another than when the search began"):
        dataset.read_test()


class TestIdentity:
    """Data are the same where their images, labels and order are, and nowhere else."""

    @pytest.mark.parametrize("part", ["train", "test"])
    @pytest.mark.parametrize("changed", ["one label", "one pixel", "order", "nothing"])
    def test_a_digest_tells_data_that_changed_in_place(self, part, changed, tmp_path, monkeypatch):
        prepare_as_mnist(tmp_path, monkeypatch, train=30, test=10)
        of = {"train": records(30), "test": records(10)}
        for split, some in of.items():
            rewrite(tmp_path, split, some)
        before = load("mnist", data_dir=tmp_path, seed=1).digests
        if changed == "one label":
            of[part][3]["label"] = (of[part][3]["label"] + 1) % 10
        elif changed == "one pixel":
            of[part][3]["image"] = of[part][3]["image"].copy()
            of[part][3]["image"][0, 0] ^= 1
        elif changed == "order":
            of[part][3], of[part][4] = of[part][4], of[part][3]
        (file,) = tmp_path.glob(f"mnist/*/*{part}*")
        rewrite(tmp_path, part, of[part])
        os.utime(file, ns=(0, 0))
        after = load("mnist", data_dir=tmp_path, seed=1).digests
        assert (after == before) == (changed == "nothing")
        if part == "test":
            assert {k: v for k, v in after.items() if k != "test"} == {
                k: v for k, v in before.items() if k != "test"
            }

    def test_a_copy_of_the_folder_is_the_same_data(self, tmp_path, monkeypatch):
        prepare_as_mnist(tmp_path / "here", monkeypatch, train=30, test=10)
        shutil.copytree(tmp_path / "here", tmp_path / "there")
        here, there = (load("mnist", data_dir=tmp_path / name).digests for name in ("here", "there"))
        assert here == there
        assert len(set(here.values())) == 4

    def test_labels_are_told_apart_that_sum_alike(self):
        x, y = np.zeros((4, 2, 2, 1), np.uint8), np.array([0, 1, 1, 0], np.int32)
        assert identity.of_samples(x, y) == identity.of_samples(x.copy(), y.copy())
        assert identity.of_samples(x, y) != identity.of_samples(x, y[::-1] * 0 + y[[1, 0, 0, 1]])
        assert identity.of_samples(x, y) != identity.of_samples(x.reshape(4, 4, 1, 1), y)
        np.testing.assert_equal(
            identity.of_samples(x, y, np.array([2, 0])), identity.of_samples(x[[2, 0]], y[[2, 0]])
        )


@pytest.mark.parametrize("damage", ["remove", "truncate", "scribble"])
def test_a_damaged_training_split_is_an_error_that_names_it(damage, tmp_path, monkeypatch):
    prepare_as_mnist(tmp_path, monkeypatch, train=30, test=10)
    (file,) = tmp_path.glob("mnist/*/*train*")
    if damage == "remove":
        file.unlink()
    elif damage == "truncate":
        os.truncate(file, file.stat().st_size // 2)
    else:
        file.write_bytes(b"\x55" * file.stat().st_size)
    with pytest.raises(DataError, match=r"train.* prepare it anew"):
        load("mnist", data_dir=tmp_path)


@pytest.mark.parametrize("name", ["evil.Image", "antigravity", "os.path"])
def test_a_dataset_that_names_a_module_to_import_is_refused(tmp_path, monkeypatch, name):
    """TFDS itself imports it before it looks whether that is a feature."""
    prepare_as_mnist(tmp_path, monkeypatch, train=30, test=10)
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'exploded')!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    (features,) = tmp_path.rglob("features.json")
    ours = "tensorflow_datasets.core.features.image_feature.Image"
    features.write_text(features.read_text().replace(ours, name))
    with pytest.raises(DataError, match=f"features.json' asks for the Python class '{name}'"):
        load("mnist", data_dir=tmp_path)
    assert not (tmp_path / "exploded").exists()


def test_a_dataset_stored_for_tensorflow_is_refused(tmp_path, monkeypatch):
    prepare_as_mnist(tmp_path, monkeypatch, train=30, test=10)
    info = tmp_path / "mnist" / "3.0.1" / "dataset_info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"fileFormat": "tfrecord"}))
    with pytest.raises(DataError, match="stored as tfrecord"):
        load("mnist", data_dir=tmp_path)


def test_options_of_a_table_are_refused_for_images(tmp_path, monkeypatch):
    prepare_as_mnist(tmp_path, monkeypatch, train=30, test=10)
    with pytest.raises(
        DataError, match=r"holds images, and target=label is for tables; leave \?target=label out"
    ):
        load("mnist?target=label", data_dir=tmp_path)


def test_a_dataset_too_large_for_the_host_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    prepare_as_mnist(tmp_path, monkeypatch, train=30, test=10)
    with pytest.raises(DataError, match=r"0\.03 MB of memory and 0\.02 MB are available.*train.size"):
        load("mnist", data_dir=tmp_path, available_memory=lambda: 18_000)
    assert not (tmp_path / "cache").exists()
    assert len(load("mnist", data_dir=tmp_path, train_size=8, available_memory=lambda: 18_000).x_train) == 8
    assert len(load("mnist", data_dir=tmp_path, available_memory=lambda: None).x_train) == 27


class TestCache:
    """What is decoded once is not decoded again, unless the cache is damaged or the data changed."""

    @pytest.fixture
    def data_dir(self, tmp_path, monkeypatch):
        prepare_as_mnist(tmp_path, monkeypatch, train=30, test=10)
        return tmp_path

    @staticmethod
    def decodes(data_dir) -> int:
        seen = []
        dataset = load("mnist", data_dir=data_dir, on_progress=seen.append)
        assert len(rows(dataset.x_train) | rows(dataset.x_validation)) == 30
        return len(seen)

    def test_a_second_start_decodes_nothing(self, data_dir):
        assert [self.decodes(data_dir) for _ in range(3)] == [2, 0, 0]
        names = sorted(file.name.partition("-")[0] for file in (data_dir / "cache").rglob("*.npy"))
        assert names == ["test", "test", "train", "train"]

    @pytest.mark.parametrize("kind", ["images", "labels"])
    @pytest.mark.parametrize("damage", ["truncated", "longer", "garbage", "pickle", "other shape"])
    def test_a_damaged_file_is_replaced(self, data_dir, kind, damage):
        assert self.decodes(data_dir) == 2
        (file,) = (data_dir / "cache").rglob(f"train-*-{kind}.npy")
        if damage == "truncated":
            os.truncate(file, file.stat().st_size - 1)
        elif damage == "longer":
            file.write_bytes(file.read_bytes() + b"?")
        elif damage == "garbage":
            file.write_bytes(b"?" * 50)
        elif damage == "pickle":
            np.save(file, np.array([print], object), allow_pickle=True)
        else:
            np.save(file, np.zeros(30, np.uint8))
        assert [self.decodes(data_dir), self.decodes(data_dir)] == [1, 0]

    def test_only_what_changed_is_decoded_anew_whatever_its_time_says(self, data_dir):
        assert self.decodes(data_dir) == 2
        (file,) = data_dir.glob("mnist/*/*train*")
        os.utime(file, ns=(0, 0))
        assert self.decodes(data_dir) == 0
        rewrite(data_dir, "train", records(30))
        os.utime(file, ns=(0, 0))
        assert self.decodes(data_dir) == 1

    def test_folders_with_one_dataset_name_do_not_serve_each_others_arrays(self, tmp_path, monkeypatch):
        """Same name, version, split, sizes of files and times: only the labels are others."""
        loaded = []
        for name, label in (("one", 3), ("two", 4)):
            prepare_as_mnist(tmp_path / name, monkeypatch, train=30, test=10)
            for split, n in (("train", 30), ("test", 10)):
                rewrite(tmp_path / name, split, records(n, label=label))
                (file,) = (tmp_path / name).glob(f"mnist/*/*{split}*")
                os.utime(file, ns=(0, 0))
            loaded.append((load("mnist", data_dir=tmp_path / name), file.stat()))
        (one, stat_of_one), (two, stat_of_two) = loaded
        assert (stat_of_one.st_size, stat_of_one.st_mtime_ns) == (
            stat_of_two.st_size,
            stat_of_two.st_mtime_ns,
        )
        assert set(one.y_train.tolist()) == {3}
        assert set(two.y_train.tolist()) == {4}
        assert set(two.read_test()[1].tolist()) == {4}

    def test_an_unwritable_cache_warns_and_is_done_without(self, data_dir):
        (data_dir / "file").write_text("")
        with pytest.warns(UserWarning, match="ECOJAX_CACHE_DIR"):
            dataset = load("mnist", data_dir=data_dir, cache_dir=data_dir / "file")
        assert len(dataset.x_train) == 27

    def test_without_a_cache_the_whole_split_has_to_fit(self, data_dir):
        (data_dir / "file").write_text("")
        with pytest.warns(UserWarning, match="not cached"), pytest.raises(DataError, match="without a cache"):
            load(
                "mnist",
                data_dir=data_dir,
                cache_dir=data_dir / "file",
                train_size=5,
                available_memory=lambda: 15_000,
            )

    def test_a_full_disk_leaves_no_remains(self, data_dir, monkeypatch):
        def full(source, target):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("ecojax.data.images.cache.os.replace", full)
        with pytest.warns(UserWarning, match="No space left"):
            load("mnist", data_dir=data_dir)
        assert [file for file in (data_dir / "cache").rglob("*") if file.is_file()] == []


def test_a_dataset_can_be_sent_to_another_process(tmp_path, monkeypatch):
    images = prepare_as_mnist(tmp_path, monkeypatch, train=30, test=10)
    copy = pickle.loads(pickle.dumps(load("mnist", data_dir=tmp_path)))
    assert rows(copy.read_test()[0]) == rows(images["test"])


def test_real_cifar10_has_its_counts_and_classes(cifar10_dir, tmp_path, caplog, capfd):
    dataset = load("cifar10", data_dir=cifar10_dir, cache_dir=tmp_path, train_size=10_000, seed=3)
    np.testing.assert_array_equal(np.bincount(dataset.y_train), np.full(10, 1000))
    np.testing.assert_array_equal(np.bincount(dataset.y_validation), np.full(10, 500))
    assert dataset.image_shape == (32, 32, 3)
    assert dataset.class_names[6] == "frog"
    # The training set's published channel statistics; a subset in JPEG comes close.
    np.testing.assert_allclose(dataset.mean, [0.4914, 0.4822, 0.4465], atol=5e-3)
    np.testing.assert_allclose(dataset.std, [0.2470, 0.2435, 0.2616], atol=5e-3)
    x_test, y_test = dataset.read_test()
    assert x_test.shape == (10_000, 32, 32, 3)
    np.testing.assert_array_equal(np.bincount(y_test), np.full(10, 1000))
    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")
    whole = load("cifar10", data_dir=cifar10_dir, cache_dir=tmp_path, seed=3)
    assert len(whole.x_train) == 45_000
    assert rows(whole.x_validation) == rows(dataset.x_validation)
    readme = cifar10_dir.parent / "README.md"
    if readme.is_file() and "JPEG copy" in readme.read_text():
        assert dataset.title == "CIFAR-10 (JPEG copy)"
