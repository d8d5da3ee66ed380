"""A search killed at any point loses nothing that had ended, and goes on to where it would have gone."""

import os
import signal
import subprocess
import sys
import time

import pytest

from ecojax import Study
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
