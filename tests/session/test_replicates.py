"""Replicates through the loop, the settings and the export: trials of their own, judged together."""

import json
from collections import Counter

import numpy as np
import pytest
from inline_workers import inline

import ecojax
from ecojax.budget import Budget
from ecojax.engine.archive import Archive, Encoder, Observation
from ecojax.engine.engine import Engine
from ecojax.errors import InputError
from ecojax.frontier import Study
from ecojax.session.aim import Aim
from ecojax.session.ledger import observe
from ecojax.session.loop import Loop, trial_seed
from ecojax.session.stagnation import _front
from ecojax.settings import resolve
from ecojax.space import Float, Int, SearchSpace
from ecojax.study import Status, StudyStore
from ecojax.trial.outcome import Outcome

SPACE = SearchSpace([Int("width", 1, 40), Float("rate", 0.0, 1.0)])
TINY = SearchSpace([Int("width", 1, 3)])
OBJECTIVES = ("accuracy", "energy_per_sample_j")
SETTINGS = {"objectives": list(OBJECTIVES), "dataset": "digits"}


def noisy(configuration, seed) -> Outcome:
    rng = np.random.default_rng(seed)
    accuracy = 0.5 + configuration["width"] / 100 + rng.normal(0, 0.05)
    energy = configuration["width"] * 1e-6 * rng.lognormal(0, 0.05)
    return Outcome(Status.COMPLETE, {"accuracy": accuracy, "energy_per_sample_j": energy})


def searched(folder, evaluations: int, *, evaluate=noisy, space=SPACE, constraints=None, **options) -> Study:
    settings = {"population": 4, "seed": 5, "proposer": "local", "replicate": 3} | options
    engine = Engine(space, objectives=2, **settings)
    record = SETTINGS | {"constraints": constraints or {}}
    with (
        StudyStore.open(folder, write=True) if folder.exists() else StudyStore.create(folder, record) as store
    ):
        reason = Loop(
            store, engine, inline(evaluate), Aim(OBJECTIVES, constraints or {}), Budget(evaluations)
        ).run()
        store.set("stopped", reason, "progress")
    return Study.open(folder)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    return searched(tmp_path_factory.mktemp("replicates") / "study", 30)


def test_a_replicate_is_a_trial_of_its_own_of_the_front_so_far(study) -> None:
    replicates = [trial for trial in study.trials if trial.origin == "replicate"]
    assert [trial.id for trial in replicates] == list(range(6, 30, 3))
    seeds = [trial.seed for trial in study.trials]
    assert len(set(seeds)) == 30
    assert seeds == [trial_seed(5, step) for step in range(30)]
    for trial in replicates:
        before = Study(study.path, study.settings, study.trials[: trial.id], facts=study.facts)
        front = before.frontier()
        assert trial.configuration in [member.configuration for member in front]
        tried = Counter(json.dumps(dict(t.configuration)) for t in before.trials)
        least = min(tried[json.dumps(dict(member.configuration))] for member in front)
        assert tried[json.dumps(dict(trial.configuration))] == least


def test_nothing_else_comes_twice(study) -> None:
    others = [SPACE.key(t.configuration) for t in study.trials if t.origin != "replicate"]
    assert len(set(others)) == len(others)


@pytest.mark.parametrize("constraints", [{}, {"accuracy": {"min": 0.6}}])
def test_study_engine_and_stagnation_name_one_front(tmp_path, constraints) -> None:
    study = searched(tmp_path / "study", 30, constraints=constraints)
    observations = [observe(trial, Aim(OBJECTIVES, constraints)) for trial in study.trials]
    archive = Archive(Encoder(SPACE), observations, 2)
    of_study = study.frontier()
    assert max(member.metrics.get("repeats", 1) for member in of_study) > 1
    expected = {SPACE.key(member.configuration) for member in of_study}
    assert {archive.row_keys[row] for row in archive.front} == expected
    groups = [[o.objectives for o in observations if o.configuration == m.configuration] for m in of_study]
    F = np.array([np.mean(group, axis=0) for group in groups])  # of what is weighed
    np.testing.assert_allclose(np.sort(_front(observations), 0), np.sort(F, 0), rtol=1e-12)
    np.testing.assert_allclose(np.sort(archive.objectives[archive.front], 0), np.sort(F, 0), rtol=1e-12)


