"""Searches with nothing good in them: by the engine, by ask and tell, and by the loop, whoever proposes."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from inline_workers import inline

import ecojax
from ecojax.budget import Budget
from ecojax.engine.archive import Archive, Encoder, Observation
from ecojax.engine.engine import Engine
from ecojax.frontier import Study
from ecojax.session.aim import Aim
from ecojax.session.loop import Loop
from ecojax.session.stagnation import Stagnation
from ecojax.space import Choice, Float, Int, SearchSpace
from ecojax.study import Status, StudyStore
from ecojax.study.constraints import violation
from ecojax.trial.outcome import Outcome

SPACE = SearchSpace(
    [
        Float("rate", 0.0, 1.0),
        Int("width", 1, 20),
        Choice("block", ("plain", "residual")),
        Int("depth", 1, 3, when={"block": ("residual",)}),
    ]
)
ONE = SearchSpace([Choice("family", ("mlp",)), Int("width", 8, 8)])
FEW = SearchSpace([Int("width", 1, 4), Choice("block", ("plain", "residual"))])
STEPS = 18  # past the first population, and into the model's turn
PROPOSERS = ("assisted", "nsga2", "local")

Evaluate = Callable[[Mapping[str, Any]], tuple[list[float] | None, float]]  # objectives and violation


def by_engine(space: SearchSpace, proposer: str, steps: int, evaluate: Evaluate, **_: Any) -> list[dict]:
    engine = Engine(space, objectives=2, population=4, seed=0, proposer=proposer)
    found: list[Observation] = []
    for step in range(steps):
        proposal = engine.propose(step, found)
        if proposal is None:
            break
        values, excess = evaluate(proposal.configuration)
        found.append(Observation(proposal.configuration, values, excess))
    return [dict(seen.configuration) for seen in found]


def by_ask_tell(space: SearchSpace, proposer: str, steps: int, evaluate: Evaluate, **_: Any) -> list[dict]:
    search = ecojax.ask_tell(space, ["a", "b"], seed=0, population=4, proposer=proposer)
    found = []
    for batch in (1, 3, steps):  # and in batches, in which none may come twice
        for _ in range(max(1, (steps - len(found)) // (2 * batch))):
            asked = search.ask(min(batch, steps - len(found))) if len(found) < steps else []
            found += [dict(trial.configuration) for trial in asked]
            for trial in asked:
                values, excess = evaluate(trial.configuration)
                search.tell(trial, values, constraints=[excess])
    return found


def by_loop(space: SearchSpace, proposer: str, steps: int, evaluate: Evaluate, *, folder: Any) -> list[dict]:
    engine = Engine(space, objectives=2, population=4, seed=0, proposer=proposer)

    def outcome(configuration: Mapping[str, Any], seed: int) -> Outcome:
        values, excess = evaluate(configuration)
        if values is None:
            return Outcome(Status.FAILED, error="pretended")
        metrics = {"train_energy_j": values[0], "energy_per_sample_j": values[1], "latency_ms": 1 + excess}
        return Outcome(Status.COMPLETE, metrics)

    constraints = {"latency_ms": {"max": 1.0}}
    settings = {"objectives": ["train_energy_j", "energy_per_sample_j"], "constraints": constraints}
    with StudyStore.create(folder, settings) as store:
        Loop(
            store,
            engine,
            inline(outcome),
            Aim(settings["objectives"], constraints),
            Budget(steps),
            stagnation=Stagnation(patience=1000, population=4),
        ).run()
    study = Study.open(folder)
    study.summary()  # there is always something to say of it
    return [dict(trial.configuration) for trial in study.trials]


@pytest.fixture(params=[by_engine, by_ask_tell, by_loop])
def search(request, tmp_path):
    def searched(space: SearchSpace, proposer: str, steps: int, evaluate: Evaluate) -> list[dict]:
        return request.param(space, proposer, steps, evaluate, folder=tmp_path / "study")

    return searched


def good(configuration: Mapping[str, Any]) -> list[float]:
    return [-float(configuration["width"]), configuration.get("rate", 0.0) + configuration["width"]]


def distinct(space: SearchSpace, configurations: list[dict]) -> int:
    return len({space.key(configuration) for configuration in configurations})


@pytest.mark.parametrize("proposer", PROPOSERS)
def test_a_space_of_one_configuration_is_tried_once(search, proposer) -> None:
    assert search(ONE, proposer, 10, lambda c: ([1.0, 1.0], 0.0)) == [{"family": "mlp", "width": 8}]


@pytest.mark.parametrize("proposer", PROPOSERS)
def test_a_space_that_holds_less_than_asked_for_is_tried_out(search, proposer) -> None:
    found = search(FEW, proposer, 60, lambda c: (good(c), 0.0))
    assert len(found) == distinct(FEW, found) == 8


@pytest.mark.parametrize("proposer", PROPOSERS)
def test_where_nothing_is_feasible_the_search_goes_on(search, proposer) -> None:
    found = search(SPACE, proposer, STEPS, lambda c: (good(c), 1.0 + c["width"]))
    assert len(found) == distinct(SPACE, found) == STEPS


@pytest.mark.parametrize("proposer", PROPOSERS)
@pytest.mark.parametrize("constant", [[0.0, None], [None, 1e-30], [-1e30, 1e30]], ids=str)
def test_constant_objectives(search, proposer, constant) -> None:
    def evaluate(configuration):
        values = good(configuration)
        return [value if c is None else c for value, c in zip(values, constant, strict=True)], 0.0

    found = search(SPACE, proposer, STEPS, evaluate)
    assert len(found) == distinct(SPACE, found) == STEPS


@pytest.mark.parametrize("proposer", PROPOSERS)
@pytest.mark.parametrize("bad", [math.nan, -math.inf])
def test_numbers_that_are_none_in_some_trials(search, proposer, bad) -> None:
    """Told as they are, in one objective or both: every third."""
    calls = []

    def evaluate(configuration):
        calls.append(1)
        values = good(configuration)
        if len(calls) % 3 == 0:
            values[0] = bad
        if len(calls) % 6 == 0:
            values[1] = bad
        return values, 0.0

    found = search(SPACE, proposer, STEPS, evaluate)
    assert len(found) == distinct(SPACE, found) == STEPS


@pytest.mark.parametrize("proposer", PROPOSERS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_none_everywhere(search, proposer, bad) -> None:
    found = search(SPACE, proposer, STEPS, lambda c: ([bad, bad], 0.0))
    assert len(found) == distinct(SPACE, found) == STEPS


def test_a_number_that_is_none_is_a_failure_to_the_engine_and_leaves_a_mean() -> None:
    """Also the assistant's: scaled by it, NaN would spread to every target."""
    configuration = SPACE.default()
    seen = [Observation(configuration, values) for values in ([1.0, 2.0], [math.nan, 2.0], [3.0, math.inf])]
    archive = Archive(Encoder(SPACE), seen, 2)
    assert (archive.objectives.tolist(), archive.replicates.tolist()) == ([[1.0, 2.0]], [1])
    assert archive.attempts.tolist() == [3]
    other = SPACE.canonical(configuration | {"width": 3})
    archive = Archive(Encoder(SPACE), [*seen, Observation(other, [math.nan, 0.0])], 2)
    assert [encoded.key for encoded in archive.failed] == [SPACE.key(other)]


