"""Model-assisted proposals: the processes against scikit-learn's, improvement against hypervolumes, the whole against
chance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from ecojax.search import surrogate
from ecojax.search.activity import active_genes, conditions_of
from ecojax.search.archive import Observation
from ecojax.search.assistant import Scale
from ecojax.search.engine import Engine
from ecojax.search.hypervolume import hypervolume
from ecojax.search.improvement import hypervolume_improvement
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


@pytest.fixture(scope="module")
def processes() -> tuple:
    """Two outputs at 20 seen rows and 12 of padding, with hyperparameters that differ by gene and output."""
    rng = np.random.default_rng(0)
    X = rng.random((32, GENES)).astype(np.float32)
    mask = np.arange(32) < 20
    Y = np.stack([np.sin(3 * X[:, 0]) + X[:, 1], np.cos(2 * X[:, 2])]).astype(np.float32)
    theta = surrogate.Hyperparameters(
        jnp.log(jnp.array([[0.3, 0.7, 1.5], [1.0, 0.5, 0.4]])),
        jnp.log(jnp.array([1.3, 0.8])),
        jnp.full(2, -4.0),
    )
    return X, mask, Y, theta


def test_the_posterior_is_scikit_learns(processes) -> None:
    X, mask, Y, theta = processes
    active, categorical = jnp.ones(X.shape, bool), jnp.zeros(GENES, bool)
    posterior = surrogate.condition(theta, X, active, categorical, Y, jnp.stack([mask, mask]))
    Z = np.random.default_rng(1).random((15, GENES)).astype(np.float32)
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
        np.testing.assert_allclose(mean[output], expected, atol=2e-3)
        np.testing.assert_allclose(spread[output], deviation, atol=2e-3)


def test_fitting_raises_scikit_learns_likelihood(processes) -> None:
    """By another library's measure, the fitted hyperparameters explain the data better than where the fit starts."""
    X, mask, Y, _ = processes
    active, categorical = jnp.ones(X.shape, bool), jnp.zeros(GENES, bool)
    distances = surrogate.gene_distances(X, active, X, active, categorical)
    standardised = (Y - Y[:, mask].mean(1, keepdims=True)) / Y[:, mask].std(1, keepdims=True)
    theta = jax.jit(surrogate.fit)(distances, standardised, jnp.stack([mask, mask]))
    centre = np.log(0.3 * np.sqrt(GENES))

    def likelihood(output: int, scales: np.ndarray, signal: float, noise: float) -> float:
        kernel = ConstantKernel(np.exp(signal), "fixed") * Matern(np.exp(scales), "fixed", nu=2.5)
        model = GaussianProcessRegressor(kernel, alpha=np.exp(noise) + surrogate.LEAST_NOISE, optimizer=None)
        return model.fit(X[mask], standardised[output, mask]).log_marginal_likelihood_value_

    for output in range(2):
        fitted = likelihood(output, theta.length_scale[output], theta.signal[output], theta.noise[output])
        assert fitted > likelihood(output, np.full(GENES, centre), 0.0, surrogate.NOISE_PRIOR) + 1
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
def test_improvement_is_the_difference_of_two_hypervolumes(objectives, size, seed) -> None:
    rng = np.random.default_rng(seed)
    front = rng.integers(0, 6, (max(size, 1), objectives)) / 5  # ties and dominated points too
    points = rng.integers(-1, 7, (9, objectives)) / 5
    reference = np.full(objectives, 0.9)
    expected = [hypervolume(np.vstack([front, p]), reference) - hypervolume(front, reference) for p in points]
    np.testing.assert_allclose(hypervolume_improvement(front, points, reference), expected, atol=1e-12)


def test_targets_are_standardised_and_decades_taken_by_their_logarithm() -> None:
    values = np.geomspace(1e-7, 1e-2, 50)
    scale = Scale.of(values)
    assert scale.log
    assert np.diff(scale(values)) == pytest.approx(np.diff(scale(values))[0])
    assert not Scale.of(np.linspace(0.01, 1, 50)).log
    assert scale(values).mean() == pytest.approx(0, abs=1e-9)
    assert scale(values).std() == pytest.approx(1)
    constant = Scale.of(np.full(10, 3.0))
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
    assert len(by_model) == 8 * 12
    assert binomtest(sum(by_model), len(by_model), by_chance, alternative="less").pvalue < 1e-3


def test_replicates_go_to_the_front_and_count_by_their_mean() -> None:
    engine = Engine(SPACE, objectives=2, population=6, seed=0, replicate=5)
    found, origins = [], []
    rng = np.random.default_rng(0)
    for step in range(30):
        proposal = engine.propose(step, found)
        if proposal.origin == "replicate":
            from ecojax.search.archive import Archive, Encoder

            archive = Archive(Encoder(SPACE), found, 2)
            front = [SPACE.key(archive.configuration(row)) for row in archive.front]
            assert SPACE.key(proposal.configuration) in front
        origins.append(proposal.origin)
        noisy = np.array(zdt1(proposal.configuration)) + rng.normal(0, 0.05, 2)
        found.append(Observation(proposal.configuration, list(noisy)))
    assert origins.count("replicate") == 4  # steps 10, 15, 20 and 25