@pytest.mark.parametrize("cut_at", [5, 6, 7, 13])
def test_cut_off_and_resumed_it_is_the_unbroken_search(tmp_path, study, cut_at) -> None:
    """At, before and after a replicate."""
    calls = []

    def interrupted(configuration, seed):
        calls.append(1)
        if len(calls) == cut_at + 1:
            raise KeyboardInterrupt
        return noisy(configuration, seed)

    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path / "study", 30, evaluate=interrupted)
    again = searched(tmp_path / "study", 30, evaluate=interrupted)
    for name in ("id", "configuration", "origin", "seed", "metrics"):
        assert [getattr(t, name) for t in again.trials] == [getattr(t, name) for t in study.trials]


def test_a_failing_repeat_leaves_the_mean_and_is_not_insisted_on(tmp_path) -> None:
    """The whole front gets its turn, though no repeat ever succeeds."""
    tried = set()

    def fails_again(configuration, seed):
        key = SPACE.key(configuration)
        if key in tried:
            return Outcome(Status.DIVERGED, error="pretended")
        tried.add(key)
        return Outcome(
            Status.COMPLETE,
            {"accuracy": configuration["width"] / 40, "energy_per_sample_j": float(configuration["width"])},
        )

    study = searched(tmp_path / "study", 24, evaluate=fails_again)
    repeated = [SPACE.key(t.configuration) for t in study.trials if t.origin == "replicate"]
    assert len(set(repeated)) == len(repeated) == 6
    assert all("repeats" not in member.metrics for member in study.frontier())


def test_a_space_tried_out_counts_configurations_not_trials(tmp_path) -> None:
    study = searched(
        tmp_path / "study", 100, space=TINY, evaluate=lambda c, s: noisy(c | {"rate": 0}, s), population=2
    )
    assert study.progress["stopped"] == "all 3 configurations of the space have been tried"


def test_what_is_queued_comes_before_replicates() -> None:
    queue = [SPACE.canonical({"width": width, "rate": 0.5}) for width in range(1, 9)]
    engine = Engine(SPACE, objectives=2, population=2, seed=0, replicate=2, queue=queue)
    found: list[Observation] = []
    for step in range(8):
        proposal = engine.propose(step, found)
        assert proposal.origin == "queued"
        found.append(Observation(proposal.configuration, [float(step), -float(step)]))


def test_a_negative_interval_is_refused() -> None:
    with pytest.raises(InputError, match="replicate=-1 is no interval"):
        Engine(SPACE, objectives=2, population=4, seed=0, replicate=-1)
    with pytest.raises(InputError, match="replicate=-1: input"):
        resolve(None, {"replicate": -1})


def test_a_search_of_digits_repeats_and_exports_one_training(tmp_path) -> None:
    """Two trainings of one network differ; the card states the exported one's figures and names the other's."""
    options = {
        "executor": "inline",
        "dataset": "digits",
        "families": ["mlp"],
        "train_size": 300,
        "epochs": 1,
        "population": 2,
        "pin": {"hidden_layers": 1},
        "device": "cpu",
        "energy_ci": 0.5,
    }
    out = tmp_path / "study"
    ecojax.search(**options, replicate=2, evaluations=4, out=out)
    with pytest.raises(InputError, match="replicate=0 differs from the study"):
        ecojax.search(out=out, resume=True, replicate=0)
    study = ecojax.search(out=out, resume=True, evaluations=5)
    assert [t.origin for t in study.trials if t.id in (2, 4)] == ["replicate", "replicate"]
    repeated = study.repeats_of(study.trials[2])
    first = repeated[0]
    assert len(repeated) > 1
    assert len({t.seed for t in repeated}) == len(repeated)
    folder = ecojax.export_model(study, pick=str(first.id), to=tmp_path / "model")
    card = (folder / "MODEL_CARD.md").read_text()
    assert f"{100 * first.metrics['accuracy']:.2f} %" in card
    for other in repeated[1:]:
        assert f"{100 * other.metrics['accuracy']:.2f} % (trial {other.id})" in card
    with StudyStore.open(out) as store:
        arrays = store.arrays(first)
    model = ecojax.load(folder)
    loaded = model.network.to_arrays(model.weights)
    assert all(np.array_equal(loaded[name], arrays[name]) for name in arrays)
