"""Turns among real processes: together, or one alone, and nobody waits for ever."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from ecojax.energy.turns import Turns

TAKER = str(Path(__file__).with_name("turn_taker.py"))


def take(folder, log, kind, seconds, hold_s) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, TAKER, "take", *map(str, (folder, log, kind, seconds, hold_s))])


def held(folder, how, study="") -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, TAKER, "hold", folder, how, study], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"inside\n"
    return process


def killed(process) -> None:
    process.kill()
    process.wait()
    process.stdout.close()


def stays(log) -> list:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_nobody_is_inside_beside_one_who_is_alone(tmp_path):
    log = tmp_path / "log"
    takers = [take(tmp_path / "room", log, "both", 2.5, 0.003) for _ in range(5)]
    for taker in takers:
        assert taker.wait(60) == 0
    entries = stays(log)
    alone = [(began, ended) for how, began, ended in entries if how == "alone"]
    together = sorted((began, ended) for how, began, ended in entries if how == "shared")
    assert len(alone) > 20
    assert len(together) > 20
    inside = sorted(alone)
    assert all(first[1] <= second[0] for first, second in pairwise(inside))
    assert not any(a[0] < s[1] and s[0] < a[1] for a in alone for s in together)
    assert any(first[1] > second[0] for first, second in pairwise(together))


def test_one_who_wants_to_be_alone_is_not_starved_by_a_stream_of_others(tmp_path):
    log = tmp_path / "log"
    sharers = [take(tmp_path, log, "shared", 4.0, 0.2) for _ in range(4)]
    deadline = time.monotonic() + 20
    while not (log.exists() and len(stays(log)) > 8) and time.monotonic() < deadline:
        time.sleep(0.01)
    began = time.monotonic()
    with Turns(tmp_path).alone():
        waited = time.monotonic() - began
    assert any(process.poll() is None for process in sharers)  # the stream had not dried up
    for process in sharers:
        assert process.wait(60) == 0
    assert waited < 1.5  # a stay is at most 0.4 s


@pytest.mark.parametrize("how", ["shared", "alone"])
def test_a_killed_holder_lets_go(tmp_path, how):
    holder = held(tmp_path, how)
    other = take(tmp_path, tmp_path / "log", "alone", 0.0, 0.0)
    time.sleep(0.5)
    assert other.poll() is None
    killed(holder)
    assert other.wait(10) == 0


def test_one_who_is_killed_while_it_waits_lets_the_others_in(tmp_path):
    holder = held(tmp_path, "shared")
    waiting = take(tmp_path, tmp_path / "log", "alone", 0.0, 0.0)
    time.sleep(0.5)
    newcomer = take(tmp_path, tmp_path / "log", "shared", 0.0, 0.0)
    time.sleep(0.5)
    assert newcomer.poll() is None  # behind the one who wants to be alone
    waiting.kill()
    waiting.wait()
    assert newcomer.wait(10) == 0
    killed(holder)


@pytest.mark.parametrize("outer", ["shared", "alone"])
@pytest.mark.parametrize("inner", ["shared", "alone"])
@pytest.mark.parametrize("somewhere", [True, False])
def test_a_turn_within_a_turn_is_refused_and_harms_nothing(tmp_path, outer, inner, somewhere):
    turns = Turns(tmp_path if somewhere else None)
    with getattr(turns, outer)():
        with pytest.raises(RuntimeError, match="turn within a turn"), getattr(turns, inner)():
            pass
        with pytest.raises(RuntimeError, match="turn within a turn"), getattr(turns, inner)():
            pass
    with getattr(turns, inner)():
        pass


def test_leaving_by_an_exception_lets_the_next_in(tmp_path):
    for how in ("shared", "alone"):
        with pytest.raises(ValueError, match="inside"), getattr(Turns(tmp_path), how)():
            raise ValueError("inside")
    with Turns(tmp_path).alone():
        pass


def test_without_a_folder_nobody_waits():
    with Turns(None).alone(), Turns(None).shared(), Turns(None).alone():
        pass


def test_turns_can_be_sent_to_a_worker(tmp_path):
    with pickle.loads(pickle.dumps(Turns(tmp_path / "room"))).alone():
        assert (tmp_path / "room").is_dir()


@pytest.mark.parametrize("how", ["shared", "alone"])
def test_who_is_inside_is_named_until_it_is_gone(tmp_path, how):
    holder = held(tmp_path, how, "runs/other")
    (note,) = Turns(tmp_path).present()
    assert (note.pid, note.study, note.state, note.alone) == (
        holder.pid,
        "runs/other",
        "inside",
        how == "alone",
    )
    assert 0 <= note.seconds < 30
    killed(holder)  # without a chance to take its note away
    assert Turns(tmp_path).present() == []
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".turn"] == []


def test_who_waits_is_named_and_leaves_nothing_behind(tmp_path):
    holder = held(tmp_path, "alone")
    waiting = take(tmp_path, tmp_path / "log", "shared", 0.0, 0.0)
    deadline = time.monotonic() + 20
    while len(notes := Turns(tmp_path).present()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [(note.pid, note.state) for note in notes] == [(holder.pid, "inside"), (waiting.pid, "waits")]
    killed(holder)
    assert waiting.wait(10) == 0
    assert Turns(tmp_path).present() == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the host does not tell of processes")
def test_a_suspended_holder_is_known_for_one(tmp_path):
    holder = held(tmp_path, "shared")
    assert not Turns(tmp_path).present()[0].suspended
    os.kill(holder.pid, signal.SIGSTOP)
    os.waitpid(holder.pid, os.WUNTRACED)
    assert Turns(tmp_path).present()[0].suspended
    killed(holder)


def test_a_note_that_makes_no_sense_is_nobody(tmp_path):
    for name, text in {"1-a.turn": "", "2-b.turn": "[]", "3-c.turn": '{"pid": 3}'}.items():
        (tmp_path / name).write_text(text)
    assert Turns(tmp_path).present() == []


@pytest.mark.parametrize("how", ["shared", "alone"])
def test_what_is_entered_while_one_waits_is_not_where_nobody_is_inside(tmp_path, how):
    waits = []

    @contextmanager
    def waiting():
        waits.append("waits")
        killed(holder)  # which frees the room
        yield
        waits.append("goes on")

    turns = Turns(tmp_path, waiting=waiting)
    with getattr(turns, how)():
        assert waits == []
    holder = held(str(tmp_path), "alone")
    with getattr(turns, how)():
        assert waits == ["waits", "goes on"]
