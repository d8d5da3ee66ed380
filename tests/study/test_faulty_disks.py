"""Disks that are full or may only be read, a database that is held, two drivers on one study: by doing it."""

import contextlib
import os
import pwd
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ecojax.errors import InputError, StudyError
from ecojax.frontier import Study
from ecojax.study import Status, StudyStore

SETTINGS = {"dataset": "digits", "objectives": ["accuracy", "energy_per_sample_j"]}
METRICS = {"accuracy": 0.5, "energy_per_sample_j": 1e-6}


@contextlib.contextmanager
def mounted(*arguments: str) -> Iterator[None]:
    """A mount that lasts as long as the block; the test is skipped where the host allows none."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this host mounts nothing: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", arguments[-1]], check=True)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of one MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)):
        yield place


def fill(place: Path, *, but: int = 0) -> None:
    """Leaves `but` bytes of the disk."""
    with (place / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    size = (place / "filler").stat().st_size
    os.truncate(place / "filler", max(0, size - but))


def search(folder: Path, trials: int, *, bulk: int = 0, arrays: bool = True) -> int:
    """Runs trials that are not there yet and gives back how many; `bulk` characters of details each."""
    ended = 0
    with StudyStore.open(folder, write=True) as store:
        for id_ in range(trials):
            trial = store.trial(id_)
            if trial is None or trial.status is Status.RUNNING:
                store.start(id_, {"width": id_}, origin="sobol", seed=id_)
                store.end(
                    id_,
                    Status.COMPLETE,
                    metrics=METRICS,
                    details={"log": "x" * bulk},
                    arrays={"a": np.full(4000, id_, np.float32)} if arrays else None,
                )
                ended += 1
    return ended


def require_whole(folder: Path) -> int:
    """Every trial that ended is there once, with all that it refers to; gives back how many did."""
    study = Study.open(folder)
    ids = [trial.id for trial in study.trials]
    assert ids == list(range(len(ids)))
    ended = [trial for trial in study.trials if trial.status is not Status.RUNNING]
    assert all(trial.complete and trial.metrics == METRICS for trial in ended)
    assert len(study.trials) - len(ended) <= 1
    with StudyStore.open(folder) as store:
        for trial in ended:
            if trial.weights is not None:
                assert store.arrays(trial)["a"].tolist() == [trial.id] * 4000
    return len(ended)


# A full disk


@pytest.mark.parametrize("left", [0, 4096, 16384, 40_000])
def test_a_study_that_finds_no_room_is_not_made(small_disk, left) -> None:
    fill(small_disk, but=left)
    folder = small_disk / "study"
    with pytest.raises(StudyError, match=f"cannot write the study to '{folder}': .*choose another out"):
        StudyStore.create(folder, SETTINGS | {"notes": "x" * 50_000})
    assert not (folder / "study.db").exists()
    (small_disk / "filler").unlink()
    StudyStore.create(folder, SETTINGS).close()
    assert search(folder, 2) == 2


@pytest.mark.parametrize("arrays", [True, False], ids=["weights", "records"])
def test_a_disk_that_fills_up_keeps_every_trial_that_ended(small_disk, arrays) -> None:
    folder = small_disk / "study"
    StudyStore.create(folder, SETTINGS).close()
    bulk = 0 if arrays else 50_000
    with pytest.raises(StudyError) as caught:
        search(folder, 1000, bulk=bulk, arrays=arrays)
    assert str(folder) in str(caught.value)
    assert "No space left" in str(caught.value) or "full" in str(caught.value)
    ended = require_whole(folder)  # on the full disk
    assert ended > 3
    (small_disk / "more").mkdir()
    os.rename(folder, small_disk / "more" / "study")  # a place with no more room; now make some
    folder = small_disk / "more" / "study"
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert search(folder, ended + 3, bulk=bulk, arrays=arrays) == 3
    assert require_whole(folder) == ended + 3


@pytest.mark.parametrize("step", ["start", "end", "set", "add_metrics"])
def test_each_single_writing_on_a_full_disk_is_all_or_nothing(small_disk, step) -> None:
    folder = small_disk / "study"
    StudyStore.create(folder, SETTINGS).close()
    search(folder, 2)
    with StudyStore.open(folder, write=True) as store:
        store.start(2, {"width": 2}, origin="sobol", seed=2)
        before = store.settings(), store.trials()
        fill(small_disk)
        big = "x" * 100_000
        write = {
            "start": lambda: store.start(3, {"width": big}, origin="sobol", seed=2),
            "end": lambda: store.end(2, Status.FAILED, error=big),
            "set": lambda: store.set("notes", big),
            "add_metrics": lambda: store.add_metrics(1, {f"m{number}": 1.0 for number in range(9000)}),
        }[step]
        with pytest.raises(StudyError, match=r"disk is full.*every trial that ended is kept"):
            write()
        assert (store.settings(), store.trials()) == before
        (small_disk / "filler").unlink()
        store.end(2, Status.COMPLETE, metrics=METRICS)
    assert require_whole(folder) == 3


def test_a_limit_on_the_size_of_files_is_a_sentence(tmp_path) -> None:
    """`ulimit -f`, as batch systems set it."""
    folder = tmp_path / "study"
    StudyStore.create(folder, SETTINGS).close()
    code = f"""
