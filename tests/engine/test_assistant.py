"""Model-assisted proposals: the processes against scikit-learn's, improvement against hypervolumes, the whole against
chance."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import binomtest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from ecojax.engine import surrogate
from ecojax.engine.activity import active_genes, conditions_of
from ecojax.engine.archive import Observation
from ecojax.engine.assistant import Assistant, Scale
from ecojax.engine.engine import Engine
from ecojax.engine.hypervolume import hypervolume
from ecojax.engine.improvement import cut, expected_improvement
from ecojax.space import Choice, Float, Int, SearchSpace

GENES = 3
SPACE = SearchSpace([Float(f"x{i}", 0.0, 1.0) for i in range(4)])
CONDITIONAL = SearchSpace(
    [
        Choice("family", ("a", "b", "c")),
        Int("depth", 1, 3, when={"family": ("a", "b")}),
        Choice("kind", ("p", "q"), when={"depth": (2, 3)}),
        Float("rate", 0.1, 0.9, when={"kind": ("q",), "family": ("b",)}),
    ]
)


def zdt1(configuration: dict) -> list[float]:
    x = [configuration[f"x{i}"] for i in range(4)]
    g = 1 + 9 * np.mean(x[1:])
    return [x[0], g * (1 - np.sqrt(x[0] / g))]


def searched(engine: Engine, steps: int, observe=zdt1) -> list[Observation]:
    found: list[Observation] = []
    for step in range(steps):
        proposal = engine.propose(step, found)
        if proposal is None:
            break
        found.append(Observation(proposal.configuration, observe(proposal.configuration)))
    return found


@pytest.fixture
def processes() -> Iterator[tuple]:
    """Two outputs at 20 seen rows and 12 of padding, with hyperparameters that differ by gene and output."""
    rng = np.random.default_rng(0)
    X = rng.random((32, GENES))
    mask = np.arange(32) < 20
    Y = np.stack([np.sin(3 * X[:, 0]) + X[:, 1], np.cos(2 * X[:, 2])])
    with jax.enable_x64(True):
        theta = surrogate.Hyperparameters(
            jnp.log(jnp.array([[0.3, 0.7, 1.5], [1.0, 0.5, 0.4]])),
            jnp.log(jnp.array([1.3, 0.8])),
            jnp.full(2, -4.0),
        )
        yield X, mask, Y, theta


def test_the_posterior_is_scikit_learns(processes) -> None:
    X, mask, Y, theta = processes
    active, categorical = jnp.ones(X.shape, bool), jnp.zeros(GENES, bool)
    posterior = surrogate.condition(theta, X, active, categorical, Y, jnp.stack([mask, mask]))
    Z = np.random.default_rng(1).random((15, GENES))
    mean, spread = surrogate.predict(posterior, Z, jnp.ones(Z.shape, bool), categorical)
    for output in range(2):
        kernel = ConstantKernel(float(jnp.exp(theta.signal[output])), "fixed") * Matern(
            np.exp(theta.length_scale[output]), "fixed", nu=2.5
        )
        noise = float(jnp.exp(theta.noise[output])) + surrogate.LEAST_NOISE
        reference = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None).fit(
            X[mask], Y[output, mask]
        )
        expected, deviation = reference.predict(Z, return_std=True)
        np.testing.assert_allclose(mean[output], expected, atol=1e-6)
        np.testing.assert_allclose(spread[output], deviation, atol=1e-6)


def test_fitting_ends_where_no_search_by_scipy_finds_better(processes) -> None:
    """The log posterior, its likelihood by scikit-learn's measure, against the best of four descents by L-BFGS."""
    X, mask, Y, _ = processes
    active, categorical = jnp.ones(X.shape, bool), jnp.zeros(GENES, bool)
    distances = surrogate.gene_distances(X, active, X, active, categorical)
    standardised = (Y - Y[:, mask].mean(1, keepdims=True)) / Y[:, mask].std(1, keepdims=True)
    theta = jax.jit(surrogate.fit)(distances, standardised, jnp.stack([mask, mask]))
    centre = np.log(0.3 * np.sqrt(GENES))

    def loss(values: np.ndarray, output: int) -> float:
        *scales, signal, noise = values
        kernel = ConstantKernel(np.exp(signal), "fixed") * Matern(np.exp(scales), "fixed", nu=2.5)
        model = GaussianProcessRegressor(kernel, alpha=np.exp(noise) + surrogate.LEAST_NOISE, optimizer=None)
        likelihood = model.fit(X[mask], standardised[output, mask]).log_marginal_likelihood_value_
        away = (np.array(scales) - centre) / surrogate.LENGTH_SCALE_SPREAD
        prior = (away**2).sum() + (signal / surrogate.SIGNAL_SPREAD) ** 2
        return prior / 2 + ((noise - surrogate.NOISE_PRIOR) / surrogate.NOISE_SPREAD) ** 2 / 2 - likelihood

    for output in range(2):
        fitted = np.array([*theta.length_scale[output], theta.signal[output], theta.noise[output]])
        starts = np.random.default_rng(output).normal([centre] * GENES + [0.0, -6.0], 1.0, (4, GENES + 2))
        best = min(minimize(loss, start, args=(output,), method="L-BFGS-B").fun for start in starts)
        assert loss(fitted, output) < best + 0.05
    # the second output depends on the third gene alone, so the others' length scales are longer
    assert theta.length_scale[1].argmin() == 2


