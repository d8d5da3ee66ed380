"""A dataset that is not found: where it was looked for, what lies there, and the likely slip."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from archive_server import images_and_labels

from ecojax.data import load
from ecojax.data.images.archives import Examples
from ecojax.data.images.prepare import prepare
from ecojax.data.images.published import DATASETS
from ecojax.errors import DataError


@pytest.fixture
def data_dir(tmp_path, monkeypatch) -> Path:
    """A folder with two prepared datasets; `flowers` is a person's own, which TFDS does not know."""
    images, labels = images_and_labels(30, (28, 28, 1), 10, 0)
    contents = {split: Examples(images, {"label": labels}) for split in ("train", "test")}
    recipe = DATASETS["mnist"]._replace(archives=(), read=lambda files: (contents, {}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATASETS, "mnist", recipe)
        made = prepare("mnist", tmp_path / "data")
    flowers = tmp_path / "data" / "flowers" / "1.0.0"
    shutil.copytree(made, flowers)
    for path in flowers.iterdir():
        path.write_bytes(path.read_bytes().replace(b'"mnist"', b'"flowers"'))
        path.rename(path.with_name(path.name.replace("mnist", "flowers")))
    shutil.rmtree(tmp_path / "data" / "downloads")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a download began")

    monkeypatch.setattr("ecojax.data.images.prepare.fetch", never)
    return tmp_path / "data"


def test_the_own_dataset_is_found_where_it_lies(data_dir):
    assert len(load("flowers", data_dir=data_dir).x_train) == 27


@pytest.mark.parametrize("name", ["flowers", "mnist"])
@pytest.mark.parametrize("within", ["{}", "{}/{version}"])
def test_the_datasets_own_folder_is_told_from_the_one_that_holds_it(data_dir, name, within):
    version = next((data_dir / name).iterdir()).name
    given = data_dir / within.format(name, version=version)
    with pytest.raises(DataError) as error:
        load(name, data_dir=given)
    assert f"'{given}' is the dataset's own folder; give data_dir='{data_dir}'" in str(error.value)


@pytest.mark.parametrize("name", ["flowers", "mnist"])
def test_a_version_that_is_not_there_names_those_that_are(data_dir, name):
    version = next((data_dir / name).iterdir()).name
    with pytest.raises(DataError) as error:
        load(f"{name}:9.9.9", data_dir=data_dir)
    assert f"'{data_dir}' holds {name}:{version}; write dataset='{name}:{version}'" in str(error.value)


@pytest.mark.parametrize("name", ["flowers", "mnist", "cifar10"])
def test_a_folder_that_does_not_exist_is_named_with_its_likely_spelling(data_dir, name):
    slip = data_dir.with_name("daat")
    with pytest.raises(DataError) as error:
        load(name, data_dir=slip)
    assert f"there is no folder '{slip}'; did you mean data_dir='{data_dir}'?" in str(error.value)
    assert not slip.exists()


@pytest.mark.parametrize("name", ["flowers", "mnist"])
def test_a_folder_one_too_high_names_the_right_one(data_dir, name):
    with pytest.raises(DataError, match=f"give data_dir='{data_dir}'"):
        load(name, data_dir=data_dir.parent)


def test_what_lies_there_is_listed_and_a_near_name_proposed(data_dir):
    with pytest.raises(
        DataError, match=r"holds flowers:1\.0\.0, mnist:3\.0\.1; did you mean dataset='flowers'\?"
    ):
        load("flower", data_dir=data_dir)
    empty = data_dir.with_name("empty")
    empty.mkdir()
    with pytest.raises(DataError, match=f"'{empty}' holds no prepared dataset"):
        load("flowers", data_dir=empty)


def test_a_damaged_description_is_an_error_of_that_file(data_dir):
    (data_dir / "flowers" / "1.0.0" / "dataset_info.json").write_text("{")
    with pytest.raises(DataError, match=r"flowers/1\.0\.0 holds no readable prepared dataset"):
        load("flowers", data_dir=data_dir)


def test_nothing_is_downloaded_where_that_is_not_allowed(data_dir):
    with pytest.raises(DataError) as error:
        load("cifar10", data_dir=data_dir, download=False)
    assert f"is not prepared in '{data_dir}' ('{data_dir}' holds flowers:1.0.0, mnist" in str(error.value)
    assert "switched off, as it is with resume=True" in str(error.value)


def test_a_relative_folder_is_meant_where_it_was_given(data_dir, tmp_path, monkeypatch):
    """The test set is read at the end of a search, whose process may work elsewhere by then."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECOJAX_CACHE_DIR", "cache")
    dataset = load("flowers", data_dir="data")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(dataset.read_test()[0]) == 30
    with pytest.raises(DataError, match=f"there is no folder '{tmp_path / 'elsewhere' / 'data'}'"):
        load("flowers", data_dir="data")
    np.testing.assert_array_equal(load("flowers", data_dir="../data").x_train, dataset.x_train)
