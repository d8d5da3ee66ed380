"""Faults that other tools had, each as a test of this engine as a whole.

Of the parts, these are tested beside them: distances of every front (test_crowding), extremes that stay and odd sizes
(test_nsga2), points beyond the reference (test_hypervolume), levels of one gene (test_variation), a kill at any trial
of a search (test_loop).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding
from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance
from scipy.stats import chisquare

import ecojax
from ecojax.engine.archive import Observation
from ecojax.engine.ask_tell import AskTell
from ecojax.engine.engine import Engine
from ecojax.engine.hypervolume import hypervolume
from ecojax.engine.nsga2 import NSGA2
from ecojax.session.stagnation import Stagnation
from ecojax.space import Choice, Float, Int, SearchSpace

SPACE = SearchSpace([Float("x", 0.0, 1.0), Int("n", 1, 30), Choice("kind", ("a", "b", "c"))])


def layers(rng: np.random.Generator) -> np.ndarray:
    """[24, 2]: three fronts of eight, one behind the other, without ties."""
    x = np.sort(rng.random((3, 8)), axis=1)
    return np.stack([np.stack([x[i] + i, 1 - x[i] + i], axis=1) for i in range(3)]).reshape(-1, 2)


@pytest.mark.parametrize("mu", [3, 8, 12, 19, 24])
def test_crowding_of_every_front_survives_not_of_the_cut_one_alone(mu: int, rng: np.random.Generator) -> None:
    """EvoX: members of whole fronts had no distance, so that tournaments among the best were tosses of a coin."""
    F = layers(rng)
    expected = np.concatenate([calc_crowding_distance(F[i : i + 8]) for i in (0, 8, 16)])
    order = rng.permutation(24)
    algorithm = NSGA2(mu, jnp.zeros(1))
    state = algorithm.init(
        jax.random.key(0), jnp.asarray(order[:, None] / 24.0), jnp.asarray(F[order]), algorithm.default_params
    )
    rows = np.rint(np.asarray(state.population)[:, 0] * 24).astype(int)
    assert set(np.asarray(state.rank)) == set(range(-(-mu // 8)))
    np.testing.assert_allclose(state.crowding, expected[rows], rtol=1e-4)


@pytest.mark.parametrize("mu", [5, 12, 13, 20])
def test_truncation_keeps_pymoos_survivors_each_with_its_own_figures(
    mu: int, rng: np.random.Generator
) -> None:
    """QDax: at truncation one slot was kept in place of another."""
    F = layers(rng)
    X = np.arange(24.0)[:, None] / 24
    problem = Problem(n_var=1, n_obj=2)
    kept = RankAndCrowding().do(
        problem, Population.new(X=X, F=F), n_survive=mu, random_state=np.random.default_rng(0)
    )
    order = rng.permutation(24)
    algorithm = NSGA2(mu, jnp.zeros(1), offspring_size=4)
    state = algorithm.init(jax.random.key(1), X[order[:20]], F[order[:20]], algorithm.default_params)
    state, _ = algorithm.tell(
        jax.random.key(2), X[order[20:]], F[order[20:]], state, algorithm.default_params
    )
    rows = np.rint(np.asarray(state.population)[:, 0] * 24).astype(int)
    np.testing.assert_allclose(state.fitness, F[rows], rtol=1e-6)
    if mu >= 20:  # nothing was dropped on the way, so one cut decides
        assert set(rows) == set(np.rint(kept.get("X")[:, 0] * 24).astype(int))
    at_once = algorithm.init(jax.random.key(1), X[order], F[order], algorithm.default_params)
    rows = np.rint(np.asarray(at_once.population)[:, 0] * 24).astype(int)
    assert set(rows) == set(np.rint(kept.get("X")[:, 0] * 24).astype(int))


@pytest.mark.parametrize("proposer", ["nsga2", "local"])
@pytest.mark.parametrize("population", [3, 5, 7])
def test_an_odd_population_proposes_as_an_even_one(proposer: str, population: int) -> None:
    """DEAP: an odd number of parents was refused, or lost its last one."""
    engine = Engine(SPACE, objectives=2, population=population, seed=0, proposer=proposer)
    found: list[Observation] = []
    for step in range(14):
        configuration = engine.propose(step, found).configuration
        found.append(Observation(configuration, [configuration["x"], -float(configuration["n"])]))
    assert len({SPACE.key(o.configuration) for o in found}) == 14


@pytest.mark.parametrize("flat", [[0], [1], [0, 1]])
@pytest.mark.parametrize("proposer", ["assisted", "nsga2", "local"])
def test_a_flat_objective_leaves_the_other_to_decide(proposer: str, flat: list[int]) -> None:
    """Optuna, pymoo and DEAP divided by its span, and NaN won or lost every comparison."""
    engine = Engine(SPACE, objectives=2, population=4, seed=0, proposer=proposer)
    found: list[Observation] = []
    for step in range(24):
        proposal = engine.propose(step, found)
        values = [proposal.configuration["x"], -float(proposal.configuration["n"])]
        for i in flat:
            values[i] = 7.0
        found.append(Observation(proposal.configuration, values))
    assert len({SPACE.key(o.configuration) for o in found}) == 24
    first, late = np.array([o.objectives for o in found[:8]]), np.array([o.objectives for o in found[8:]])
    for i in {0, 1} - set(flat):
        assert late[:, i].min() <= first[:, i].min()
        assert np.median(late[:, i]) < np.median(first[:, i])


def test_the_extremes_of_an_archive_are_never_lost_from_its_front() -> None:
    """However large it grows, and with copies of the extremes in other configurations."""
    search = ecojax.ask_tell([Int("n", 0, 499)], ["a", "b"], seed=0)
    rng = np.random.default_rng(0)
    F = rng.integers(0, 12, (300, 2)).astype(float)
    for n, values in enumerate(F):
        search.tell({"n": n}, values)
        told = F[: n + 1]
        front = np.array([list(member.values.values()) for member in search.front()])
        np.testing.assert_array_equal(front.min(0), told.min(0))


def test_points_beyond_the_reference_add_no_volume_anywhere() -> None:
    """EvoX counted them, with the sign of the wrong side."""
    inside = np.array([[0.2, 0.6], [0.5, 0.3]])
    for beyond in ([1.5, 0.0], [0.0, 1.5], [2.0, 2.0], [1.0, 0.0], [-1.0, 1.0]):
        assert hypervolume(np.vstack([inside, beyond]), np.ones(2)) == hypervolume(inside, np.ones(2))
    search = ecojax.ask_tell([Int("n", 0, 9)], ["a", "b"], seed=0)
    for n, values in enumerate(inside):
        search.tell({"n": n}, values)
    before = search.hypervolume([1.0, 1.0])
    search.tell({"n": 5}, [5.0, 0.0])
    assert search.hypervolume([1.0, 1.0]) == before
    # nor does a trial that widens the front far beyond the frozen bounds keep a search going
    steps = [[0.0, 1.0], [1.0, 0.0], [0.4, 0.4], [0.5, 0.5], [90.0, -1e-9]]
    told = [Observation({"n": n}, values) for n, values in enumerate(steps)]
    assert Stagnation(patience=2, population=2).reached(told)


def test_ties_are_broken_by_the_seed_and_not_by_the_order_of_rows() -> None:
    """Vizier's crowding was unseeded; elsewhere the first of equals always won."""
    found = [
        Observation(SPACE.decode(genome), [1.0, 1.0]) for genome in np.random.default_rng(3).random((40, 3))
    ]

    def proposed(seed: int, observations: list[Observation]) -> list:
        engine = Engine(SPACE, objectives=2, population=4, seed=seed, proposer="nsga2")
        return [engine.propose(step, observations).configuration for step in (40, 41, 42)]

    assert proposed(0, found) == proposed(0, found[::-1]) == proposed(0, found)
    assert proposed(0, found) != proposed(1, found)


