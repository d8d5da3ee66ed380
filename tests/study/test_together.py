"""Several trials to a commit: all of them or none, and after a power cut a beginning of what was written."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ecojax.errors import StudyError
from ecojax.study import Status, StudyStore, Trial


def records(store: StudyStore) -> list[tuple]:
    return [(t.id, str(t.status), t.configuration, t.metrics, t.weights) for t in store.trials()]


def test_what_is_written_together_is_seen_together(folder) -> None:
    with StudyStore.open(folder, write=True) as store, StudyStore.open(folder) as reader:
        before = reader.trials()
        with store.together():
            ended = store.end(2, Status.COMPLETE, metrics={"accuracy": 0.75}, arrays={"a": np.ones(3)})
            started = [store.start(id_, {"width": id_}, origin="sobol", seed=id_) for id_ in (3, 4)]
            store.set("sessions", 2)
            assert store.trials() == [*before[:2], ended, *started]
            assert reader.trials() == before
        assert reader.trials() == store.trials() == [*before[:2], ended, *started]
        assert reader.settings()["sessions"] == 2
        np.testing.assert_array_equal(reader.arrays(ended)["a"], np.ones(3))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_is_left_by_an_exception_leaves_nothing(folder, error) -> None:
    with StudyStore.open(folder, write=True) as store:
        before = store.trials()

        def interrupted() -> None:
            with store.together():
                store.end(2, Status.COMPLETE, arrays={"a": np.ones(3)})
                store.start(3, {"width": 3}, origin="sobol", seed=3)
                raise error

        with pytest.raises(error):
            interrupted()
        assert store.trials() == before
        with store.together():
            assert store.end(2, Status.COMPLETE, arrays={"a": np.zeros(3)}).complete
        np.testing.assert_array_equal(store.arrays(store.trial(2))["a"], np.zeros(3))


def test_one_that_cannot_end_takes_the_others_back(folder) -> None:
    with StudyStore.open(folder, write=True) as store:
        before = store.trials()

        def both() -> None:
            with store.together():
                store.end(2, Status.COMPLETE)
                store.end(0, Status.COMPLETE)

        with pytest.raises(StudyError, match=r"trial 0 .* is not running"):
            both()
        assert store.trials() == before
        with pytest.raises(StudyError, match="together already"), store.together(), store.together():
            pass
        assert store.end(2, Status.COMPLETE).complete


def test_a_full_disk_takes_all_of_it_back(folder) -> None:
    with StudyStore.open(folder, write=True) as store:
        before = store.trials()
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")

        def large() -> None:
            with store.together():
                store.start(3, {"width": 3}, origin="sobol", seed=3)
                store.end(2, Status.COMPLETE, details={"log": "x" * 100_000})

        with pytest.raises(StudyError, match="full"):
            large()
        assert store.trials() == before
        store._connection.execute("PRAGMA max_page_count = 100000")
        large()
        assert store.trial(2).complete


def test_a_kill_within_leaves_the_study_as_it_was(folder) -> None:
    with StudyStore.open(folder) as store:
        before = store.trials()
    code = f"""
import os, signal
import numpy as np
from ecojax.study import Status, StudyStore
store = StudyStore.open({str(folder)!r}, write=True)
with store.together():
    store.end(2, Status.COMPLETE, arrays={{"a": np.ones(3)}})
    store.start(3, {{}}, origin="sobol", seed=0)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == -signal.SIGKILL
    with StudyStore.open(folder, write=True) as store:
        assert store.trials() == before
        assert store.end(2, Status.COMPLETE).complete


def test_after_a_power_cut_there_is_a_beginning_of_what_was_written(folder, tmp_path) -> None:
    """The log is cut off anywhere: what is left is a state that there was, the later the more is left."""
    log = folder / "study.db-wal"
    with StudyStore.open(folder, write=True) as store:
        states = [records(store)]
        for step in range(3, 8):
            for id_ in (step, step + 100):
                store.start(id_, {"width": id_}, origin="sobol", seed=id_)
                states.append(records(store))
            with store.together():
                store.end(step, Status.COMPLETE, metrics={"accuracy": step / 20})
                store.end(step + 100, Status.FAILED, error="why")
                store.start(step + 200, {"width": -step}, origin="random", seed=0)
            states.append(records(store))
        written = log.read_bytes()
        left = []
        for cut in [*range(0, len(written), 3000), len(written)]:
            copy = tmp_path / f"cut{cut}"
            copy.mkdir()
            shutil.copy(folder / "study.db", copy)
            (copy / log.name).write_bytes(written[:cut])
            with StudyStore.open(copy, write=True) as store_left:
                left.append(states.index(records(store_left)))
    assert left == sorted(left)
    assert set(left) == set(range(len(states)))


