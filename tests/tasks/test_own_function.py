"""A plain function as what is searched: its figures, its failures, bad input."""

import pytest

import ecojax
from ecojax.errors import InputError
from ecojax.study import Status

SPACE = {"x": ecojax.Float(0.0, 2.0), "n": ecojax.Int(1, 4)}
SMALL = {"evaluations": 4, "population": 2}


def schaffer(config):
    """Schaffer's problem: every x from 0 to 2 is on the frontier."""
    return {"left": config["x"] ** 2, "right": (config["x"] - 2) ** 2 + 0 * config["n"]}


METRICS = {"left": "min", "right": "min"}


def test_a_function_is_searched_by_its_figures_and_goes_on(tmp_path) -> None:
    study = ecojax.search(objective=schaffer, space=SPACE, metrics=METRICS, out=tmp_path / "s", **SMALL)
    assert study.objectives == ["left", "right"]
    for trial in study.trials:
        assert trial.status is Status.COMPLETE, trial.error
        assert trial.metrics["left"] == pytest.approx(trial.configuration["x"] ** 2)
    distinct = {trial.configuration["x"] for trial in study.trials}
    assert len({trial.configuration["x"] for trial in study.frontier()}) == len(distinct)
    went_on = ecojax.search(
        objective=schaffer, space=SPACE, metrics=METRICS, out=tmp_path / "s", resume=True, evaluations=5
    )
    assert len(went_on.trials) == 5
    other = {"left": "min", "right": "max"}
    with pytest.raises(ecojax.EcojaxError, match="differs in metrics"):
        ecojax.search(
            objective=schaffer, space=SPACE, metrics=other, out=tmp_path / "s", resume=True, evaluations=6
        )


def test_what_the_function_raises_fails_the_trial_with_its_place(tmp_path) -> None:
    def flawed(config):
        if config["x"] > 1:
            raise RuntimeError("too far")
        return {"left": config["x"]} if config["x"] < 0.5 else {"left": config["x"], "right": 1.0}

    study = ecojax.search(
        objective=flawed,
        space=SPACE,
        metrics=METRICS,
        enqueue=[{"x": 1.5, "n": 1}, {"x": 0.25, "n": 1}, {"x": 0.75, "n": 1}],
        out=tmp_path / "s",
        **SMALL,
    )
    raised, missing, fine = study.trials[:3]
    assert raised.status is Status.FAILED
    assert raised.error.startswith("RuntimeError: too far (")
    assert "test_own_function.py" in raised.error
    assert missing.status is Status.FAILED
    assert "gives left and no 'right'; add it" in missing.error
    assert fine.status is Status.COMPLETE


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"objective": 3}, "objective is a int; give a function"),
        ({"space": None}, "objective needs a space"),
        ({"metrics": None}, "say which way each figure of the objective is better"),
        ({"metrics": {"left": "less"}}, "say which way each figure of the objective is better"),
        ({"objective": lambda c: {}, "workers": 2}, "objective cannot be loaded by workers: it is a lambda"),
        ({"model": schaffer}, "model is for a model of your own; give that alone"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(changes, said, tmp_path) -> None:
    given = {
        "objective": schaffer,
        "space": SPACE,
        "metrics": METRICS,
        "out": tmp_path / "s",
        **SMALL,
        **changes,
    }
    with pytest.raises(InputError, match=said):
        ecojax.search(**given)
    assert not (tmp_path / "s").exists()
