"""The engine's host side: pure, never twice the same, never without an answer while there is one."""

import numpy as np
import pytest

from ecojax.engine.archive import Observation
from ecojax.engine.engine import Engine
from ecojax.errors import InputError
from ecojax.space import Choice, Float, Int, SearchSpace

SPACE = SearchSpace(
    [
        Float("rate", 1e-4, 1e-1, log=True, default=1e-2),
        Int("width", 8, 64, step=8, default=16),
        Choice("block", ("plain", "residual", "depthwise"), default="plain"),
        Float("momentum", 0.0, 0.9, default=0.5, when={"block": ("plain",)}),
    ]
)
SMALL = SearchSpace(
    [
        Int("depth", 0, 2, default=1),
        Choice("block", ("plain", "residual"), default="residual", when={"depth": (1, 2)}),
        Choice("flip", (False, True), default=True),
    ]
)  # one depth without blocks, two with two kinds, each flipped or not: ten
ONE = SearchSpace([Choice("family", ("mlp",)), Int("width", 8, 8)])


def engine(space: SearchSpace = SPACE, **options: object) -> Engine:
    return Engine(space, **({"objectives": 2, "population": 4, "seed": 0, "proposer": "nsga2"} | options))


def objectives(configuration: dict) -> list[float]:
    """Something to trade off: wide is accurate and dear."""
    width = configuration.get("width", configuration.get("depth", 1))
    return [-width + 10 * configuration.get("momentum", 0.0), float(width)]


def searched(of: Engine, steps: int, *, observe=objectives) -> tuple[list[Observation], list[str]]:
    archive, origins = [], []
    for step in range(steps):
        proposal = of.propose(step, archive)
        if proposal is None:
            break
        origins.append(proposal.origin)
        archive.append(Observation(proposal.configuration, observe(proposal.configuration)))
    return archive, origins


@pytest.fixture(scope="module")
def archive() -> list[Observation]:
    return searched(engine(), 14)[0]


def test_the_default_comes_first_then_the_first_population_then_children() -> None:
    found, origins = searched(engine(), 10)
    assert found[0].configuration == SPACE.default()
    assert origins == ["default"] + ["sobol"] * 3 + ["variation"] * 6


def test_a_proposal_is_a_function_of_its_arguments(archive) -> None:
    """Of nothing else: another engine, calls between, calls for other steps change nothing."""
    first = [engine().propose(step, archive[:step]) for step in range(14)]
    one = engine()
    again = [one.propose(step, archive[:step]) for step in reversed(range(14))][::-1]
    assert first == again
    assert [proposal.configuration for proposal in first] == [seen.configuration for seen in archive]


def test_the_archives_order_does_not_matter(archive) -> None:
    rng = np.random.default_rng(0)
    expected = engine().propose(14, archive)
    for _ in range(5):
        shuffled = [archive[i] for i in rng.permutation(len(archive))]
        assert engine().propose(14, shuffled) == expected


def test_another_seed_or_step_proposes_otherwise(archive) -> None:
    assert engine(seed=1).propose(14, archive) != engine().propose(14, archive)
    assert engine().propose(15, archive) != engine().propose(14, archive)
    assert engine(seed=1).propose(1, archive[:1]) != engine().propose(1, archive[:1])


def test_nothing_is_proposed_twice(archive) -> None:
    keys = [SPACE.key(seen.configuration) for seen in archive]
    assert len(set(keys)) == len(keys) == 14


@pytest.mark.parametrize("population", [2, 4, 16])
def test_a_small_space_is_tried_out_to_the_last_configuration(population) -> None:
    found, _ = searched(engine(SMALL, population=population), 100)
    keys = {SMALL.key(seen.configuration) for seen in found}
    every = {
        SMALL.key(SMALL.canonical({"depth": depth, "block": block, "flip": flip}))
        for depth in (0, 1, 2)
        for block in ("plain", "residual")
        for flip in (False, True)
    }
    assert len(found) == len(keys) == len(every) == 10
    assert keys == every
    assert engine(SMALL, population=population).propose(len(found), found) is None


def test_a_space_of_one_is_tried_once() -> None:
    found, origins = searched(engine(ONE), 10)
    assert [seen.configuration for seen in found] == [ONE.default()]
    assert origins == ["default"]


def test_an_inactive_value_does_not_make_a_configuration_new() -> None:
    tried = [Observation({"depth": 0, "flip": flip, "block": "plain"}, [0.0, 0.0]) for flip in (False, True)]
    for step in range(20):
        assert engine(SMALL).propose(step, tried).configuration["depth"] > 0


