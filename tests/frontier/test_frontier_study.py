import builtins
import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest
from pymoo.indicators.hv import HV
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from ecojax.errors import InputError, StudyError
from ecojax.frontier import Study
from ecojax.frontier.knee import knee
from ecojax.install import how_to_install
from ecojax.study import StudyStore

COSTS = ("energy_per_sample_j", "latency_ms", "parameters", "flops", "train_energy_j")


def random_points(rng: np.random.Generator, n: int, costs: int) -> np.ndarray:
    return np.column_stack([rng.uniform(0.1, 0.99, n), 10 ** rng.uniform(-6, -3, (n, costs))])


@pytest.mark.parametrize("costs", [1, 2, 5])
def test_frontier_is_pymoos_first_front(make_study, costs):
    points = random_points(np.random.default_rng(costs), 60, costs)
    study = make_study(points.tolist(), ("accuracy", *COSTS[:costs]))
    front = NonDominatedSorting().do(points * ([-1] + [1] * costs), only_non_dominated_front=True)
    assert {trial.id for trial in study.frontier()} == set(front.tolist())


@pytest.mark.parametrize("costs", [1, 2, 3])
def test_hypervolume_is_pymoos_on_normalised_objectives(make_study, costs):
    points = random_points(np.random.default_rng(costs), 40, costs)
    study = make_study(points.tolist(), ("accuracy", *COSTS[:costs]))
    normalised = np.column_stack([1 - points[:, 0], points[:, 1:] / points[:, 1:].max(axis=0)])
    assert study.hypervolume(plain=True) == pytest.approx(
        HV(ref_point=np.ones(1 + costs))(normalised), rel=1e-12
    )
    # on the scales: log odds of 1,000 samples, where the study does not say how many there are; energy to a millionth
    odds = np.log((1000 * (1 - points[:, 0]) + 2) / (1000 * points[:, 0] + 2)) / np.log(1002 / 2)
    decades = np.log10(points[:, 1:] / points[:, 1:].max(axis=0)) / 6
    scaled = np.column_stack([(1 + odds) / 2, 1 + decades])
    assert study.hypervolume() == pytest.approx(HV(ref_point=np.ones(1 + costs))(scaled), rel=1e-9)
    assert 0 < study.hypervolume() < 1


def test_hypervolume_of_one_point_in_closed_form(make_study):
    study = make_study([(0.8, 1e-5), (0.5, 4e-5)])
    assert study.hypervolume_reference() == {"accuracy": 0.0, "energy_per_sample_j": 4e-5}
    assert study.hypervolume_ideal() == {"accuracy": 1.0, "energy_per_sample_j": pytest.approx(4e-11)}
    common = {"accuracy": 0.5, "energy_per_sample_j": 2e-5}
    assert study.hypervolume_ideal(common) == {"accuracy": 1.0, "energy_per_sample_j": pytest.approx(2e-11)}
    assert study.hypervolume(plain=True) == pytest.approx(0.8 * 0.75)
    assert study.hypervolume(common, plain=True) == pytest.approx(0.6 * 0.5)
    odds = math.log(802 / 202)
    assert study.hypervolume(common) == pytest.approx(odds / math.log(1002 / 2) * math.log10(2) / 6)
    assert study.hypervolume() == pytest.approx((1 + odds / math.log(1002 / 2)) / 2 * math.log10(4) / 6)


def test_hypervolume_of_a_single_objective_is_its_share_of_the_way_to_perfection(make_study):
    study = make_study([(0.25,), (0.75,)], ("accuracy",))
    assert study.hypervolume(plain=True) == pytest.approx(0.75)
    assert study.hypervolume_meaning() == "way in logit accuracy"


def test_frontier_is_best_first(make_study):
    study = make_study([(0.5, 1e-6), (0.9, 1e-4), (0.7, 1e-5), (0.6, 1e-5)])
    assert [trial.id for trial in study.frontier()] == [1, 2, 0]


