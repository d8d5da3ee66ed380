"""The data of a study: all who work on it have the same, and they are found again wherever the command is given."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ecojax
from ecojax.data.images.archives import Examples
from ecojax.data.images.prepare import prepare
from ecojax.data.images.published import DATASETS
from ecojax.errors import DataError, InputError, StudyError
from ecojax.session import crew
from ecojax.settings import SearchSettings
from ecojax.study import StudyStore

SMALL = {
    "families": ["linear"],
    "epochs": 1,
    "population": 2,
    "evaluations": 1,
    "objectives": ["accuracy", "flops"],
    "energy_ci": 0.5,
    "device": "cpu",
    "watts_per_core": 10.0,
    "inference_batch": 8,
    "executor": "inline",
}


def make_mnist(data_dir: Path, shift: int = 0) -> None:
    """A prepared dataset of noise, named after one that could be downloaded; `shift` relabels it."""
    rng = np.random.default_rng(0)
    contents = {}
    for split, n in (("train", 100), ("test", 20)):
        images = rng.integers(0, 256, (n, 28, 28, 1), dtype=np.uint8)
        contents[split] = Examples(images, {"label": ((np.arange(n) + shift) % 10).astype(np.uint8)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            DATASETS, "mnist", DATASETS["mnist"]._replace(archives=(), read=lambda files: (contents, {}))
        )
        prepare("mnist", data_dir)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder with prepared data in `data`, in which commands are given; nothing can be downloaded."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a download began")

    make_mnist(tmp_path / "data")
    monkeypatch.setattr("ecojax.data.images.prepare.fetch", never)
    monkeypatch.setenv("ECOJAX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("ECOJAX_DATA_DIR", raising=False)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_paths_are_stored_from_the_root_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    settings = SearchSettings(data_dir="data", start_from=["runs/a", "~/b"], meter="external:watts.csv")
    assert settings.data_dir == f"{tmp_path}/data"
    assert settings.start_from == [f"{tmp_path}/runs/a", "/home/somebody/b"]
    assert settings.meter == f"external:{tmp_path}/watts.csv"
    assert SearchSettings(data_dir=Path("~/c")).data_dir == "/home/somebody/c"
    assert SearchSettings(meter="external:/a:b.csv").meter == "external:/a:b.csv"
    assert SearchSettings(meter="nvml").meter == "nvml"


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_study_finds_its_data_from_another_folder(here, monkeypatch, by):
    given = {"data_dir": "data"} if by == "option" else {}
    if by == "environment":
        monkeypatch.setenv("ECOJAX_DATA_DIR", "data")
    ecojax.search(dataset="mnist", **SMALL, **given, out="study")
    monkeypatch.delenv("ECOJAX_DATA_DIR", raising=False)
    monkeypatch.chdir(here / "elsewhere")
    study = ecojax.search(out="../study", resume=True, evaluations=2)
    assert study.counts()["complete"] == 2
    assert study.settings["data_dir"] == str(here / "data")


def test_an_older_study_with_a_relative_folder_looks_from_here_and_downloads_nothing(here, monkeypatch):
    ecojax.search(dataset="mnist", **SMALL, data_dir="data", out="study")
    with StudyStore.open("study", write=True) as store:
        store.set("data_dir", "data")
    monkeypatch.chdir(here / "elsewhere")
    with pytest.raises(DataError, match=f"there is no folder '{here}/elsewhere/data'"):
        ecojax.search(out="../study", resume=True, evaluations=2)
    monkeypatch.chdir(here)
    ecojax.search(out="study", resume=True, evaluations=2)
    assert ecojax.Study.open("study").settings["data_dir"] == str(here / "data")
    empty = here / "elsewhere"
    with pytest.raises(DataError, match=f"'{empty}' holds no prepared dataset.*resume=True"):
        ecojax.search(out="study", resume=True, evaluations=3, data_dir=str(empty))


def test_data_relabelled_in_place_do_not_join_a_study(here):
    ecojax.search(dataset="mnist", **SMALL, data_dir="data", out="study")
    os.rename("data", "former")
    make_mnist(here / "data", shift=1)
    with pytest.raises(StudyError, match="training inputs or outputs"):
        ecojax.search(out="study", resume=True, evaluations=2)
    study = ecojax.search(
        out="study", resume=True, evaluations=2, data_dir="former"
    )  # a copy elsewhere is the same
    assert study.counts()["complete"] == 2


def test_a_worker_with_other_data_than_the_driver_is_an_error_by_name(tmp_path, monkeypatch):
    """The driver's own load gives another digest, as it would on another host."""
    load_task = crew.load_task

    def other(*arguments, **keywords):
        task = load_task(*arguments, **keywords)
        dataset = replace(task.dataset, digests=task.dataset.digests | {"validation": "other"})
        return replace(task, dataset=dataset)

    monkeypatch.setattr(crew, "load_task", other)
    options = SMALL | {"executor": "local"}
    with pytest.raises(
        DataError, match=r"the worker on .* reads another 'digits' .*validation inputs or outputs"
    ):
        ecojax.search(dataset="digits", **options, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_missing_ray_is_found_before_the_data_are_read(tmp_path, monkeypatch):
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the data were read")

    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr(crew, "load_task", never)
    with pytest.raises(InputError, match="needs Ray"):
        ecojax.search(dataset="digits", **SMALL | {"executor": "ray"}, out=tmp_path / "study")
