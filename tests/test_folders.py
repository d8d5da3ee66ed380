"""Folders where a user has no home, or where somebody else was there first."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ecojax.api import _take_folder
from ecojax.data import load
from ecojax.errors import EcojaxError, StudyError
from ecojax.folders import cache_folder, private_folder

HOMELESS = """
import pwd
def nobody(uid): raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = nobody
"""


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """A user with neither HOME nor an entry in the list of users, as in a container with `--user 1234`."""

    def nobody(uid: int):
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", nobody)
    for name in ("HOME", "XDG_CACHE_HOME", "ECOJAX_CACHE_DIR", "ECOJAX_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(RuntimeError):
        Path("~").expanduser()


def test_without_a_home_the_cache_is_a_folder_of_the_user_alone(homeless, tmp_path):
    folder = cache_folder()
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700
    assert cache_folder() == folder


def test_a_temporary_folder_that_others_can_write_to_is_refused(homeless, tmp_path):
    name = tmp_path / f"ecojax-cache-{os.getuid()}"
    name.mkdir()
    name.chmod(0o777)
    with pytest.raises(EcojaxError, match="is not this user's alone; remove it, or point TMPDIR"):
        private_folder("cache")
    name.rmdir()
    name.symlink_to(tmp_path)
    with pytest.raises(EcojaxError, match="is not this user's alone"):
        private_folder("cache")


def test_without_a_home_digits_load_and_other_data_ask_for_a_folder(homeless):
    assert load("digits").name == "digits"
    with pytest.raises(EcojaxError, match=r"no home folder for '~/tensorflow_datasets'.*give data_dir"):
        load("cifar10", download=False)


def test_the_whole_command_runs_without_a_home(tmp_path):
    search = (
        "search --dataset digits --family linear --population 2 --epochs 1 --evaluations 1 --train-size 300 "
    )
    search += "--energy-ci 50% --frontier-energy-ci 0"
    (tmp_path / "sitecustomize.py").write_text(HOMELESS)
    environment = {
        name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")
    }
    path = os.pathsep.join([str(tmp_path), *sys.path])
    ran = subprocess.run(
        [sys.executable, "-m", "ecojax", *search.split(), "--out", str(tmp_path / "s")],
        env=environment | {"PYTHONPATH": path, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "trials: 1 complete" in ran.stdout


def test_searches_that_start_together_get_a_folder_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(_take_folder, ["digits"] * 24))
    assert sorted(folders) == sorted({Path(f"runs/digits-{number}") for number in range(1, 25)})


def test_a_runs_folder_that_cannot_be_made_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").symlink_to(tmp_path / "nowhere" / "else")
    with pytest.raises(StudyError, match=r"cannot write the study to 'runs/digits-1'.*choose another out"):
        _take_folder("digits")