def test_of_equal_trials_the_earliest_stands_for_all(make_study):
    study = make_study([None, (0.9, 1e-5), (0.9, 1e-5), (0.5, 1e-6), (0.5, 1e-6)])
    assert [trial.id for trial in study.frontier()] == [1, 3]


def test_equal_accuracy_is_decided_by_energy(make_study):
    assert [trial.id for trial in make_study([(0.9, 2e-5), (0.9, 1e-5)]).frontier()] == [1]


def test_one_trial_is_frontier_and_knee(make_study):
    study = make_study([(0.9, 1e-5)])
    assert study.frontier() == [study.knee()] == study.complete()
    assert study.hypervolume() is None  # it is itself the reference's energy
    assert study.hypervolume({"accuracy": 0.8, "energy_per_sample_j": 2e-5}, plain=True) == pytest.approx(
        0.5 * 0.5
    )
    assert study.hypervolume({"accuracy": 0.95, "energy_per_sample_j": 2e-5}) == 0
    with pytest.raises(InputError, match="accuracy = 1 leaves no box"):
        study.hypervolume({"accuracy": 1.0, "energy_per_sample_j": 2e-5})


def test_infeasible_trials_are_left_out(make_study):
    study = make_study(
        [(0.9, 1e-4), (0.8, 1e-5), (0.3, 1e-7)],
        constraints={"accuracy": {"min": 0.5}, "energy_per_sample_j": {"max": 5e-5}},
    )
    assert [trial.id for trial in study.frontier()] == [1]
    assert [trial.id for trial in study.complete()] == [0, 1, 2]
    assert study.best().id == 1


@pytest.mark.parametrize("points", [[], [None, None]])
def test_a_study_without_complete_trial(make_study, points):
    study = make_study(points)
    assert study.frontier() == []
    assert study.hypervolume() is None
    assert study.hypervolume_reference() is None
    assert study.counts()["diverged"] == len(points)
    assert study.summary()["frontier"] == []
    with pytest.raises(InputError, match="no frontier yet: none of its trials is complete"):
        study.knee()


def test_constraints_that_nothing_meets_are_named(make_study):
    study = make_study([(0.5, 1e-5)], constraints={"accuracy": {"min": 0.9}})
    with pytest.raises(
        InputError,
        match=r"no complete trial meets the constraints: accuracy ≥ 90.0 % broken by 1 of 1, highest 50.0 %",
    ):
        study.pick("best")


def test_knee_of_a_hyperbola():
    # On y = 1/x between (1/4, 4) and (4, 1/4) the tangent is parallel to the chord at (1, 1).
    x = np.geomspace(0.25, 4, 41)
    assert x[knee(np.column_stack([x, 1 / x]))] == pytest.approx(1)


def test_knee_takes_joules_as_they_are(make_study):
    # accuracy = 1 - (1 - t)² over energy t µJ: the chord's slope is reached at t = 1/2.
    t = np.linspace(0, 1, 21)
    study = make_study(np.column_stack([1 - (1 - t) ** 2, 1e-6 * (t + 0.01)]).tolist())
    assert study.knee().id == 10


def test_knee_is_no_model_that_has_learnt_nothing(make_study):
    """Decades of energy below the rest, a model near chance is no bargain."""
    assert make_study([(0.53, 1.4e-3), (0.41, 8.7e-4), (0.27, 5.2e-4), (0.20, 1e-4)]).knee().id == 1


def test_knee_of_three_objectives_is_nearest_to_the_ideal_on_a_symmetric_front():
    assert knee(np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0], [0.2, 0.2, 0.2]])) == 3


def test_knee_of_a_front_that_bulges_the_other_way_is_an_extreme():
    angle = np.linspace(0, np.pi / 2, 9)
    assert knee(np.column_stack([np.sin(angle), np.cos(angle)])) in (0, 8)


