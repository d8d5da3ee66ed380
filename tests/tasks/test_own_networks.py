"""The page on networks of a user's own, as it stands, on CIFAR-10 (JPEG copy): killed, gone on with, loaded back."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import ecojax
from ecojax.study import Status, StudyStore

PAGE = Path(__file__).resolve().parents[2] / "docs" / "own-cifar10.md"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "tfds"
FILES = dict(
    re.findall(r'^```python title="(\S+)"\n(.*?)^```$', PAGE.read_text(encoding="utf-8"), re.M | re.S)
)
COMMANDS = re.findall(r"^\$ ecojax (.*)$", PAGE.read_text(encoding="utf-8"), re.M)
OF_THE_DATA = ("cifar = ", "x_test, y_test = ", "data = ", "from ecojax.data import load")


def test_the_search_takes_at_most_fifteen_lines() -> None:
    lines = [line for line in FILES["search.py"].splitlines() if line and not line.startswith(OF_THE_DATA)]
    assert len(lines) <= 15, "\n".join(lines)


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"ECOJAX_DATA_DIR": str(SHARED)}
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ran(folder: Path, *arguments: str) -> str:
    process = started(folder, *arguments)
    said, _ = process.communicate(timeout=400)
    assert process.returncode == 0, said
    return said


def ended(study: Path) -> dict[int, tuple[object, ...]]:
    """The figures of the trials that have ended, by id."""
    if not (study / "study.db").exists():
        return {}
    trials = ecojax.Study.open(study).trials
    return {
        trial.id: (trial.status, dict(trial.configuration), dict(trial.metrics))
        for trial in trials
        if trial.status is not Status.RUNNING
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not (SHARED / "cifar10").is_dir(), reason=f"no CIFAR-10 in {SHARED}")
def test_the_page_is_true_though_its_search_is_killed_half_way(tmp_path, monkeypatch) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    study = tmp_path / "runs" / "mine"
    search = started(tmp_path, "search.py")
    while len(ended(study)) < 2:
        assert search.poll() is None, search.communicate()[0]
        time.sleep(0.2)
    os.killpg(search.pid, signal.SIGKILL)
    search.communicate()
    before = ended(study)
    assert 2 <= len(before) < 6

    ran(tmp_path, "search.py")
    after = ended(study)
    assert sorted(after) == list(range(6))
    for id_, (status, configuration, metrics) in before.items():
        now = after[id_]
        assert (status, configuration, metrics["accuracy"]) == (now[0], now[1], now[2]["accuracy"])
    assert {status for status, _, _ in after.values()} == {Status.COMPLETE}
    assert {configuration["net"] for _, configuration, _ in after.values()} == {"vit", "resnet"}

    said = [ran(tmp_path, "-m", "ecojax", *command.split()) for command in COMMANDS]
    assert "modeled (CPU time" in said[0]
    assert (tmp_path / "frontier.png").read_bytes().startswith(b"\x89PNG")
    assert "ecojax.load('model', model='nets.py:build')" in said[1]

    monkeypatch.chdir(tmp_path)
    best = ecojax.Study.open(study).pick("best")
    assert best.metrics["accuracy"] > 0.15
    accuracy, kind = ran(tmp_path, "use.py").split()
    assert float(accuracy) == pytest.approx(best.metrics["test_accuracy"], abs=1e-3)
    assert kind == "modeled"
    model = ecojax.load(tmp_path / "model", model=f"{tmp_path}/nets.py:build")
    with StudyStore.open(study) as store:
        weights = model.network.from_arrays(store.arrays(best))
    x = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), np.uint8)
    np.testing.assert_array_equal(model(x).argmax(1), np.asarray(model.network.logits(weights, x)).argmax(1))