@pytest.mark.parametrize("proposer", PROPOSERS)
def test_constraints_that_contradict_each_other(search, proposer) -> None:
    """At most five wide and at least fifteen: violated by everyone, by ten at least."""

    def evaluate(configuration):
        width = configuration["width"]
        return good(configuration), max(0.0, width - 5.0) + max(0.0, 15.0 - width)

    found = search(SPACE, proposer, STEPS, evaluate)
    assert len(found) == distinct(SPACE, found) == STEPS


def test_bounds_known_beforehand_that_contradict_each_other_do_not_stop_proposals() -> None:
    bounds = {"parameters": {"min": 15.0, "max": 5.0}}
    engine = Engine(
        SPACE,
        objectives=2,
        population=4,
        seed=0,
        proposer="nsga2",
        violation=lambda c: violation({"parameters": float(c["width"])}, bounds),
    )
    found: list[Observation] = []
    for step in range(12):
        proposal = engine.propose(step, found)
        found.append(Observation(proposal.configuration, good(proposal.configuration), 1.0))
    assert len({SPACE.key(o.configuration) for o in found}) == 12


def test_a_trial_without_a_number_is_never_on_the_frontier_of_a_study(tmp_path) -> None:
    """Nor does it spoil hypervolume, table, plot or knee."""
    from ecojax.frontier.plot import plot
    from ecojax.frontier.table import frontier_columns, to_csv, to_json

    calls = []

    def evaluate(configuration):
        calls.append(1)
        return (
            [math.nan, math.nan] if len(calls) % 4 == 0 else [0.5 - len(calls) / 100, 1e-6 * len(calls)]
        ), 0.0

    by_loop(SPACE, "local", 12, evaluate, folder=tmp_path / "study")
    study = Study.open(tmp_path / "study")
    figures = np.array([[m.metrics[name] for name in study.objectives] for m in study.frontier()])
    assert len(figures)
    assert np.isfinite(figures).all()
    assert math.isfinite(study.hypervolume())
    assert study.knee().id in {m.id for m in study.frontier()}
    plot(study, tmp_path / "plot.png")
    assert frontier_columns(study)
    assert to_json(study)
    assert to_csv(study)
