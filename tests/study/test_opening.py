"""What is refused, with a remedy, and leaves everything as it was."""

import os
import sqlite3
import stat
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from ecojax.errors import StudyError
from ecojax.study import Status, StudyStore
from ecojax.study import store as store_module


def refused(folder: Path, message: str, *, write: bool = True) -> None:
    with pytest.raises(StudyError, match=message) as caught:
        StudyStore.open(folder, write=write)
    text = str(caught.value)
    assert str(folder) in text
    assert "\n" not in text


def sqlite(database: Path, *statements: str) -> None:
    connection = sqlite3.connect(database)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


# Where a new study may be made


def test_an_empty_folder_will_do(tmp_path, settings) -> None:
    StudyStore.create(tmp_path, settings).close()
    with StudyStore.open(tmp_path) as store:
        assert store.settings() == settings


def test_a_study_is_never_overwritten(folder, settings, contents) -> None:
    before = contents(folder)
    with pytest.raises(StudyError, match=r"already holds a study; add resume=True"):
        StudyStore.create(folder, settings)
    assert contents(folder) == before


def test_a_foreign_folder_is_left_alone(tmp_path, settings, contents) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StudyError, match=r"holds other files \('thesis.tex'\).*another out"):
        StudyStore.create(tmp_path, settings)
    assert sorted(tmp_path.iterdir()) == before
    assert contents(tmp_path) == {"thesis.tex": b"years of work"}


def test_a_file_in_place_of_the_folder_is_left_alone(tmp_path, settings) -> None:
    file = tmp_path / "out"
    file.write_text("a file")
    with pytest.raises(StudyError, match="is a file; give a folder"):
        StudyStore.create(file, settings)
    with pytest.raises(StudyError, match="cannot"):
        StudyStore.create(file / "below", settings)
    refused(file, "holds no study")
    refused(file / "below", "holds no study")
    assert file.read_text() == "a file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_an_unwritable_place_is_named(tmp_path, settings) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(StudyError, match=r"cannot write the study .*choose another out"):
            StudyStore.create(tmp_path / "study", settings)
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_a_creation_cut_off_leaves_no_study_and_can_be_repeated(tmp_path, settings, monkeypatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            StudyStore.create(tmp_path / "study", settings)
    assert not (tmp_path / "study" / "study.db").exists()
    refused(tmp_path / "study", "holds no study")
    with StudyStore.create(tmp_path / "study", settings) as store:
        assert store.settings() == settings


def test_settings_that_are_no_json_leave_no_study(tmp_path) -> None:
    with pytest.raises(TypeError):
        StudyStore.create(tmp_path / "study", {"what": object()})
    assert not (tmp_path / "study" / "study.db").exists()
    StudyStore.create(tmp_path / "study", {}).close()


# What is no study of ours


def test_a_missing_study_is_missed(tmp_path) -> None:
    refused(tmp_path / "nowhere", r"holds no study \(no study.db\); give the folder")
    assert not (tmp_path / "nowhere").exists()
    refused(tmp_path, "holds no study")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [False, True])
def test_another_programs_database_is_left_alone(tmp_path, write, contents) -> None:
    sqlite(
        tmp_path / "study.db", "CREATE TABLE customers (name TEXT)", "INSERT INTO customers VALUES ('Ada')"
    )
    before = contents(tmp_path)
    refused(tmp_path, "of another program", write=write)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("version", [0, 3, 99])
def test_another_format_is_named(folder, version, contents) -> None:
    sqlite(folder / "study.db", f"PRAGMA user_version = {version}")
    before = contents(folder)
    refused(
        folder,
        f"has format {version}, this ecojax reads formats 1 and 2; open it with the ecojax that wrote it",
    )
    assert contents(folder) == before


@pytest.mark.parametrize("table", ["settings", "trials"])
def test_a_study_without_a_table_is_damaged(folder, table) -> None:
    sqlite(folder / "study.db", f"DROP TABLE {table}")
    refused(folder, f"cannot be used .*{table}.*restore it from a copy")


def test_a_truncated_database_is_damaged(folder, contents) -> None:
    database = folder / "study.db"
    whole = database.read_bytes()
    for size in (1, 99, 512, 4096, len(whole) // 2, len(whole) - 4000, len(whole) - 400):
        database.write_bytes(whole[:size])
        before = contents(folder)
        refused(folder, "cannot be used|of another program")
        assert contents(folder) == before


def test_an_empty_database_is_no_study(folder) -> None:
    (folder / "study.db").write_bytes(b"")
    refused(folder, "another program|cannot be used")


@hypothesis_settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_whatever_bytes_stand_there_the_answer_is_a_study_or_a_sentence(folder, data) -> None:
    """Random files, and true ones with a stretch overwritten: trials as they were, or a StudyError."""
    database = folder / "study.db"
    original = folder / "original"  # the folder is the same for every example
    if not original.exists():
        original.write_bytes(database.read_bytes())
    whole = original.read_bytes()
    junk = data.draw(st.binary(min_size=1, max_size=300))
    if data.draw(st.booleans()):
        damaged = junk
    else:
        start = data.draw(st.integers(0, len(whole) - len(junk)))
        damaged = whole[:start] + junk + whole[start + len(junk) :]
    database.write_bytes(damaged)
    try:
        with StudyStore.open(folder, write=True) as store:
            store.settings()
            store.trials()
    except StudyError as error:
        message = str(error)
    else:
        return
    assert str(folder) in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status", "asleep"),
        ("configuration", "{not json"),
        ("metrics", ""),
        ("provenance", "\x00"),
        ("details", "{"),
    ],
)
def test_a_row_that_makes_no_sense_is_damage_not_a_crash(folder, column, value) -> None:
    connection = sqlite3.connect(folder / "study.db")
    connection.execute(f"UPDATE trials SET {column} = ? WHERE id = 0", (value,))
    connection.commit()
    connection.close()
    with StudyStore.open(folder) as store, pytest.raises(StudyError, match="cannot be used"):
        store.trials()


# Full disks


def test_a_full_disk_under_the_weights_ends_nothing(folder, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with StudyStore.open(folder, write=True) as store:
        with monkeypatch.context() as patch:
            patch.setattr(np, "savez", full)
            with pytest.raises(StudyError, match=r"cannot write the weights of trial 2 .*No space left"):
                store.end(2, Status.COMPLETE, arrays={"a": np.ones(3)})
        assert store.trial(2).status is Status.RUNNING
        assert sorted(path.name for path in (folder / "weights").iterdir()) == ["000000.npz"]
        assert store.end(2, Status.COMPLETE, arrays={"a": np.ones(3)}).complete


def test_a_full_disk_under_a_new_study_leaves_none(tmp_path, settings, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "_SCHEMA", "PRAGMA max_page_count = 1;" + store_module._SCHEMA)
        with pytest.raises(StudyError, match=r"cannot write the study to .*full.*another out"):
            StudyStore.create(tmp_path / "study", settings)
    assert not (tmp_path / "study" / "study.db").exists()
    StudyStore.create(tmp_path / "study", settings).close()


def test_a_full_disk_under_the_database_ends_nothing(folder) -> None:
    """SQLite's own limit on pages stands in for the disk."""
    with StudyStore.open(folder, write=True) as store:
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StudyError, match="full"):
            store.end(2, Status.COMPLETE, details={"log": "x" * 100_000})
        assert store.trial(2).status is Status.RUNNING
        store._connection.execute("PRAGMA max_page_count = 100000")
        assert store.end(2, Status.COMPLETE, details={"log": "x" * 100_000}).complete
