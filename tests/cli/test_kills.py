"""A search killed anywhere loses nothing: some of the kills that `scripts/kill_anywhere.py` makes by hundreds."""

import importlib.util
import random
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "kill_anywhere.py"


@pytest.fixture(scope="module")
def kill_anywhere():
    spec = importlib.util.spec_from_file_location("kill_anywhere", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_random_instants_the_trials_are_those_of_an_unbroken_run(kill_anywhere, tmp_path) -> None:
    whole, seconds = kill_anywhere.unbroken(tmp_path)
    assert len(whole) == 8
    rng, kills, studies = random.Random(1), 0, 0
    while kills < 3:
        folder = tmp_path / f"study-{studies}"
        kills += kill_anywhere.killed(folder, whole, seconds, rng, 3 - kills).total()
        studies += 1
