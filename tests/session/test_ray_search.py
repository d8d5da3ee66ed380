"""A real search through Ray, on this host: a killed worker costs no trial."""

import os
import signal
import threading
from pathlib import Path

import pytest

import ecojax
from ecojax.session.loop import Listener
from ecojax.study import Trial

pytest.importorskip("ray")
# Ray collects garbage as it starts: what other tests have left open would fail here
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def actors() -> list[int]:
    """Processes of Ray's that run an actor of ours."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                title = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::Worker"):
                found.append(int(entry.name))
    return found


class KillsOneHalfWay(Listener):
    def __init__(self) -> None:
        self.asked = False
        self.killed: list[int] = []
        self.notes: list[str] = []

    def trial_started(self, trial: Trial) -> None:
        if trial.id == 4 and not self.asked:  # it begins twice
            self.asked = True
            threading.Timer(0.3, self._kill).start()

    def _kill(self) -> None:
        self.killed = actors()[:1]
        os.kill(self.killed[0], signal.SIGKILL)

    def noted(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.slow
def test_a_search_on_two_ray_workers_survives_the_death_of_one(tmp_path) -> None:
    listener = KillsOneHalfWay()
    study = ecojax.search(
        dataset="digits",
        families=["mlp"],
        evaluations=8,
        population=4,
        epochs=3,
        energy_ci=0.3,
        frontier_energy_ci=0,
        device="cpu",
        executor="ray",
        ray_address="local",
        workers=2,
        watts_per_core=10.0,
        out=tmp_path / "study",
        listener=listener,
    )
    assert len(listener.killed) == 1
    assert [trial.id for trial in study.trials] == list(range(8))
    assert {trial.id: trial.error for trial in study.trials if not trial.complete} == {}
    assert len({trial.details["worker"] for trial in study.trials}) == 2
    assert all("test_accuracy" in trial.metrics for trial in study.frontier())
