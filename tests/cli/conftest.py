"""One small study of real digits, made through the command line, for every test that only looks at it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ecojax.cli import main

OPTIONS = {
    "dataset": "digits",
    "train_size": 400,
    "epochs": 3,
    "population": 3,
    "energy_ci": 0.2,
    "watts_per_core": 10.0,  # the model, whatever this host's processor and instruments are
}


class Answer(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def ecojax(monkeypatch, capsys) -> Callable[..., Answer]:
    """Runs the command line in this process."""

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["ecojax", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return Answer(int(stop.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def small_options() -> dict[str, object]:
    """A search of seconds, as Python takes it."""
    return {**OPTIONS, "families": ["mlp"]}


@pytest.fixture(scope="session")
def small_search() -> list[str]:
    """The same, as the command line takes it."""
    options = (
        part for name, value in OPTIONS.items() for part in (f"--{name.replace('_', '-')}", str(value))
    )
    return [*options, "--family", "mlp"]


@pytest.fixture(scope="session")
def study(tmp_path_factory, small_search) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "small"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sys,
            "argv",
            ["ecojax", "search", *small_search, "--evaluations", "5", "--out", str(folder), "--quiet"],
        )
        with pytest.raises(SystemExit) as stop:
            main()
    assert stop.value.code == 0
    return folder
