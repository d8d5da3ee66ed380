"""Searches whose trials run in processes of their own: what dies is replaced, and what it did is on record."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import ecojax
from ecojax.energy import Provenance, Rank
from ecojax.errors import InputError, StudyError
from ecojax.session.loop import Listener
from ecojax.session.workplace import Workplace
from ecojax.settings import SearchSettings
from ecojax.study import Status, Trial
from ecojax.trial.worker import Evaluate, Required

SMALL = {
    "dataset": "digits",
    "families": ["mlp"],
    "train_size": 300,
    "epochs": 1,
    "population": 2,
    "objectives": ["accuracy", "flops"],
    "energy_ci": 0.5,
    "device": "cpu",
    "watts_per_core": 10.0,
}


def workers_of(parent: int) -> list[int]:
    """The processes whose parent is `parent`, and which have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent and fields[0] != "Z":
                found.append(int(entry.name))
    return found


class Killer(Listener):
    """Kills the worker a moment after a trial has begun, for the first time."""

    def __init__(self, trial: int):
        self.trial, self.asked, self.notes = trial, False, []

    def trial_started(self, trial: Trial) -> None:
        if trial.id == self.trial and not self.asked:
            self.asked = True
            threading.Timer(0.1, self._kill).start()

    def _kill(self) -> None:
        for worker in workers_of(os.getpid()):
            os.kill(worker, signal.SIGKILL)

    def noted(self, text: str) -> None:
        self.notes.append(text)


def facts(study: ecojax.Study) -> list[tuple]:
    return [
        (t.id, t.status, dict(t.configuration), t.seed, t.metrics["accuracy"], t.metrics["flops"])
        for t in study.trials
    ]


@pytest.fixture(scope="module")
def inline(tmp_path_factory) -> list[tuple]:
    return facts(
        ecojax.search(**SMALL, executor="inline", evaluations=4, out=tmp_path_factory.mktemp("w") / "inline")
    )


@pytest.mark.slow
def test_a_worker_finds_what_this_process_finds_also_when_one_is_killed(tmp_path, inline) -> None:
    before = set(workers_of(os.getpid()))
    killer = Killer(2)
    study = ecojax.search(**SMALL, evaluations=4, out=tmp_path / "study", listener=killer)
    assert facts(study) == inline
    assert study.trials[2].details["attempts"] == 2
    (note,) = killer.notes
    assert "trial 2 is tried once more (crashed: " in note
    assert "SIGKILL" in note
    assert set(workers_of(os.getpid())) <= before  # none is left


@pytest.mark.slow
def test_a_trial_that_takes_too_long_is_ended(tmp_path) -> None:
    slow = SMALL | {"epochs": 1000_000, "trial_timeout": "6s", "early_stop": False}
    began = time.monotonic()
    with pytest.raises(ecojax.errors.EcojaxError, match=r"all 4 trials failed.*\(timeout\)"):
        ecojax.search(**slow, evaluations=9, out=tmp_path / "study")
    assert time.monotonic() - began < 90
    study = ecojax.Study.open(tmp_path / "study")
    assert [t.status for t in study.trials] == [Status.TIMEOUT] * 4
    assert all(6 <= t.metrics["trial_seconds"] < 12 for t in study.trials)


@pytest.mark.slow
def test_two_workers_take_turns_at_the_meter(tmp_path) -> None:
    """Every trial once, each with a figure, whoever made it; metering intervals do not overlap with anything."""
    options = SMALL | {"objectives": ["accuracy", "energy_per_sample_j"], "frontier_energy_ci": 0}
    study = ecojax.search(**options, workers=2, evaluations=6, out=tmp_path / "study")
    assert [t.id for t in study.trials] == list(range(6))
    assert all(t.complete for t in study.trials)
    assert len({t.details["worker"] for t in study.trials}) == 2
    keys = {json.dumps(dict(t.configuration), sort_keys=True) for t in study.trials}
    assert len(keys) == 6
    assert study.settings["workers"] == 2
    assert "workers without work" in study.progress["account"]


