"""A plain function that reports its progress: when it is stopped, how it ends then, what it may not report."""

import pytest

import ecojax
from ecojax.errors import InputError
from ecojax.session.loop import Listener
from ecojax.study import Status
from ecojax.tasks.function.report import Report, Stopped

SPACE = {"x": ecojax.Float(0.0, 10.0)}
# eight learning curves, and a trial that is worse from the first step on
QUEUE = [{"x": 0.1 * k} for k in range(1, 9)] + [{"x": 9.0}]
GIVEN = {"space": SPACE, "metrics": {"error": "min"}, "enqueue": QUEUE, "evaluations": 9, "population": 2}
FREED = []


def told(config, report):
    """Its error falls by steps to x; a loop of the user's catches whatever is an Exception."""
    error = 0.0
    try:
        for step in range(1, 9):
            error = config["x"] + 1 / step
            try:
                report(step, error)
            except Exception:
                FREED.append("caught")
    finally:
        FREED.append(config["x"])
    return {"error": error}


def test_a_trial_that_is_beaten_is_stopped_and_its_function_unwound(tmp_path) -> None:
    FREED.clear()
    study = ecojax.search(objective=told, out=tmp_path / "s", **GIVEN)
    *finished, beaten = study.trials
    assert [trial.status for trial in finished] == [Status.COMPLETE] * 8
    assert finished[0].details["rungs"] == [[step, pytest.approx(0.1 + 1 / step)] for step in (1, 2, 4, 8)]
    assert beaten.status is Status.STOPPED
    assert beaten.error.startswith("after step 1 error was 10.0000, and could hardly have passed 9.")
    assert beaten.error.endswith("; trial 0 has 0.2250 at no higher cost")
    assert beaten.details["rungs"] == [[1, 10.0]]
    assert 9.0 < beaten.metrics["expected_error"] < 9.3
    assert "error" not in beaten.metrics
    assert "caught" not in FREED
    assert FREED[-1] == 9.0  # `finally` has run


def test_a_study_goes_on_with_the_curves_that_it_holds(tmp_path) -> None:
    ecojax.search(objective=told, out=tmp_path / "s", **GIVEN | {"evaluations": 8})
    study = ecojax.search(
        objective=told,
        space=SPACE,
        metrics={"error": "min"},
        out=tmp_path / "s",
        resume=True,
        evaluations=9,
    )
    assert [trial.status for trial in study.trials] == [Status.COMPLETE] * 8 + [Status.STOPPED]


def test_none_is_stopped_where_nobody_wants_it(tmp_path) -> None:
    study = ecojax.search(objective=told, out=tmp_path / "s", early_stop=False, **GIVEN)
    assert {trial.status for trial in study.trials} == {Status.COMPLETE}


def test_at_figures_that_it_tells_beforehand_a_trial_is_compared_with_those_no_dearer(tmp_path) -> None:
    """The last two end alike; one is as fast as nothing else is, and may go on."""

    def told_with_speed(config, report):
        speed = 100.0 if config["x"] == 10.0 else 1.0
        report(1, config["x"], speed=speed)
        report(2, config["x"])  # what was told stays
        return {"error": config["x"], "speed": speed}

    given = GIVEN | {"enqueue": [*QUEUE, {"x": 10.0}], "metrics": {"error": "min", "speed": "max"}}
    study = ecojax.search(objective=told_with_speed, out=tmp_path / "s", **given | {"evaluations": 10})
    *_, slow, fast = study.trials
    assert (slow.status, fast.status) == (Status.STOPPED, Status.COMPLETE)


def test_a_value_that_is_not_finite_ends_the_trial_as_diverged(tmp_path) -> None:
    def lost(config, report):
        report(3, float("nan") if config["x"] > 5 else config["x"])
        return {"error": config["x"]}

    study = ecojax.search(objective=lost, out=tmp_path / "s", **GIVEN)
    assert study.trials[-1].status is Status.DIVERGED
    assert study.trials[-1].error == "error is nan after step 3"