def test_a_start_does_not_wait_for_the_disk_and_an_end_does(folder) -> None:
    """SQLite is told so: 1 is NORMAL, 2 is FULL."""
    traced: list[str] = []
    with StudyStore.open(folder, write=True) as store:
        store._connection.set_trace_callback(traced.append)
        store.start(3, {}, origin="sobol", seed=0)
        assert [text.split()[0] for text in traced] == ["PRAGMA", "INSERT", "PRAGMA"]
        assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        with store.together():
            store.start(4, {}, origin="sobol", seed=0)
            assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)


# Reading


def test_trials_one_by_one_are_all_trials(folder, monkeypatch) -> None:
    from ecojax.study import store as store_module

    monkeypatch.setattr(store_module, "AT_A_TIME", 4)
    with StudyStore.open(folder, write=True) as store:
        assert store.last_id() == 2
        for id_ in range(3, 12):
            store.start(id_, {"width": id_}, origin="sobol", seed=id_)
            if id_ % 2:
                store.end(id_, Status.FAILED)
        assert list(store.each()) == store.trials()
        for status in Status:
            assert list(store.each(status)) == [t for t in store.trials() if t.status is status]
            assert store.counts()[status] == len(list(store.each(status)))
        assert store.counts().keys() == set(Status)
        assert store.last_id() == 11
        meanwhile = store.each()
        first = next(meanwhile)
        store.start(12, {}, origin="sobol", seed=0)
        assert [first.id, *(trial.id for trial in meanwhile)] == list(range(13))


def test_a_study_without_trials(tmp_path, settings) -> None:
    with StudyStore.create(tmp_path / "study", settings) as store:
        assert (store.last_id(), list(store.each()), sum(store.counts().values())) == (None, [], 0)


def test_a_study_of_before_there_was_an_index(folder) -> None:
    import sqlite3

    connection = sqlite3.connect(folder / "study.db")
    connection.execute("DROP INDEX trials_by_status")
    connection.close()
    with StudyStore.open(folder) as store:
        assert store.counts()[Status.OOM] == 1
    StudyStore.open(folder, write=True).close()
    with StudyStore.open(folder) as store:
        plan = store._connection.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM trials WHERE status = 'oom'"
        ).fetchall()
        assert "trials_by_status" in plan[0][-1]


# Trials whose JSON waits


def test_a_trial_read_is_as_good_as_one_made(folder) -> None:
    import copy
    import pickle
    from dataclasses import asdict, fields, replace

    with StudyStore.open(folder) as store:
        read = store.trials()[0]
    made = Trial(**{field.name: getattr(read, field.name) for field in fields(Trial)})
    assert made.metrics == {"accuracy": 0.5}
    for again in (lambda t: t, copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t)), replace):
        with StudyStore.open(folder) as store:
            fresh = store.trials()[0]
        assert again(fresh) == made == fresh
        assert repr(again(fresh)) == repr(made)
        assert asdict(again(fresh)) == asdict(made)
    assert replace(read, metrics={}).metrics == {}
    assert read.metrics is read.metrics
    for trial in (read, made):
        with pytest.raises(AttributeError, match="colour"):
            trial.colour  # noqa: B018
        with pytest.raises(AttributeError):
            trial.seed = 3


def test_json_that_breaks_off_is_damage_when_it_is_looked_at(folder: Path) -> None:
    import sqlite3

    connection = sqlite3.connect(folder / "study.db")
    connection.execute("UPDATE trials SET details = '{\"a\": 1, }' WHERE id = 0")
    connection.commit()
    connection.close()
    with StudyStore.open(folder) as store:
        trial = store.trials()[0]
    assert trial.metrics == {"accuracy": 0.5}
    for _ in range(2):
        with pytest.raises(StudyError, match=r"cannot be used .*; restore it from a copy"):
            trial.details  # noqa: B018