def test_categories_and_inactive_genes_differ_by_one_or_nothing() -> None:
    a = jnp.array([[0.1, 0.2, 0.9]])
    b = jnp.array([[0.9, 0.7, 0.9]])
    categorical = jnp.array([True, False, False])
    on, off = jnp.ones((1, 3), bool), jnp.array([[True, False, True]])
    np.testing.assert_allclose(
        surrogate.gene_distances(a, on, b, on, categorical)[0, 0], [1, 0.25, 0], atol=1e-6
    )
    np.testing.assert_allclose(
        surrogate.gene_distances(a, on, b, off, categorical)[0, 0], [1, 1, 0], atol=1e-6
    )
    np.testing.assert_allclose(
        surrogate.gene_distances(a, off, b, off, categorical)[0, 0], [1, 0, 0], atol=1e-6
    )


def test_compiled_conditions_are_the_spaces() -> None:
    conditions, chain = conditions_of(CONDITIONAL)
    genomes = np.random.default_rng(0).random((300, len(CONDITIONAL))).astype(np.float32)
    expected = [[p.name in CONDITIONAL.decode(genome) for p in CONDITIONAL] for genome in genomes]
    np.testing.assert_array_equal(active_genes(conditions, chain, jnp.asarray(genomes)), expected)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(0, 12), st.integers(0, 2**31))
def test_what_is_certain_improves_by_the_difference_of_two_hypervolumes(objectives, size, seed) -> None:
    rng = np.random.default_rng(seed)
    front = rng.integers(0, 6, (max(size, 1), objectives)) / 5  # ties and dominated points too
    points = rng.integers(-1, 7, (9, objectives)) / 5
    reference = np.full(objectives, 0.9)
    expected = [hypervolume(np.vstack([front, p]), reference) - hypervolume(front, reference) for p in points]
    found = expected_improvement(front, points, np.zeros_like(points), reference)
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize(("objectives", "tolerance"), [(1, 0.0), (2, 0.0), (3, 0.0), (4, 0.03), (6, 0.06)])
def test_what_is_uncertain_improves_by_the_mean_of_its_draws(objectives: int, tolerance: float) -> None:
    rng = np.random.default_rng(objectives)
    front, reference = rng.random((8, objectives)), np.full(objectives, 0.9)
    mean, spread = rng.random((5, objectives)), rng.uniform(0.05, 0.4, (5, objectives))
    draws = mean[:, None] + spread[:, None] * rng.standard_normal((5, 1500, objectives))
    before = hypervolume(front, reference)
    gains = np.array([[hypervolume(np.vstack([front, y]), reference) - before for y in row] for row in draws])
    found = expected_improvement(front, mean, spread, reference)
    rare = 3 / gains.shape[1]  # what so many draws may have missed, of up to a tenth each
    error = 4 * gains.std(1) / np.sqrt(gains.shape[1]) + tolerance * gains.mean(1).max() + rare / 10
    assert (np.abs(found - gains.mean(1)) <= error).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 4), st.integers(1, 9), st.integers(0, 2**31))
