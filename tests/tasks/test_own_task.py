"""A task of a user's own: searched, resumed, shown; and what it may get wrong."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import slope

import ecojax
from ecojax.cli import main
from ecojax.errors import InputError, StudyError
from ecojax.study import Status

FILE = Path(slope.__file__)
SMALL = {"population": 2, "evaluations": 4, "executor": "inline", "early_stop": False}


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> ecojax.Study:
    return ecojax.search(task=f"{FILE}:Slope", out=tmp_path_factory.mktemp("own") / "s", **SMALL)


def test_a_task_in_a_file_is_searched_by_its_own_metrics(study) -> None:
    assert study.objectives == ["distance", "steps_taken"]
    assert [trial.status for trial in study.trials] == [Status.COMPLETE] * 4
    for trial in study.trials:
        rate, steps = trial.configuration["rate"], trial.configuration["steps"]
        assert trial.metrics["distance"] == pytest.approx(abs(1 - 2 * rate) ** steps)
        assert trial.metrics["steps_taken"] == steps
    best = min(study.trials, key=lambda trial: trial.metrics["distance"])
    assert best.id in {trial.id for trial in study.frontier()}
    assert study.best("distance").id == best.id


def test_a_study_of_an_own_task_is_shown_where_its_code_is_not_known(study, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["ecojax", "frontier", str(study.path)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    assert "distance" in capsys.readouterr().out


def test_it_goes_on_where_the_task_is_named_again_wherever_its_file_lies(study, tmp_path) -> None:
    folder = shutil.copytree(study.path, tmp_path / "s")
    moved = shutil.copy(FILE, tmp_path / "elsewhere.py")
    went_on = ecojax.search(task=f"{moved}:Slope", out=folder, resume=True, evaluations=5)
    assert len(went_on.trials) == 5
    with pytest.raises(InputError, match=r"is of the task Slope, whose code no study brings along"):
        ecojax.search(out=folder, resume=True, evaluations=6)
    with pytest.raises(InputError, match="differs from the study"):
        ecojax.search(task=f"{moved}:Walk", out=folder, resume=True, evaluations=6)
    other = tmp_path / "other.py"
    other.write_text(FILE.read_text().replace('"from": 1.0', '"from": 2.0'))
    with pytest.raises(StudyError, match=r"task_facts \(from is 1.0 in the study and 2.0 here\)"):
        ecojax.search(task=f"{other}:Slope", out=folder, resume=True, evaluations=6)


def test_a_task_is_given_as_an_object_its_class_or_a_function(tmp_path) -> None:
    for number, task in enumerate([slope.Slope(), slope.Slope, lambda seed: slope.Slope(seed)]):
        found = ecojax.search(task=task, out=tmp_path / str(number), **{**SMALL, "evaluations": 2})
        assert len(found.frontier()) >= 1
    with pytest.raises(
        InputError, match=r'workers=2 needs a task that workers can load.*task="mine.py:MyTask"'
    ):
        ecojax.search(task=slope.Slope(), out=tmp_path / "w", workers=2)


@pytest.mark.slow
def test_a_task_in_a_file_is_searched_by_workers_from_the_command_line(tmp_path, monkeypatch) -> None:
    words = f"search --task {FILE}:Slope --workers 2 --population 2 --evaluations 4 --out {tmp_path / 's'} -q"
    monkeypatch.setattr(sys, "argv", ["ecojax", *words.split()])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    assert len(ecojax.Study.open(tmp_path / "s").frontier()) >= 1


WRONG = {
    "no space": ("    space = ", "    space = 3 #", r"Slope.space is 3; make it an ecojax.SearchSpace"),
    "no metric of training": ('link="log"', 'when="built"', r"has none that is known once trained"),
    "facts that are no plain values": (
        '"from": 1.0',
        '"from": slice(3)',
        r"facts\(\) holds more than plain values",
    ),
    "a setting that there is not": (
        "seed=0",
        "sed",
        r"needs 'sed', which is no setting \(did you mean 'seed'\?\)",
    ),
    "an exception in the candidate": (
        "return Walk(configuration)",
        "return 1 / 0",
        r"(?s)Slope.candidate fails: ZeroDivisionError: division by zero\n.*wrong.py:\d+ in candidate: return 1 / 0$",
    ),
    "an exception in a step": (
        "x = state",
        "x = undefined",
        r"Descent.advance fails: NameError: name 'undefined'",
    ),
    "no pair": (
        "return x, x * x",
        "return x",
        r"Descent.advance gives 1?.*; return the state and the mean loss",
    ),
    "a loss that is no number": ("x, x * x", "x, np.ones(2)", r"gives a loss of an array of shape \(2,\)"),
    "a missing metric": (
        '{"distance"',
        '{"dist"',
        r"Descent.judge gives dist and no 'distance', .* names; add it",
    ),
    "a metric that is no number": ("abs(state)", "None", r"gives distance = None; make it a number"),
    "no candidate": ("return Walk(configuration)", "return None", r"Slope.candidate gives None; derive it"),
    "no steps": (
        "rate, steps\n\n    def start",
        "rate, 0\n\n    def start",
        r"Descent.steps gives 0; make it a whole",
    ),
    "a syntax error": ("class Walk(", "class Walk((", r"SyntaxError"),
    "a metric the other way round": (
        '"steps_taken", "minimize"',
        '"accuracy", "minimize"',
        r"the task's metric 'accuracy' is to minimize and known once built; ecojax's own",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_a_task_is_said_before_anything_is_written(what, tmp_path) -> None:
    old, new, said = WRONG[what]
    text = FILE.read_text()
    assert old in text
    wrong = tmp_path / "wrong.py"
    wrong.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=said):
        ecojax.search(task=f"{wrong}:Slope", out=tmp_path / "s", **SMALL)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nowhere.py:Task", r"there is no file '.*nowhere.py'"),
        (f"{FILE}:Slop", r"has no 'Slop' \(did you mean 'Slope'\?\)"),
        ("no_such_package.tasks:Mine", r"there is no module 'no_such_package'"),
        (
            "datset",
            r"is no task \(did you mean 'dataset'\?\); there are dataset, and your own as mine.py:Name",
        ),
        (f"{FILE}:FILE", r"has no 'FILE'"),
        ("json:dumps", r"needs 'obj', which is no setting"),
    ],
)
def test_a_place_without_a_task_is_refused(place, said, tmp_path) -> None:
    with pytest.raises(InputError, match=said):
        ecojax.search(task=place, out=tmp_path / "s", **SMALL)


def test_an_objective_that_the_task_does_not_have_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"'distanc' is no objective \(did you mean 'distance'\?\)"):
        ecojax.search(task=f"{FILE}:Slope", out=tmp_path / "s", objectives="distanc", **SMALL)


def test_an_exception_in_a_trial_is_kept_with_its_place_in_the_users_file(tmp_path) -> None:
    flawed = tmp_path / "flawed.py"
    flawed.write_text(
        FILE.read_text().replace(
            "x = state *",
            "self.rate < 0.5 or (_ for _ in ()).throw(ValueError('too steep'))\n        x = state *",
        )
    )
    found = ecojax.search(
        task=f"{flawed}:Slope",
        out=tmp_path / "s",
        **SMALL,
        enqueue=[{"rate": 0.3, "steps": 5}, {"rate": 0.8, "steps": 5}],
    )
    failed = found.trials[1]
    assert failed.status is Status.FAILED
    assert failed.error.startswith("ValueError: too steep (")
    assert "flawed.py" in failed.error
    assert all("ecojax/trial" not in line for line in failed.details["traceback"])
    json.dumps(failed.details)
