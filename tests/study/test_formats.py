"""Studies of the format before this one open, show and go on; nothing of them is lost on the way."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import ecojax
from ecojax.session.resume import MUST_AGREE
from ecojax.settings import SearchSettings
from ecojax.study import StudyStore
from ecojax.study.facts import Facts
from ecojax.study.parts import part_in_format_1

WRITTEN = (Path(__file__).parent / "format_1.sql").read_text(encoding="utf-8")


@pytest.fixture
def older(tmp_path) -> Path:
    """A study that an ecojax of format 1 wrote, without its weights."""
    folder = tmp_path / "older"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "study.db")) as connection:
        connection.executescript(WRITTEN)
    return folder


def stated(folder: Path) -> tuple[dict, dict, dict]:
    with StudyStore.open(folder) as store:
        return store.settings(), store.facts(), store.progress()


def version(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "study.db")) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def test_an_older_study_is_shown_as_it_is_and_not_changed(older) -> None:
    study = ecojax.Study.open(older)
    assert study.settings.keys() <= SearchSettings.model_fields.keys()
    assert study.settings["constraints"] == {"accuracy": {"min": 0.01}}
    assert study.facts.device_kind == "cpu: cpu"
    assert study.facts.splits["train"] == {"from": "train", "size": 300}
    assert study.progress["stopped"] == "the budget of 2 evaluations is spent"
    assert study.title == "older · digits (8×8 handwritten digits)"
    assert study.quality.chance == pytest.approx(29 / 288)
    assert [trial.id for trial in study.complete()] == [0, 1]
    assert version(older) == 1


def test_a_writer_parts_it_and_a_reader_of_before_reads_on(older) -> None:
    before = stated(older)
    with StudyStore.open(older) as reader, StudyStore.open(older, write=True) as writer:
        assert (reader.settings(), reader.facts(), reader.progress()) == before
        assert len(reader.trials()) == 2
        writer.set("stopped", "a test", "progress")
        assert reader.progress()["stopped"] == "a test"
    assert version(older) == 2
    assert stated(older) == (*before[:2], before[2] | {"stopped": "a test"})
    with closing(sqlite3.connect(older / "study.db")) as connection:
        names = {
            part: {name for (name,) in connection.execute(f"SELECT name FROM {part}")}
            for part in ("settings", "facts", "progress")
        }
    assert names == dict(zip(names, (set(part) for part in before), strict=True))


def test_parting_that_is_broken_off_leaves_the_older_study(older, monkeypatch) -> None:
    before = stated(older)

    def broken(name):
        if name == "host":
            raise KeyboardInterrupt
        return part_in_format_1(name)

    monkeypatch.setattr("ecojax.study.store.part_in_format_1", broken)
    with pytest.raises(KeyboardInterrupt):
        StudyStore.open(older, write=True)
    monkeypatch.undo()
    assert version(older) == 1
    assert stated(older) == before


def test_an_older_study_goes_on(older, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XLA_FLAGS", raising=False)  # as where it was begun
    study = ecojax.search(out=older, resume=True, evaluations=3)
    assert [str(trial.status) for trial in study.trials] == ["complete"] * 3
    assert study.progress["stopped"] == "the budget of 3 evaluations is spent"
    assert study.settings["evaluations"] == 3
    assert version(older) == 2


def test_what_must_agree_is_a_typed_fact() -> None:
    assert MUST_AGREE.keys() <= Facts.model_fields.keys()