import resource, signal
from ecojax.errors import StudyError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_faulty_disks import Path, search
try:
    search(Path({str(folder)!r}), 1000, bulk=20_000)
except StudyError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert str(folder) in done.stdout
    assert "I/O error" in done.stdout or "full" in done.stdout or "File too large" in done.stdout
    ended = require_whole(folder)
    assert ended > 2
    assert search(folder, ended + 2) == 2
    assert require_whole(folder) == ended + 2


def test_a_plot_that_finds_no_room_leaves_the_old_one(small_disk, tmp_path) -> None:
    from ecojax.frontier.plot import plot

    folder = tmp_path / "study"
    StudyStore.create(folder, SETTINGS).close()
    search(folder, 2)
    (small_disk / "frontier.png").write_bytes(b"the old one")
    fill(small_disk)
    before = sorted(path.name for path in small_disk.iterdir())
    with pytest.raises(InputError, match=r"cannot write the plot to .*No space left"):
        plot(Study.open(folder), small_disk / "frontier.png")
    assert sorted(path.name for path in small_disk.iterdir()) == before
    assert (small_disk / "frontier.png").read_bytes() == b"the old one"


@pytest.mark.parametrize("format_", ["json", "csv", "table"])
def test_a_frontier_that_cannot_be_printed_is_a_sentence_and_a_status(tmp_path, format_) -> None:
    folder = tmp_path / "study"
    StudyStore.create(folder, SETTINGS).close()
    search(folder, 2)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ecojax", "frontier", str(folder), "--format", format_],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "internal error" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


# A folder that may only be read


def test_a_study_on_a_disk_that_is_only_read_is_read(tmp_path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    folder = place / "study"
    StudyStore.create(folder, SETTINGS).close()
    search(folder, 2)
    with mounted("--bind", str(place), str(place)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(place)], check=True)
        assert require_whole(folder) == 2
        with pytest.raises(StudyError, match="read-only; make it writable or copy it"):
            StudyStore.open(folder, write=True)
        with pytest.raises(StudyError, match=r"cannot write the study .*Read-only.*choose another out"):
            StudyStore.create(place / "other", SETTINGS)
        assert not (place / "other").exists()
    assert search(folder, 3) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_study_of_somebody_else_is_read(tmp_path) -> None:
    """As `nobody`, whom permissions bind."""
    folder = tmp_path / "study"
    StudyStore.create(folder, SETTINGS).close()
    search(folder, 2)
    nobody = pwd.getpwnam("nobody")
    code = f"""
import os
from pathlib import Path
from ecojax.errors import StudyError
from ecojax.study import StudyStore
os.setgid({nobody.pw_gid}); os.setuid({nobody.pw_uid})
folder = Path({str(folder)!r})
with StudyStore.open(folder) as store:
    print(len(store.trials()))
for attempt in (lambda: StudyStore.open(folder, write=True), lambda: StudyStore.create(folder.parent / "new", {{}})):
    try:
        attempt()
    except StudyError as error:
        print(error)
"""
    places = [*folder.parents[:3], folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in places}
    for path in places:
        path.chmod(0o755 if path.is_dir() else 0o644)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert done.returncode == 0, done.stderr
    count, refused, not_made = done.stdout.splitlines()
    assert count == "2"
    assert "read-only; make it writable" in refused
    assert "Permission denied; choose another out" in not_made