@pytest.mark.parametrize(
    "parameter",
    [Int("n", 1, 9), Int("n", 8, 64, step=8), Int("n", 0, 1), Choice("n", tuple("abcdefg"))],
    ids=str,
)
def test_uniform_genes_decode_to_uniform_values(parameter) -> None:
    """Truncating or rounding a real number gives the first value or the last a smaller share: chi-square."""
    space = SearchSpace([parameter, Float("x", 0.0, 1.0)])
    genomes = np.random.default_rng(0).random((9000, 2))
    values = [space.decode(genome)["n"] for genome in genomes]
    counts = np.unique(np.array(values), return_counts=True)[1]
    assert len(counts) == space.levels[0]
    assert chisquare(counts).pvalue > 1e-3
    edges = {space.decode(np.array([u, 0.5], np.float32))["n"] for u in (0.0, 1.0, np.float32(1 - 2**-24))}
    assert len(edges) == 2  # the first and the last, and nothing beyond


def test_after_a_kill_the_same_seed_goes_on_and_nothing_runs_for_ever() -> None:
    """Optuna with a seed proposed the first trials again, and left the one that was cut off running."""

    def begun() -> AskTell:
        return ecojax.ask_tell(SPACE, ["a", "b"], seed=4, population=4, proposer="nsga2")

    def told(search: AskTell, trial) -> None:
        search.tell(trial, [trial.configuration["x"], trial.configuration["n"]])

    unbroken = begun()
    whole = []
    for _ in range(16):
        (trial,) = unbroken.ask()
        whole.append(trial)
        told(unbroken, trial)

    search, seen = begun(), []
    for _ in range(8):  # every second time the process dies with a trial under way
        for _ in range(2):
            (trial,) = search.pending or search.ask()
            seen.append(trial)
            told(search, trial)
        text = search.to_json()
        search.ask()  # is lost
        search = AskTell.from_json(text)
    assert seen == whole
    search.ask()
    again = AskTell.from_json(search.to_json())
    assert again.pending == search.pending != []
    assert not {SPACE.key(t.configuration) for t in again.ask(5)} & {SPACE.key(t.configuration) for t in seen}