def test_boxes_are_disjoint_and_fill_what_is_not_dominated(objectives: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    front, reference = rng.integers(0, 6, (size, objectives)) / 5, np.full(objectives, 0.9)
    boxes = cut(front[(front < reference).all(1)], reference)
    points = rng.uniform(-0.5, 1.2, (200, objectives))
    inside = ((points[:, None] > boxes.lower) & (points[:, None] <= boxes.upper)).all(2).sum(1)
    dominated = ((front[None] < points[:, None]) & (front[None] < reference)).all(2).any(1)
    np.testing.assert_array_equal(inside, (points < reference).all(1) & ~dominated)


def test_every_other_proposal_goes_to_an_end_that_can_move() -> None:
    """Two candidates: one is certain to add hypervolume in the middle, one is likely to lower the first objective
    beyond anything seen, at a second that is worse than anything seen."""
    assistant = Assistant(SPACE, objectives=2, seed=0)
    front = np.array([[0.0, 1.0], [1.0, 0.0]])
    mean, spread = np.array([[0.4, 0.4], [-0.5, 3.0]]), np.array([[1e-9, 1e-9], [0.1, 0.1]])
    reference = np.array([1.1, 1.1])
    assert assistant._gain(1, front, mean, spread, reference).argmax() == 0
    assert assistant._gain(2, front, mean, spread, reference).argmax() == 1
    # where no end can be expected to move, the middle has every turn
    settled = np.array([[0.4, 0.4], [0.0, 3.0]])
    assert assistant._gain(2, front, settled, np.full((2, 2), 0.01), reference).argmax() == 0


def test_targets_are_standardised_and_decades_taken_by_their_logarithm() -> None:
    values = np.geomspace(1e-7, 1e-2, 50)
    scale = Scale.of(values, scaled=False)
    assert scale.log
    assert not Scale.of(values, scaled=True).log  # it is told on its scale
    assert np.diff(scale(values)) == pytest.approx(np.diff(scale(values))[0])
    assert not Scale.of(np.linspace(0.01, 1, 50), scaled=False).log
    assert scale(values).mean() == pytest.approx(0, abs=1e-9)
    assert scale(values).std() == pytest.approx(1)
    constant = Scale.of(np.full(10, 3.0), scaled=False)
    assert np.isfinite(constant(np.full(10, 3.0))).all()


def test_a_proposal_by_model_is_a_function_of_its_arguments() -> None:
    found = searched(Engine(SPACE, objectives=2, population=6, seed=0), 20)
    first = Engine(SPACE, objectives=2, population=6, seed=0).propose(20, found)
    assert first.origin == "model"
    assert Engine(SPACE, objectives=2, population=6, seed=0).propose(20, found[::-1]) == first


def test_the_model_beats_variation_alone_and_chance() -> None:
    """ZDT1 in four dimensions, 40 trials: hypervolume to (1.1, 1.1)."""

    def volume(proposer: str) -> float:
        engines = (
            Engine(SPACE, objectives=2, population=8, seed=seed, proposer=proposer) for seed in range(3)
        )
        fronts = [np.array([o.objectives for o in searched(engine, 40)]) for engine in engines]
        return float(np.median([hypervolume(front, [1.1, 1.1]) for front in fronts]))

    assisted = volume("assisted")
    assert assisted > volume("nsga2")
    assert assisted > volume("random") + 0.1


def test_running_trials_spread_a_batch() -> None:
    engine = Engine(SPACE, objectives=2, population=6, seed=0)
    found = searched(engine, 20)
    batch: list[Observation] = []
    for slot in range(6):
        proposal = engine.propose(20 + slot, [*found, *batch])
        batch.append(Observation(proposal.configuration, None, pending=True))
    assert len({SPACE.key(o.configuration) for o in batch}) == 6
    x0 = [o.configuration["x0"] for o in batch]
    assert np.ptp(x0) > 0.1


def test_what_is_known_beforehand_is_not_guessed() -> None:
    """A known objective that lies about everything but one corner draws the proposals there."""

    def known(configuration: dict) -> list[float]:
        return [np.nan, -50.0 if configuration["x3"] > 0.5 else 50.0]

    found = searched(Engine(SPACE, objectives=2, population=6, seed=0), 20)
    plain = Engine(SPACE, objectives=2, population=6, seed=0).propose(20, found)
    told = Engine(SPACE, objectives=2, population=6, seed=0, known=known).propose(20, found)
    assert plain.configuration["x3"] < 0.5 < told.configuration["x3"]


def test_infeasible_regions_are_learnt() -> None:
    """Half the cube fails, and the best of the rest lies at its border, beyond which it looks better still: what the
    model tries stays near, over several seeds, and more surely than draws that know nothing of it."""

    def observe(configuration: dict) -> list[float] | None:
        x0, x1 = configuration["x0"], configuration["x1"]
        return None if x1 > 0.5 else [x0, 1 - x0 - x1]

    def far(configuration: dict) -> bool:
        return configuration["x1"] > 0.6

    by_model: list[bool] = []
    for seed in range(8):
        engine, found = Engine(SPACE, objectives=2, population=8, seed=seed), list[Observation]()
        for step in range(48):
            proposal = engine.propose(step, found)
            if step >= 24 and proposal.origin == "model":
                by_model.append(far(proposal.configuration))
            found.append(Observation(proposal.configuration, observe(proposal.configuration)))
    draws = np.random.default_rng(0).random((2000, len(SPACE)))
    by_chance = float(np.mean([far(SPACE.decode(genome)) for genome in draws]))
    assert len(by_model) == 8 * 21
    assert binomtest(sum(by_model), len(by_model), by_chance, alternative="less").pvalue < 1e-3


def test_replicates_go_to_the_front_and_count_by_their_mean() -> None:
    engine = Engine(SPACE, objectives=2, population=6, seed=0, replicate=5)
    found, origins = [], []
    rng = np.random.default_rng(0)
    for step in range(30):
        proposal = engine.propose(step, found)
        if proposal.origin == "replicate":
            from ecojax.engine.archive import Archive, Encoder

            archive = Archive(Encoder(SPACE), found, 2)
            front = [SPACE.key(archive.configuration(row)) for row in archive.front]
            assert SPACE.key(proposal.configuration) in front
        origins.append(proposal.origin)
        noisy = np.array(zdt1(proposal.configuration)) + rng.normal(0, 0.05, 2)
        found.append(Observation(proposal.configuration, list(noisy)))
    assert origins.count("replicate") == 4  # steps 10, 15, 20 and 25