# A database that is held


def held(folder: Path, seconds: float) -> subprocess.Popen[str]:
    """A process that holds the database for itself, and says so."""
    code = f"""
import sqlite3, time
connection = sqlite3.connect({str(folder / "study.db")!r}, isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep({seconds})
connection.execute("ROLLBACK")
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_database_held_too_long_is_called_so_and_loses_nothing(tmp_path) -> None:
    folder = tmp_path / "study"
    StudyStore.create(folder, SETTINGS).close()
    search(folder, 2)
    with StudyStore.open(folder, write=True, busy_s=0.2) as store:
        store.start(2, {"width": 2}, origin="sobol", seed=2)
        process = held(folder, 30)
        try:
            began = time.monotonic()
            with pytest.raises(StudyError, match=r"held by another program \(database is locked\); end that"):
                store.end(2, Status.COMPLETE, metrics=METRICS, arrays={"a": np.full(4000, 2.0)})
            assert time.monotonic() - began < 5
            assert store.trial(2).status is Status.RUNNING
            assert require_whole(folder) == 2  # readers go on
        finally:
            process.kill()
            process.communicate(timeout=60)
        store.end(2, Status.COMPLETE, metrics=METRICS, arrays={"a": np.full(4000, 2.0)})
    assert require_whole(folder) == 3


def test_a_database_held_for_a_moment_is_waited_for(tmp_path) -> None:
    folder = tmp_path / "study"
    StudyStore.create(folder, SETTINGS).close()
    process = held(folder, 0.5)
    try:
        assert search(folder, 2) == 2
    finally:
        process.communicate(timeout=60)
    assert require_whole(folder) == 2


def test_a_database_held_before_it_is_opened_is_called_so(tmp_path) -> None:
    """By a program that lets nobody read either."""
    folder = tmp_path / "study"
    StudyStore.create(folder, SETTINGS).close()
    with contextlib.closing(sqlite3.connect(folder / "study.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StudyError, match="held by another program"):
            StudyStore.open(folder, busy_s=0.1)


# Two drivers


@pytest.mark.slow
def test_a_second_driver_is_refused_at_once_and_the_first_goes_on(tmp_path) -> None:
    """Two real searches, the second with --resume while the first is at work."""
    folder = tmp_path / "study"
    options = ["--dataset", "digits", "--train-size", "200", "--epochs", "1", "--population", "2"]
    options += ["--family", "linear", "--energy-ci", "0.3", "--watts-per-core", "10"]
    options += ["--frontier-energy-ci", "0", "--quiet"]
    command = [sys.executable, "-m", "ecojax", "search", "--out", str(folder)]
    first = subprocess.Popen([*command, *options, "--evaluations", "5"], stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 100
        while not (folder / "study.db").exists():
            assert first.poll() is None, first.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        began = time.monotonic()
        with pytest.raises(StudyError, match="is being written by another process"):
            StudyStore.open(folder, write=True)
        assert time.monotonic() - began < 1
        second = subprocess.run(
            [*command, "--resume"], capture_output=True, text=True, timeout=60, check=False
        )
        assert first.poll() is None, "the first was through before the second came: give it more to do"
        assert second.returncode == 1
        assert "is being written by another process; wait for it" in second.stderr
        assert len(second.stderr.strip().splitlines()) == 1
    finally:
        _, complaint = first.communicate(timeout=200)
    assert first.returncode == 0, complaint
    assert [trial.id for trial in Study.open(folder).trials] == [0, 1, 2, 3, 4]


def test_threads_of_one_process_are_two_drivers_too(tmp_path) -> None:
    folder = tmp_path / "study"
    StudyStore.create(folder, SETTINGS).close()
    answers: list[str] = []

    def second() -> None:
        with pytest.raises(StudyError) as caught:
            StudyStore.open(folder, write=True)
        answers.append(str(caught.value))

    with StudyStore.open(folder, write=True):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert "another process" in answers[0]
