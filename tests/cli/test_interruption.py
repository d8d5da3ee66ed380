"""A search killed at any point loses nothing that had ended, and goes on to where it would have gone."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ecojax import Study
from ecojax.cli.interruption import Terminated, interruptible
from ecojax.cli.progress import Silent
from ecojax.study import Status

# accuracy and flops are the same at every run, so two searches of one seed can be compared trial by trial
OPTIONS = [
    *("--dataset", "digits", "--family", "mlp", "--train-size", "300", "--epochs", "2", "--energy-ci", "0.5"),
    *(
        "--objective",
        "accuracy",
        "--objective",
        "flops",
        "--population",
        "3",
        "--evaluations",
        "6",
        "--seed",
        "3",
    ),
]


def _start(*arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-m", "ecojax", "search", *map(str, arguments)]
    # errors to a pipe, where a line a trial is logged
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def _after_trials(process: subprocess.Popen, n: int) -> None:
    for line in process.stderr:
        if line.startswith(f"[{n}/"):
            return
    pytest.fail("the search ended before it could be killed")


def _facts(study: Study) -> list[tuple]:
    return [
        (t.id, t.configuration, t.origin, t.seed, t.metrics["accuracy"], t.metrics["flops"])
        for t in study.trials
    ]


@pytest.mark.slow
def test_kill_and_resume_reach_the_trials_of_an_unbroken_run(tmp_path):
    whole = _start(*OPTIONS, "--out", tmp_path / "whole")
    _, errors = whole.communicate()
    assert whole.returncode == 0, errors

    broken = tmp_path / "broken"
    for ended in (2, 4):
        process = (
            _start("--resume", "--out", broken) if broken.exists() else _start(*OPTIONS, "--out", broken)
        )
        _after_trials(process, ended)
        time.sleep(0.3)  # in the middle of the next
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stderr.close()
        survivors = Study.open(broken).trials
        assert sum(trial.complete for trial in survivors) >= ended

    process = _start("--resume", "--out", broken)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert _facts(Study.open(broken)) == _facts(Study.open(tmp_path / "whole"))
    assert all("test_accuracy" in trial.metrics for trial in Study.open(broken).frontier())


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(tmp_path):
    process = _start(*OPTIONS, "--out", tmp_path / "study")
    _after_trials(process, 1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"go on with: ecojax search --resume --out {tmp_path / 'study'}" in errors
    assert "Traceback" not in errors
    statuses = [trial.status for trial in Study.open(tmp_path / "study").trials]
    assert set(statuses) <= {Status.COMPLETE, Status.RUNNING}


def _children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(stat.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="children are looked up in /proc")
def test_sigterm_ends_the_workers_and_says_how_to_go_on(tmp_path):
    folder = tmp_path / "a study"
    process = _start(*OPTIONS, "--out", folder)
    _after_trials(process, 1)
    workers = _children(process.pid)
    assert workers
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert errors.splitlines()[-1] == f"terminated; go on with: ecojax search --resume --out '{folder}'"
    assert "Traceback" not in errors
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    kept = Study.open(folder).trials
    assert sum(trial.complete for trial in kept) >= 1

    process = _start("--resume", "--out", folder)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert sum(trial.complete for trial in Study.open(folder).trials) == 6


def test_sigterm_is_heard_once_and_only_while_a_search_runs():
    former = signal.getsignal(signal.SIGTERM)
    with interruptible(Silent()):
        with pytest.raises(Terminated):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is former


def test_ended_before_there_is_a_study_it_says_so(capsys):
    Silent().interrupted("terminated")
    assert capsys.readouterr().err == "terminated before the search had begun; nothing was written\n"
