"""Several processes on one study: killed writers, second writers, readers beside a writer."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ecojax.errors import StudyError
from ecojax.study import Status, StudyStore


def writer(folder: Path, then: str) -> subprocess.Popen[str]:
    """A process that ends trial 2 of the study, says so, and does what `then` says."""
    code = f"""
import os, signal, sys
from ecojax.study import Status, StudyStore
store = StudyStore.open({str(folder)!r}, write=True)
store.end(2, Status.COMPLETE, metrics={{"accuracy": 0.875}})
store.start(3, {{"width": 32}}, origin="variation", seed=4)
print("written", flush=True)
{then}
"""
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_a_trial_outlives_the_kill_of_its_process(folder) -> None:
    process = writer(folder, "os.kill(os.getpid(), signal.SIGKILL)")
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    with StudyStore.open(folder, write=True) as store:  # the dead process holds no lock
        assert store.trial(2).complete
        assert store.trial(2).metrics == {"accuracy": 0.875}
        assert store.trial(3).status is Status.RUNNING
        assert store.end(3, Status.COMPLETE).complete


def test_one_writer_and_any_number_of_readers(folder) -> None:
    process = writer(folder, "import time; time.sleep(60)")
    try:
        assert process.stdout.readline() == "written\n"
        with pytest.raises(StudyError, match="being written by another process; wait for it"):
            StudyStore.open(folder, write=True)
        with StudyStore.open(folder) as reader, StudyStore.open(folder) as another:
            assert reader.trial(2).complete
            assert another.trials() == reader.trials()
    finally:
        process.kill()
        process.communicate(timeout=60)
    StudyStore.open(folder, write=True).close()


def test_a_writer_refused_leaves_the_first_at_work(folder) -> None:
    with StudyStore.open(folder, write=True) as store:
        with pytest.raises(StudyError, match="another process"):
            StudyStore.open(folder, write=True)
        assert store.end(2, Status.COMPLETE).complete
    StudyStore.open(folder, write=True).close()  # closing gave the lock back


def test_a_reader_sees_what_a_writer_ends_meanwhile(folder) -> None:
    with StudyStore.open(folder) as reader, StudyStore.open(folder, write=True) as store:
        assert reader.trial(2).status is Status.RUNNING
        store.end(2, Status.COMPLETE)
        assert reader.trial(2).complete


def test_two_creations_at_once_make_one_study(tmp_path, settings, monkeypatch) -> None:
    """The second comes while the first stands between its check and its database."""
    folder = tmp_path / "study"
    replace, second = os.replace, []

    def meanwhile(*paths: object) -> None:
        monkeypatch.setattr(os, "replace", replace)
        with pytest.raises(StudyError, match="another process"):
            StudyStore.create(folder, {"other": 1})
        second.append("refused")
        replace(*paths)

    monkeypatch.setattr(os, "replace", meanwhile)
    with StudyStore.create(folder, settings) as store:
        assert store.settings() == settings
    assert second == ["refused"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_study_that_cannot_be_written_can_be_read(folder) -> None:
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        with StudyStore.open(folder) as store:
            assert len(store.trials()) == 3
        with pytest.raises(StudyError, match="read-only; make it writable or copy it"):
            StudyStore.open(folder, write=True)
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