def test_failures_are_not_repeated_and_do_not_stop_the_search() -> None:
    found, origins = searched(engine(), 8, observe=lambda _: None)
    assert len({SPACE.key(seen.configuration) for seen in found}) == 8
    assert set(origins[1:]) == {"sobol"}


def test_a_failure_is_no_parent(archive) -> None:
    """Where enough succeeded to fill the population, it does not matter what the failures looked like."""
    rng = np.random.default_rng(0)

    def with_failures() -> list[Observation]:
        return [*archive, *(Observation(SPACE.decode(rng.random(4)), None) for _ in range(6))]

    assert {engine().propose(20, with_failures()).configuration["rate"] for _ in range(4)} == {
        engine().propose(20, archive).configuration["rate"]
    }


def test_children_beat_random_draws_where_there_is_something_to_learn() -> None:
    """One objective, the distance from a corner of the cube: NSGA-II closes in, chance does not."""
    space = SearchSpace([Float(f"x{i}", 0.0, 1.0) for i in range(4)])

    def distance(configuration: dict) -> list[float]:
        return [sum(configuration.values())]

    found, _ = searched(engine(space, objectives=1, population=6), 60, observe=distance)
    best = min(seen.objectives[0] for seen in found)
    chance = [np.random.default_rng(seed).random((60, 4)).sum(1).min() for seed in range(200)]
    assert best < np.quantile(chance, 0.1)


def test_known_violations_are_passed_over_while_there_is_another() -> None:
    def too_wide(configuration: dict) -> float:
        return max(0.0, configuration["width"] - 24) / 24

    found, _ = searched(engine(violation=too_wide), 16)
    assert len(found) == 16
    assert all(seen.configuration["width"] <= 24 for seen in found)


def test_where_everything_violates_there_is_still_an_answer() -> None:
    found, _ = searched(engine(SMALL, violation=lambda _: 1.0), 100)
    assert len(found) == 10


def test_a_violated_constraint_loses_against_a_kept_one() -> None:
    """However good its objectives: its children are not what is proposed."""
    wide = [SPACE.canonical({"rate": r, "width": 64, "block": "residual"}) for r in (1e-3, 2e-3, 3e-3, 4e-3)]
    thin = [SPACE.canonical({"rate": r, "width": 8, "block": "depthwise"}) for r in (1e-2, 2e-2, 3e-2, 4e-2)]
    tried = [Observation(c, [-100.0, -100.0], violation=1.0) for c in wide]
    tried += [Observation(c, [0.0, 0.0]) for c in thin]
    widths = [engine().propose(step, tried).configuration["width"] for step in range(8, 28)]
    assert np.mean(widths) < 30


def test_an_archive_of_any_size_will_do() -> None:
    rng = np.random.default_rng(0)
    tried = [Observation(SPACE.decode(rng.random(4)), list(rng.random(2))) for _ in range(70)]
    for size in (1, 31, 32, 33, 65):
        assert engine().propose(100, tried[:size]) is not None
    assert engine().propose(0, []).origin == "default"
    assert engine().propose(50, []).origin == "sobol"


@pytest.mark.parametrize("population", [1, 0, -3])
def test_too_small_a_population_is_refused(population) -> None:
    with pytest.raises(InputError, match=f"population={population} is too small"):
        engine(population=population)


def test_no_objective_is_refused() -> None:
    with pytest.raises(InputError, match="at least one objective"):
        engine(objectives=0)


@pytest.mark.parametrize("space", [SPACE, SMALL, ONE])
@pytest.mark.parametrize("queued", [0, 3])
def test_what_is_upcoming_comes_whatever_becomes_of_the_trials_before(space, queued) -> None:
    """Successes, failures, all of them failures: the first population and the queue do not wait for results."""
    drawn = np.random.default_rng(0).random((queued, len(space)))
    of = engine(space, queue=[space.decode(genome) for genome in drawn], population=6)
    for observe in (objectives, lambda _: None, lambda c: None if c.get("width", 0) % 16 else objectives(c)):
        found, _ = searched(of, 6 + queued, observe=observe)
        for step in range(len(found)):
            upcoming = of.upcoming(step, found[:step], 99)
            assert upcoming == [observation.configuration for observation in found[step:]]
            assert of.upcoming(step, found[:step], 2) == upcoming[:2]
    assert of.upcoming(6 + queued, found, 99) == []  # from there on, results decide


def test_in_a_hurry_the_model_is_left_out(archive) -> None:
    assisted = engine(proposer="assisted")
    assert assisted.propose(16, archive).origin == "model"
    assert assisted.propose(16, archive, hurried=True).origin == "variation"
