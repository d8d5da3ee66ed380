"""The loop with workers that die: every end of a job is a status of its trial, and the search goes on."""

import pytest

from ecojax.budget import Budget
from ecojax.engine.engine import Engine
from ecojax.execute.executor import Maker
from ecojax.execute.local import LocalExecutor
from ecojax.session.aim import Aim
from ecojax.session.loop import Listener, Loop
from ecojax.space import Int, SearchSpace
from ecojax.study import Status, StudyStore

SPACE = SearchSpace([Int("width", 1, 6)])


class Notes(Listener):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def noted(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize("workers", [1, 3])
def test_crashes_and_hangs_and_faults_are_on_record_and_end_nothing(tmp_path, workers) -> None:
    heard = Notes()
    executor = LocalExecutor(Maker("deadly_worker:Deadly"), environments=[{}] * workers)
    with StudyStore.create(tmp_path / "study", {}) as store, executor:
        reason = Loop(
            store,
            Engine(SPACE, objectives=2, population=3, seed=0, proposer="random"),
            executor,
            Aim(("accuracy", "energy_per_sample_j")),
            Budget(100),
            timeout_s=1.5,
            listener=heard,
        ).run()
        trials = {trial.configuration["width"]: trial for trial in store.trials()}
    assert reason == "all 6 configurations of the space have been tried"
    assert sorted(trials) == [1, 2, 3, 4, 5, 6]
    assert {width: trial.status for width, trial in trials.items()} == {
        1: Status.COMPLETE,
        2: Status.CRASHED,
        3: Status.TIMEOUT,
        4: Status.FAILED,
        5: Status.COMPLETE,
        6: Status.COMPLETE,
    }
    crashed = trials[2]
    assert crashed.details["attempts"] == 2
    assert "SIGKILL" in crashed.error
    assert "the device fell off the bus" in crashed.error
    (note,) = heard.notes
    assert f"trial {crashed.id} is tried once more (crashed: " in note
    assert 1.5 <= trials[3].metrics["trial_seconds"] < 10
    assert "four is too many" in trials[4].error
    assert all(("worker" in trial.details) == (workers > 1) for trial in trials.values())
