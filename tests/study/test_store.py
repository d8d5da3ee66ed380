"""What a study keeps: trials, settings and weights, in the order and with the states they had."""

import json
import math
from datetime import datetime

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from ecojax.errors import StudyError
from ecojax.study import Status, StudyStore


def test_a_new_study_holds_its_settings_and_no_trials(tmp_path, settings) -> None:
    with StudyStore.create(tmp_path / "runs" / "new", settings) as store:
        assert store.settings() == settings
        assert store.trials() == []
    with StudyStore.open(tmp_path / "runs" / "new") as store:
        assert store.settings() == settings


@pytest.mark.parametrize("name", ["with space", "50%", "what?mode=ro", "a#b", "größe"])
def test_any_name_of_a_folder_will_do(tmp_path, settings, monkeypatch, name) -> None:
    monkeypatch.chdir(tmp_path)
    StudyStore.create(name, settings).close()
    with StudyStore.open(name) as store:
        assert store.settings() == settings
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_was_written_is_read_back_by_another(tmp_path, settings) -> None:
    configuration = {"block": "residual", "flip": True, "width": 24, "rate": 1e-3, "name": "größe ✓"}
    with StudyStore.create(tmp_path / "study", settings) as store:
        store.start(0, configuration, origin="default", seed=2**62)
        ended = store.end(
            0,
            Status.COMPLETE,
            metrics={"accuracy": 0.1 + 0.2, "flops": 1e300},
            provenance={"energy_per_sample_j": "modeled (by hand)"},
            details={"energy": {"gates": [1, 2.5, None]}},
        )
    with StudyStore.open(tmp_path / "study") as store:
        (trial,) = store.trials()
        assert trial == ended == store.trial(0)
        assert store.trial(1) is None
    assert trial.configuration == configuration
    assert [type(value) for value in trial.configuration.values()] == [str, bool, int, float, str]
    assert trial.metrics == {"accuracy": 0.1 + 0.2, "flops": 1e300}
    assert trial.seed == 2**62
    assert trial.details == {"energy": {"gates": [1, 2.5, None]}}
    assert datetime.fromisoformat(trial.started_at) <= datetime.fromisoformat(trial.ended_at)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RUNNING])
def test_every_end_is_kept_with_its_message(tmp_path, settings, status) -> None:
    with StudyStore.create(tmp_path / "study", settings) as store:
        store.start(3, {}, origin="sobol", seed=0)
        assert store.trial(3).status is Status.RUNNING
        store.end(3, status, error="why")
    with StudyStore.open(tmp_path / "study") as store:
        trial = store.trial(3)
    assert (trial.status, trial.error, trial.complete) == (status, "why", status is Status.COMPLETE)


def test_a_running_trial_starts_again_as_it_was(folder) -> None:
    with StudyStore.open(folder, write=True) as store:
        before = store.trial(2)
        assert before.status is Status.RUNNING
        again = store.start(2, before.configuration, origin=before.origin, seed=before.seed)
        assert again.status is Status.RUNNING
        assert (again.configuration, again.origin, again.seed) == ({"width": 24}, "sobol", 3)
        assert store.end(2, Status.COMPLETE).complete
        assert [trial.id for trial in store.trials()] == [0, 1, 2]


def test_an_ended_trial_neither_ends_nor_starts_again(folder) -> None:
    with StudyStore.open(folder, write=True) as store:
        before = store.trials()
        with pytest.raises(StudyError, match=r"trial 0 .* is not running"):
            store.end(0, Status.FAILED, metrics={"accuracy": 0.0}, error="late")
        with pytest.raises(StudyError, match=r"trial 9 .* is not running"):
            store.end(9, Status.COMPLETE)
        store.start(0, {"width": 999}, origin="random", seed=9)
        assert store.trials() == before


def test_a_second_end_does_not_replace_the_weights(folder) -> None:
    with StudyStore.open(folder, write=True) as store:
        with pytest.raises(StudyError, match="not running"):
            store.end(0, Status.COMPLETE, arrays={"dense/kernel": np.zeros(3)})
        np.testing.assert_array_equal(store.arrays(store.trial(0))["dense/kernel"], np.eye(3))


