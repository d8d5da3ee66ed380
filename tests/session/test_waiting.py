"""Whom a search waits for is said: another search that meters, is suspended or hangs; never its own healthy workers."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from ecojax.energy.turns import Turns
from ecojax.session import waiting
from ecojax.session.loop import Listener
from ecojax.session.waiting import told

TAKER = str(Path(__file__).parent.parent / "energy" / "turn_taker.py")
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="the host does not tell of processes"
)


class Ear(Listener):
    def __init__(self):
        self.notes, self.waits = [], []

    def noted(self, text):
        self.notes.append(text)

    def waiting(self, seconds, whom):
        self.waits.append((seconds, whom))


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    for name, seconds in {"LOOK_S": 0.05, "WORTH_TELLING_S": 0.3, "STILL_S": 1.0}.items():
        monkeypatch.setattr(waiting, name, seconds)


@contextmanager
def held(folder, how, study):
    holder = subprocess.Popen([sys.executable, TAKER, "hold", folder, how, study], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"inside\n"
        yield holder
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def wants_a_turn(folder, study="runs/mine") -> threading.Thread:
    """A worker of the search in `study`."""

    def take_turn():
        with Turns(folder, study).shared():
            pass

    thread = threading.Thread(target=take_turn)
    thread.start()
    return thread


def until(true) -> None:
    deadline = time.monotonic() + 20
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert true()


def test_a_suspended_search_is_named_with_what_to_do(tmp_path):
    ear = Ear()
    with told(Turns(tmp_path, "runs/mine"), ear):
        with held(tmp_path, "alone", "runs/other") as holder:
            os.kill(holder.pid, signal.SIGSTOP)
            thread = wants_a_turn(tmp_path)
            until(lambda: ear.notes)
        thread.join(20)
    said, over = ear.notes
    assert f"process {holder.pid} of the search in 'runs/other'" in said
    assert f"suspended: let it go on with `kill -CONT {holder.pid}`" in said
    assert re.match(r"waiting for \d+ s for ", said)
    assert "resume it with ECOJAX_TURNS=" in said
    assert re.fullmatch(r"the wait is over, after \d+ s", over)
    assert max(seconds for seconds, _ in ear.waits) >= 0.3
    assert ear.waits[-1] == (0.0, "")


def test_a_search_that_gets_no_processor_time_is_said_to_stand_still(tmp_path):
    ear = Ear()
    with told(Turns(tmp_path, "runs/mine"), ear):
        with held(tmp_path, "alone", "runs/other") as holder:
            thread = wants_a_turn(tmp_path)
            until(lambda: len(ear.notes) > 1)
        thread.join(20)
    at_first, later = ear.notes[:2]
    assert f"process {holder.pid} of the search in 'runs/other', which meters;" in at_first
    assert "standing still, without processor time for " in later


def test_a_worker_of_the_same_search_that_meters_is_not_worth_a_word(tmp_path, monkeypatch):
    monkeypatch.setattr(waiting, "STILL_S", 60.0)
    ear = Ear()
    turns = Turns(tmp_path, "runs/mine")
    with told(turns, ear), held(tmp_path, "alone", "runs/mine"), waiter_beside(tmp_path):
        time.sleep(1.0)
        assert any(note.state == "waits" and note.seconds > 0.3 for note in turns.present())
    assert ear.notes == []


@contextmanager
def waiter_beside(folder):
    """One that is killed in the end, as its turn never comes."""
    taker = subprocess.Popen(
        [sys.executable, TAKER, "hold", folder, "shared", "runs/mine"], stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        taker.kill()
        taker.wait()


def test_a_hung_worker_of_the_same_search_is(tmp_path):
    ear = Ear()
    turns = Turns(tmp_path, "runs/mine")
    with told(turns, ear), held(tmp_path, "alone", "runs/mine") as holder, waiter_beside(tmp_path):
        until(lambda: ear.notes)
    assert f"process {holder.pid} " in ear.notes[0]
    assert "standing still" in ear.notes[0]


def test_one_who_is_suspended_before_its_turn_came_is_named(tmp_path):
    """It holds the others up as much as one inside: it let nobody in while it waited to be alone."""
    ear = Ear()
    command = [sys.executable, TAKER, "hold", tmp_path, "alone", "runs/other"]
    with told(Turns(tmp_path, "runs/mine"), ear):
        with held(tmp_path, "shared", "runs/third"), subprocess.Popen(command) as queued:
            until(lambda: any(note.pid == queued.pid for note in Turns(tmp_path).present()))
            os.kill(queued.pid, signal.SIGSTOP)
            thread = wants_a_turn(tmp_path)
            until(lambda: ear.notes)
            queued.kill()
        thread.join(20)
    assert (
        f"process {queued.pid} of the search in 'runs/other', which wants to meter and is suspended"
        in ear.notes[0]
    )


def test_without_anybody_to_take_turns_with_nobody_watches():
    before = threading.active_count()
    with told(Turns(None), Ear()):
        assert threading.active_count() == before


def test_the_live_display_shows_whom_it_waits_for_until_it_is_over():
    import io

    from rich.console import Console

    from ecojax.cli.progress import Live

    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    live = Live(console)
    live.waiting(12.0, "process 7 of the search in 'runs/other', which meters")
    console.print(live.display.get_renderable())
    assert "waiting for 12 s for process 7 of the search" in console.file.getvalue()
    live.waiting(0.0, "")
    console.file.truncate(0)
    console.print(live.display.get_renderable())
    assert "waiting" not in console.file.getvalue()


SEARCH = {
    "dataset": "digits",
    "family": "mlp",
    "train-size": 300,
    "epochs": 1,
    "population": 2,
    "evaluations": 1,
    "device": "cpu",
    "energy-ci": "50%",
    "frontier-energy-ci": 0,
    "watts-per-core": 10,
}


@pytest.mark.slow
def test_a_search_behind_a_suspended_one_says_so_and_may_go_without(tmp_path):
    room = tmp_path / f"ecojax-turns-{os.getuid()}"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    environment.pop("ECOJAX_TURNS", None)

    def search(name, **more):
        options = [f"--{option}={value}" for option, value in SEARCH.items()]
        command = [sys.executable, "-m", "ecojax", "search", *options, "--out", tmp_path / name]
        return subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment, **more},
        )

    with held(room, "alone", "runs/other") as holder:
        os.kill(holder.pid, signal.SIGSTOP)
        without = search("without", ECOJAX_TURNS=str(tmp_path / "own"))
        _, errors = without.communicate(timeout=120)
        assert without.returncode == 0, errors
        assert "for process" not in errors
        assert (tmp_path / "own" / "room.lock").exists()
        behind = search("behind")
        line = next(line for line in behind.stderr if "for process" in line)
        assert f"process {holder.pid} of the search in 'runs/other'" in line
    _, errors = behind.communicate(timeout=120)
    assert behind.returncode == 0, errors
    assert "the wait is over" in errors
    import ecojax

    account = ecojax.Study.open(tmp_path / "behind").progress["account"]
    assert account["waiting for the device"] > 4


def test_a_folder_of_turns_that_cannot_be_is_refused_by_name(tmp_path, monkeypatch):
    from ecojax.errors import InputError
    from ecojax.session.crew import _folder_of_turns

    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ECOJAX_TURNS", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"file. cannot be a folder of turns .* ECOJAX_TURNS"):
        _folder_of_turns()
