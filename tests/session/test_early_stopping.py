"""Stopped trials in a search: who they are held against, what the engine learns of them, and that resuming agrees."""

import hashlib
from dataclasses import replace

import pytest
from inline_workers import inline

from ecojax.budget import Budget
from ecojax.engine.archive import Archive, Encoder
from ecojax.engine.engine import Engine
from ecojax.session.aim import Aim
from ecojax.session.ledger import observe
from ecojax.session.loop import Loop
from ecojax.session.rivals import rivals
from ecojax.space import Float, Int, SearchSpace
from ecojax.study import METRICS, Status, StudyStore, Trial
from ecojax.trial.outcome import Outcome
from ecojax.trial.rungs import Curve, Rival, extrapolate

SPACE = SearchSpace([Float("rate", 1e-4, 1e-1, log=True), Int("width", 8, 64, step=8)])
OBJECTIVES = ("accuracy", "energy_per_sample_j")
ACCURACY = replace(METRICS["accuracy"], count=200)


def evaluate(configuration, seed, rivals) -> Outcome:
    """Accuracy is luck, seen from afar at the first epoch; half of what is wide is wasted."""
    text = f"{sorted(configuration.items())} {seed}"
    luck = int(hashlib.sha256(text.encode()).hexdigest()[:6], 16) / 16**6
    metrics = {
        "energy_per_sample_j": configuration["width"] * 1e-6,
        "energy_per_sample_j_ci95": 1e-8,
        "trial_seconds": 1.0,
    }
    early = round(0.1 + 0.5 * luck, 2)
    details = {"rungs": [[1, early]]}
    end = extrapolate(ACCURACY, early, 1, rivals.curves)
    cost = {"energy_per_sample_j": metrics["energy_per_sample_j"] - 1e-8}
    if rivals.beating(ACCURACY, end.bound, cost) is not None:
        return Outcome(Status.STOPPED, {**metrics, "expected_accuracy": end.expected}, {}, details, "beaten")
    return Outcome(Status.COMPLETE, {**metrics, "accuracy": round(0.3 + 0.6 * luck, 2)}, {}, details)


def search(folder, evaluations, evaluate=evaluate, **options) -> list[Trial]:
    engine = Engine(SPACE, objectives=2, population=6, seed=1, **options)
    opened = StudyStore.open(folder, write=True) if folder.exists() else StudyStore.create(folder, {})
    with opened as store:
        Loop(store, engine, inline(evaluate), Aim(OBJECTIVES), Budget(evaluations), early_stop=True).run()
        return [replace(trial, started_at=None, ended_at=None) for trial in store.trials()]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> list[Trial]:
    return search(tmp_path_factory.mktemp("early") / "study", 24)


def test_some_trials_are_stopped_and_none_of_the_first(unbroken) -> None:
    stopped = [trial.id for trial in unbroken if trial.status is Status.STOPPED]
    assert stopped
    assert min(stopped) >= 8


def test_cut_off_and_resumed_the_same_trials_are_stopped(tmp_path, unbroken) -> None:
    cut_at = next(trial.id for trial in unbroken if trial.status is Status.STOPPED)

    def interrupted(configuration, seed, rivals):
        if len(list((tmp_path / "calls").iterdir())) == cut_at:
            raise KeyboardInterrupt
        (tmp_path / "calls" / str(seed)).touch()
        return evaluate(configuration, seed, rivals)

    (tmp_path / "calls").mkdir()
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "study", 24, interrupted)
    assert search(tmp_path / "study", 24) == unbroken


def test_the_engine_learns_from_a_stopped_trial_as_from_a_dominated_one(unbroken) -> None:
    observations = [observe(trial, Aim(OBJECTIVES)) for trial in unbroken]
    archive = Archive(Encoder(SPACE), observations, 2)
    assert not archive.failed
    front = {SPACE.key(archive.configuration(row)) for row in archive.front}
    for trial, observation in zip(unbroken, observations, strict=True):
        if trial.status is Status.STOPPED:
            expected = METRICS["accuracy"].weighed(trial.metrics["expected_accuracy"])
            assert observation.objectives[0] == expected
            assert SPACE.key(trial.configuration) not in front


def test_replicates_have_no_rivals(tmp_path) -> None:
    met = {}

    def noting(configuration, seed, rivals):
        met[seed] = rivals
        return evaluate(configuration, seed, rivals)

    trials = search(tmp_path / "study", 20, noting, replicate=3)
    replicates = [trial for trial in trials if trial.origin == "replicate"]
    assert len(replicates) > 2
    for trial in trials:
        known = met[trial.seed]
        assert bool(known.finished) == (trial.origin != "replicate" and trial.id > 0)


def complete(number, width, accuracy, energy, half=0.0, **more) -> Trial:
    metrics = {"accuracy": accuracy, "energy_per_sample_j": energy, "energy_per_sample_j_ci95": half}
    return Trial(
        number,
        Status.COMPLETE,
        {"width": width},
        "sobol",
        0,
        metrics | more,
        details={"rungs": [[1, accuracy / 2], [3, accuracy / 1.5]]},
    )


def test_rivals_are_the_feasible_configurations_by_their_means() -> None:
    trials = [
        complete(0, 8, 0.6, 1.0, 0.1, flops=5.0),
        complete(1, 16, 0.9, 3.0, 0.2, flops=9.0),
        complete(2, 8, 0.8, 2.0, 0.3, flops=5.0),
        replace(complete(3, 24, 0.9, 1.0), status=Status.STOPPED),
        replace(complete(4, 32, 0.9, 1.0), status=Status.DIVERGED),
    ]
    found = rivals(trials, OBJECTIVES, {"flops": {"max": 8.0}}, "accuracy")
    assert found.finished == [Rival(0, pytest.approx(0.7), {"energy_per_sample_j": pytest.approx(1.7)})]
    assert found.curves == [  # an infeasible trial's curve is a curve too
        Curve({1: accuracy / 2, 3: accuracy / 1.5}, accuracy) for accuracy in (0.6, 0.9, 0.8)
    ]
    assert rivals([], OBJECTIVES, {}, "accuracy").finished == []


def test_rungs_of_an_older_study_which_counted_passes_are_shares_of_the_training() -> None:
    """Ten passes: rungs after the first, the third and the sixth."""
    older = replace(complete(0, 8, 0.9, 1.0, epochs=10.0), details={"rungs": [[1, 0.3], [3, 0.5], [6, 0.7]]})
    newer = replace(
        complete(1, 8, 0.9, 1.0, trained_share=1.0), details={"rungs": [[0.1, 0.3], [0.3, 0.5], [0.6, 0.7]]}
    )
    one, other = rivals([older, newer], OBJECTIVES, {}, "accuracy").curves
    assert one == other