def test_best(make_study):
    study = make_study([(0.9, 1e-4), (0.8, 1e-5), (0.7, 3e-5)], more={"parameters": 10})
    assert study.best().id == 0
    assert study.best("energy_per_sample_j").id == 1
    assert study.best(where="energy_per_sample_j<=2e-5").id == 1
    assert study.best("energy_per_sample_j", where="accuracy<0.75").id == 2  # off the frontier, still a trial
    with pytest.raises(InputError, match="'speed' is no metric; there are accuracy"):
        study.best("speed")
    with pytest.raises(InputError, match=r"would spend the test set"):
        study.best("test_accuracy")


def test_summary_is_the_contract(make_study):
    study = make_study([(0.9, 1e-5), None, (0.5, 1e-6)], more={"parameters": 100, "accuracy_se": 0.01})
    summary = study.summary()
    assert list(summary) == [
        "study",
        "dataset",
        "seed",
        "trials",
        "objectives",
        "constraints",
        "stopped",
        "no_frontier",
        "hypervolume",
        "hypervolume_meaning",
        "hypervolume_reference",
        "hypervolume_ideal",
        "hypervolume_plain",
        "hypervolume_obstacle",
        "extent",
        "chance_accuracy",
        "picks",
        "frontier",
    ]
    assert (summary["study"], summary["dataset"], summary["seed"]) == ("digits-1", "digits", 3)
    assert (summary["trials"]["complete"], summary["trials"]["diverged"]) == (2, 1)
    assert [objective["name"] for objective in summary["objectives"]] == ["accuracy", "energy_per_sample_j"]
    assert [objective["direction"] for objective in summary["objectives"]] == ["maximize", "minimize"]
    assert summary["objectives"][1]["provenance"].startswith("modeled (CPU time")
    best = summary["frontier"][0]
    assert list(best) == ["trial", "config", "metrics", "better_than_chance"]
    assert (best["trial"], best["config"]) == (0, {"family": "mlp", "width": 0})
    assert list(best["metrics"])[:9] == [
        "accuracy",
        "test_accuracy",
        "energy_per_sample_j",
        "energy_per_sample_j_ci95",
        "latency_ms",
        "parameters",
        "flops",
        "train_energy_j",
        "train_seconds",
    ]
    assert best["metrics"]["test_accuracy"] is None
    assert best["metrics"]["accuracy_se"] == 0.01


def test_summary_survives_strict_json(make_study):
    study = make_study([(0.9, 1e-5)], more={"latency_ms": float("nan"), "flops": float("inf")})
    summary = study.summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["frontier"][0]["metrics"]["latency_ms"] is None


def test_mixed_provenance_is_not_hidden(make_study):
    study = make_study([(0.9, 1e-5), (0.5, 1e-6)])
    with StudyStore.open(study.path, write=True) as store:
        store.start(2, {"family": "mlp"}, origin="sobol", seed=2)
        store.end(
            2,
            study.trials[0].status,
            metrics={"accuracy": 0.7, "energy_per_sample_j": 5e-6},
            provenance={"energy_per_sample_j": "measured (board)"},
        )
    assert Study.open(study.path).provenance("energy_per_sample_j").endswith("; measured (board)")


def test_dataframe(make_study):
    pandas = pytest.importorskip("pandas")
    frame = make_study([(0.9, 1e-5), None, (0.5, 1e-4)], more={"parameters": 7}).to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["on_frontier"].tolist() == [True, False, False]
    assert frame["config.width"].tolist() == [0, 8, 16]
    assert frame["status"].tolist() == ["complete", "diverged", "complete"]
    assert frame["accuracy"].dropna().tolist() == [0.9, 0.5]


def test_dataframe_without_pandas_says_how_to_get_it(make_study, monkeypatch):
    real = builtins.__import__

    def without_pandas(name, *rest):
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(InputError, match=re.escape(how_to_install("pandas"))):
        make_study([(0.9, 1e-5)]).to_dataframe()


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(StudyError, match="holds no study"):
        Study.open(tmp_path)


def test_importing_the_room_imports_nothing_heavy():
    heavy = ("jax", "matplotlib", "pandas", "rich")
    code = f"import sys, ecojax.frontier; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