def test_what_a_stopped_function_raises_while_it_ends_is_noted(tmp_path) -> None:
    notes = []

    class Listening(Listener):
        def noted(self, text):
            notes.append(text)

    def untidy(config, report):
        try:
            report(1, config["x"])
        finally:
            if config["x"] > 5:
                raise OSError("no folder to remove")
        return {"error": config["x"]}

    study = ecojax.search(objective=untidy, out=tmp_path / "s", listener=Listening(), **GIVEN)
    assert study.trials[-1].status is Status.STOPPED
    assert any("raised while it ended: OSError: no folder to remove (" in note for note in notes)


def a_report(reached=lambda *_: False, others=("joules",), needed=()) -> Report:
    return Report("error", others, needed, reached)


WRONG = {
    "a step that is no number": (
        lambda report: report("a", 1.0),
        r"the step 'a'; give a whole number of steps",
    ),
    "half a step": (lambda report: report(0.5, 1.0), r"the step 0.5; give a whole number of steps"),
    "a step below nought": (lambda report: report(-1, 1.0), r"the step -1; give a whole number"),
    "a step back": (
        lambda report: [report(step, 1.0) for step in (3, 2)],
        r"the step 2 after 3; let steps grow from call to call",
    ),
    "a step twice": (lambda report: [report(0, 1.0), report(0, 1.0)], r"the step 0 after 0"),
    "a value that is no number": (lambda report: report(1, "low"), r"error = 'low'; give a number, as float"),
    "many values": (lambda report: report(1, [0.1, 0.2]), r"error = \[0.1, 0.2\]; give a number"),
    "an unknown figure": (
        lambda report: report(1, 1.0, joule=3),
        r"'joule', none of the other metrics .*joules",
    ),
    "an infinite figure": (
        lambda report: report(1, 1.0, joules=float("inf")),
        r"joules = inf; give a finite",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_makes_no_curve_is_named(what) -> None:
    call, said = WRONG[what]
    with pytest.raises((TypeError, ValueError), match=said):
        call(a_report())


def test_nothing_is_reported_once_the_function_has_ended() -> None:
    report = a_report()
    report(1, 1.0)
    report.close()
    with pytest.raises(
        ValueError, match="report is called after the function of its configuration has ended"
    ):
        report(2, 0.5)


def test_a_function_that_goes_on_although_it_was_stopped_is_stopped_again() -> None:
    report = a_report(lambda step, value, known: True)
    for step in (1, 1, 0):
        with pytest.raises(Stopped):
            report(step, 1.0)
    assert not issubclass(Stopped, Exception)


def both(config, report):
    report(1, config["x"])
    return {"error": config["x"], "joules": 1.0}


def back(config, report):
    report(-3, config["x"])


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    ("objective", "metrics", "said"),
    [
        (
            both,
            {"error": "min", "joules": "min"},
            r"tell joules as they will be: report\(step, value, joules=...\)",
        ),
        (
            back,
            {"error": "min"},
            r"(?s)a call of back fails: ValueError: report is told the step -3.*test_reports.py",
        ),
        (lambda config, tell: {}, {"error": "min"}, "objective takes 'tell' besides a configuration"),
    ],
)
def test_wrong_use_is_said_before_anything_is_paid_for(objective, metrics, said, dry_run, tmp_path) -> None:
    with pytest.raises(InputError, match=said):
        ecojax.search(
            objective=objective, out=tmp_path / "s", dry_run=dry_run, **GIVEN | {"metrics": metrics}
        )
    assert not (tmp_path / "s").exists()


def test_figures_that_are_no_objectives_need_not_be_told(tmp_path) -> None:
    given = GIVEN | {"metrics": {"error": "min", "joules": "min"}, "objectives": ["error"]}
    study = ecojax.search(objective=both, out=tmp_path / "s", **given)
    assert study.trials[-1].status is Status.STOPPED


@pytest.mark.slow
def test_trials_are_stopped_in_worker_processes(tmp_path) -> None:
    given = GIVEN | {"enqueue": [*QUEUE, {"x": 9.5}], "evaluations": 8}
    ecojax.search(objective=told, out=tmp_path / "s", workers=2, **given)
    study = ecojax.search(
        objective=told,
        space=SPACE,
        metrics={"error": "min"},
        out=tmp_path / "s",
        resume=True,
        evaluations=10,
        workers=2,
    )
    assert [trial.status for trial in study.trials] == [Status.COMPLETE] * 8 + [Status.STOPPED] * 2
