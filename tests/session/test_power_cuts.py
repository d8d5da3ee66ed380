"""A search that loses power anywhere goes on as though it had not.

The store does not wait for the disk when a trial starts. So what a cut leaves is the log up to any commit, the last
starts lost or not.
"""

import shutil
from pathlib import Path

import pytest
from inline_workers import inline

from ecojax.budget import Budget
from ecojax.engine.engine import Engine
from ecojax.session.aim import Aim
from ecojax.session.loop import Loop
from ecojax.space import Choice, Int, SearchSpace
from ecojax.study import Status, StudyStore
from ecojax.trial.outcome import Outcome

SPACE = SearchSpace([Int("width", 1, 40, default=8), Choice("block", ("plain", "residual"), default="plain")])


def evaluate(configuration, seed) -> Outcome:
    if configuration["width"] % 5 == 1:
        return Outcome(Status.DIVERGED, {}, error="not a number")
    return Outcome(
        Status.COMPLETE, {"accuracy": configuration["width"] / 41, "energy_per_sample_j": float(seed)}
    )


def search(store: StudyStore, evaluate=evaluate) -> None:
    engine = Engine(SPACE, objectives=2, population=4, seed=3, proposer="local", replicate=5)
    Loop(store, engine, inline(evaluate), Aim(("accuracy", "energy_per_sample_j")), Budget(14)).run()


def found(store: StudyStore) -> list[tuple]:
    return [(t.id, t.status, t.configuration, t.origin, t.seed, t.metrics) for t in store.trials()]


@pytest.mark.parametrize("lost", [0, 1], ids=["the last start kept", "the last start lost"])
def test_resumed_after_a_power_cut_at_any_trial_it_finds_the_same(tmp_path: Path, lost: int) -> None:
    folder, log = tmp_path / "study", tmp_path / "study" / "study.db-wal"
    sizes, cuts = [0, 0], list[Path]()

    def meanwhile(configuration, seed) -> Outcome:
        """While a trial runs, the folder as a cut would leave it: the log ends with its start, or before."""
        written = log.read_bytes()
        cuts.append(tmp_path / f"cut{len(cuts)}")
        cuts[-1].mkdir()
        shutil.copy(folder / "study.db", cuts[-1])
        (cuts[-1] / log.name).write_bytes(written[: sizes[-1]] if lost else written)
        return evaluate(configuration, seed)

    class Watched(StudyStore):
        def end(self, *arguments, **options):
            ended = super().end(*arguments, **options)
            sizes.append(log.stat().st_size)  # all of it is on the disk now
            return ended

    with Watched.create(folder, {}) as store:
        sizes.append(log.stat().st_size if log.exists() else 0)
        search(store, meanwhile)
        expected = found(store)
    assert len(expected) == len(cuts) == 14
    left = []
    for cut in cuts:
        with StudyStore.open(cut, write=True) as store:
            left.append(len(store.trials()))
            search(store)
            assert found(store) == expected
    assert left == [trial + 1 - lost for trial in range(14)]