def test_metrics_that_come_late_join_the_others(folder) -> None:
    with StudyStore.open(folder, write=True) as store:
        store.add_metrics(0, {"test_accuracy": 0.25})
        store.add_metrics(0, {"test_accuracy": 0.75})
    with StudyStore.open(folder) as store:
        assert store.trial(0).metrics == {"accuracy": 0.5, "test_accuracy": 0.75}
        assert store.trial(1).metrics == {}


def test_settings_can_be_noted_and_noted_again(folder, settings) -> None:
    with StudyStore.open(folder, write=True) as store:
        store.set("sessions", 1)
        store.set("sessions", [1, 2])
    with StudyStore.open(folder) as store:
        assert store.settings() == {**settings, "sessions": [1, 2]}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@hypothesis_settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_any_plain_record_survives(folder, record) -> None:
    with StudyStore.open(folder, write=True) as store:
        store.set("record", record)
        assert store.settings()["record"] == record


# Weights


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int32, np.uint8, bool])
def test_weights_come_back_bit_by_bit(folder, dtype) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "blocks/0/0/units/0/conv/kernel": (9 * rng.normal(size=(3, 3, 1, 4))).astype(dtype),
        "dense/bias": np.zeros((0,), dtype),
        "scalar": np.array(1, dtype),
    }
    with StudyStore.open(folder, write=True) as store:
        trial = store.end(2, Status.COMPLETE, arrays=arrays)
    with StudyStore.open(folder) as store:
        back = store.arrays(trial)
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


def test_no_weights_where_none_were_given(folder) -> None:
    with StudyStore.open(folder) as store, pytest.raises(StudyError, match=r"trial 1 \(oom\) has no weights"):
        store.arrays(store.trial(1))


def test_weights_that_are_gone_or_damaged_say_so(folder) -> None:
    path = folder / "weights" / "000000.npz"
    whole = path.read_bytes()
    with StudyStore.open(folder) as store:
        trial = store.trial(0)
        path.unlink()
        with pytest.raises(StudyError, match=r"weights of trial 0 are gone.*000000\.npz"):
            store.arrays(trial)
        rng = np.random.default_rng(0)
        flipped = bytearray(whole)
        flipped[whole.index(np.eye(3).tobytes()) + 5] ^= 0xFF
        for damaged in (b"", b"PK", whole[: len(whole) // 2], whole[:-1], rng.bytes(500), bytes(flipped)):
            path.write_bytes(damaged)
            with pytest.raises(StudyError, match=r"weights of trial 0 .* are damaged"):
                store.arrays(trial)


def test_pickled_weights_are_not_executed(folder, tmp_path) -> None:
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    np.savez(folder / "weights" / "000000.npz", bomb=np.array([Bomb()], object))
    with StudyStore.open(folder) as store, pytest.raises(StudyError, match="damaged"):
        store.arrays(store.trial(0))
    assert not (tmp_path / "exploded").exists()


def test_a_row_cannot_point_outside_the_study(folder, tmp_path) -> None:
    """Even where the file it points at exists."""
    import sqlite3

    np.savez(tmp_path / "x.npz", secret=np.ones(3))
    for path in ("../../x.npz", str(tmp_path / "x.npz"), "..", ".", ""):
        connection = sqlite3.connect(folder / "study.db")
        connection.execute("UPDATE trials SET weights = ? WHERE id = 0", (path,))
        connection.commit()
        connection.close()
        with StudyStore.open(folder) as store, pytest.raises(StudyError, match="trial 0"):
            store.arrays(store.trial(0))


def test_metrics_are_json_that_others_can_read(folder) -> None:
    """Figures that are no numbers would make the column unreadable for SQLite's and everybody's JSON."""
    import sqlite3

    with StudyStore.open(folder, write=True) as store:
        store.end(2, Status.COMPLETE, metrics={"accuracy": 0.5, "train_energy_j": 1e-9})
    connection = sqlite3.connect(folder / "study.db")
    rows = connection.execute("SELECT metrics, json_valid(metrics) FROM trials WHERE id = 2").fetchall()
    connection.close()
    assert rows[0][1] == 1
    assert all(math.isfinite(value) for value in json.loads(rows[0][0]).values())