@pytest.mark.slow
def test_metered_here_and_trained_there(tmp_path) -> None:
    options = SMALL | {"objectives": ["accuracy", "energy_per_sample_j"]}
    study = ecojax.search(**options, meter_device="cpu", evaluations=3, out=tmp_path / "study")
    assert all(t.complete for t in study.trials)
    for trial in study.trials:
        assert trial.metrics["energy_per_sample_j"] > 0
        assert trial.metrics["metering_seconds"] > 0
        parts = ("train_seconds", "metering_seconds", "compile_seconds")
        assert sum(trial.metrics[name] for name in parts) <= trial.metrics["trial_seconds"]
    assert "while_searching" in study.frontier()[0].details  # compared by the worker that meters


@pytest.mark.slow
def test_a_script_without_a_main_guard_may_search(tmp_path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import ecojax\n"
        f"study = ecojax.search(**{SMALL!r}, evaluations=1, out={str(tmp_path / 'study')!r})\n"
        "print(len(study.trials))\n"
    )
    answer = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "1\n"


@pytest.mark.slow
def test_the_second_ctrl_c_stops_at_once_and_leaves_no_process(tmp_path) -> None:
    options = (
        "--dataset digits --family mlp --epochs 1000000 --objective accuracy --objective flops --device cpu"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "ecojax", "search", *options.split(), "--out", tmp_path / "study"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (tmp_path / "study" / "study.db").exists():
        time.sleep(0.1)
    time.sleep(2)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of the group
    time.sleep(1)
    assert process.poll() is None  # it waits for the trial
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert process.returncode == 130
    assert "finishing the trials that run" in errors
    assert "go on with: ecojax search --resume" in errors
    assert "Traceback" not in errors
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


# What is refused


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"executor": "inline", "workers": 2}, "workers needs workers"),
        ({"executor": "inline", "trial_timeout": "1s"}, "trial_timeout needs workers"),
        ({"ray_address": "auto"}, "ray_address is of executor='ray'"),
        ({"trial_timeout": "soon"}, "trial_timeout='soon' is no positive time"),
        ({"meter_device": "toaster"}, "meter_device='toaster' is no device"),
        ({"meter_device": "cpu:1"}, "meter_device='cpu:1' is not there"),
        ({"workers": 0}, "workers=0"),
    ],
)
def test_impossible_crews_are_refused_before_anything_is_written(tmp_path, options, says) -> None:
    with pytest.raises(InputError, match=says):
        ecojax.search(**SMALL, **options, evaluations=1, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_worker_on_another_kind_of_device_is_told_apart(monkeypatch) -> None:
    workplace = Workplace(SearchSettings(**SMALL), "this test")
    configuration = workplace.task.space.default()
    monkeypatch.setattr(workplace, "evaluator", lambda request: (request.configuration, request.seed))
    here = workplace.describe()["device_kind"]
    assert workplace.evaluate(Evaluate(configuration, 1, required=Required(device_kind=here))) == (
        configuration,
        1,
    )
    assert workplace.evaluate(Evaluate(configuration, 1)) == (configuration, 1)
    with pytest.raises(
        StudyError, match=r"on 'cpu: .*' and the study's energy is of 'gpu: H100'.*meter_device"
    ):
        workplace.evaluate(Evaluate(configuration, 1, required=Required(device_kind="gpu: H100")))


def test_a_worker_that_is_metered_otherwise_is_told_apart(monkeypatch) -> None:
    workplace = Workplace(SearchSettings(**SMALL), "this test")
    configuration = workplace.task.space.default()
    monkeypatch.setattr(workplace, "evaluator", lambda request: (request.configuration, request.seed))
    here = workplace.describe()["energy_provenance_record"]
    assert workplace.evaluate(Evaluate(configuration, 1, required=Required(provenance=here))) == (
        configuration,
        1,
    )
    rapl = Provenance("measured", "RAPL", "1 package of this host", 10.0, Rank.CPU_PACKAGE)
    with pytest.raises(StudyError, match=r"kind \(modeled against measured\).*watts_per_core"):
        workplace.evaluate(Evaluate(configuration, 1, required=Required(provenance=rapl.to_dict())))
