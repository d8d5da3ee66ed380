import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, ks_2samp

from ecojax.engine.genes import Genes
from ecojax.engine.variation import crossover, mutate, tournament
from ecojax.errors import InputError

LEVELS = [0, 0, 1, 2, 5, 3, 7, 1]
CATEGORICAL = [False, False, False, False, False, True, True, True]
MIXED = Genes.of(LEVELS, CATEGORICAL)
N = 4000


def population(seed: int, n: int = N) -> jax.Array:
    return MIXED.snap(jax.random.uniform(jax.random.key(seed), (n, len(LEVELS))))


def test_levels_survive_encoding_and_share_the_unit_interval_evenly() -> None:
    for levels in (1, 2, 3, 7, 10, 33, 1000, 4096):
        genes = Genes.of([levels])
        every = jnp.arange(levels)[:, None]
        np.testing.assert_array_equal(genes.level(genes.encode(every)), every)
        assert genes.level(jnp.array([1.0])) == levels - 1
    u = np.random.default_rng(1).random((N, 1))
    counts = np.bincount(np.asarray(Genes.of([7]).level(jnp.asarray(u)))[:, 0], minlength=7)
    assert chisquare(counts).pvalue > 1e-3


def test_impossible_genes_are_refused() -> None:
    with pytest.raises(InputError, match="-2 levels"):
        Genes.of([3, -2])
    with pytest.raises(InputError, match="gene 1 is categorical"):
        Genes.of([3, 0], [True, True])
    with pytest.raises(InputError, match="shapes"):
        Genes.of([3, 0], [True])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31 - 1), st.floats(0, 1), st.floats(1, 100))
def test_children_stay_in_the_cube_and_on_the_levels(seed: int, probability: float, eta: float) -> None:
    X = population(seed)
    first, second = crossover(jax.random.key(seed), X, X[::-1], MIXED, 1.0, probability, eta)
    for children in (first, second, mutate(jax.random.key(seed), X, MIXED, probability, eta)):
        assert ((children >= 0) & (children <= 1)).all()
        np.testing.assert_array_equal(MIXED.snap(children), children)


def test_crossover_of_categories_only_exchanges() -> None:
    one, other = population(0), population(1)
    first, second = crossover(jax.random.key(2), one, other, MIXED)
    unordered = np.asarray(CATEGORICAL)
    kept = (first == one) & (second == other)
    exchanged = (first == other) & (second == one)
    assert (kept | exchanged)[:, unordered].all()
    assert 0.3 < exchanged[:, 6].mean() < 0.7


def test_crossover_keeps_the_parents_mean_away_from_the_bounds() -> None:
    """Simulated binary crossover is symmetric about its parents; near bounds it has to give way."""
    one, other = jnp.full((N, 3), 0.45), jnp.full((N, 3), 0.55)
    first, second = crossover(jax.random.key(0), one, other, Genes.continuous(3), 1.0, 1.0)
    np.testing.assert_allclose(first + second, 1.0, atol=1e-5)
    assert abs(float(first.mean()) - 0.5) < 3 * 0.06 / np.sqrt(first.size)


def test_crossover_and_mutation_draw_from_pymoos_distributions() -> None:
    from pymoo.operators.crossover.sbx import cross_sbx
    from pymoo.operators.mutation.pm import mut_pm

    rng = np.random.default_rng(3)
    one, other = np.full((N, 1), 0.1), np.full((N, 1), 0.4)
    ours = np.concatenate(
        crossover(jax.random.key(0), jnp.asarray(one), jnp.asarray(other), Genes.continuous(1), 1.0, 1.0)
    )
    ones = np.ones((N, 1))
    theirs = cross_sbx(
        np.stack([one, other]), np.zeros(1), np.ones(1), 15 * ones, ones, 0.5 * ones, random_state=rng
    ).reshape(-1, 1)
    assert ks_2samp(ours[:, 0], theirs[:, 0]).pvalue > 1e-3

    ours = mutate(jax.random.key(1), jnp.asarray(one), Genes.continuous(1), 1.0)
    theirs = mut_pm(
        one, np.zeros(1), np.ones(1), np.full(N, 20.0), np.ones(N), at_least_once=False, random_state=rng
    )
    assert ks_2samp(np.asarray(ours)[:, 0], theirs[:, 0]).pvalue > 1e-3


def test_a_mutated_level_is_another_level() -> None:
    X = population(4)
    before, after = MIXED.level(X), MIXED.level(mutate(jax.random.key(5), X, MIXED, 1.0))
    changed = np.asarray(before != after).mean(axis=0)
    np.testing.assert_array_equal(changed[[3, 4, 5, 6]], 1.0)
    np.testing.assert_array_equal(changed[[2, 7]], 0.0)


def test_mutation_reaches_every_other_category_evenly() -> None:
    genes = Genes.of([7], [True])
    X = jnp.full((N, 1), genes.encode(jnp.array(3))[0])
    counts = np.bincount(np.asarray(genes.level(mutate(jax.random.key(0), X, genes, 1.0)))[:, 0], minlength=7)
    assert counts[3] == 0
    assert chisquare(np.delete(counts, 3)).pvalue > 1e-3


@pytest.mark.parametrize("levels", [2, 5, 12])
def test_decoding_integers_has_no_truncation_bias(levels: int) -> None:
    """Variation treats a level and its mirror image alike; rounding down would drift to the low end."""
    genes = Genes.of([levels] * 4)
    X = genes.snap(jax.random.uniform(jax.random.key(0), (N, 4)))
    for step in range(3):
        key = jax.random.key(step + 1)
        first, second = crossover(key, X[: N // 2], X[N // 2 :], genes)
        X = mutate(jax.random.fold_in(key, 0), jnp.concatenate([first, second]), genes, 0.5)
    counts = np.bincount(np.asarray(genes.level(X)).ravel(), minlength=levels)
    assert chisquare(counts, (counts + counts[::-1]) / 2).pvalue > 1e-3


def test_mutation_rate_and_the_promise_of_at_least_one() -> None:
    genes = Genes.of([5] * 10 + [1] * 5)
    X = genes.snap(jnp.full((N, 15), 0.5))
    rate = np.asarray(mutate(jax.random.key(0), X, genes, 0.1) != X)[:, :10].mean()
    assert rate == pytest.approx(0.1, abs=0.01)
    forced = np.asarray(mutate(jax.random.key(0), X, genes, 0.0, 20.0, True) != X)
    np.testing.assert_array_equal(forced.sum(axis=1), 1)
    assert chisquare(forced.sum(axis=0)[:10]).pvalue > 1e-3
    fixed = Genes.of([1, 1])
    np.testing.assert_array_equal(
        mutate(jax.random.key(0), jnp.full((3, 2), 0.5), fixed, 1.0, 20.0, True), 0.5
    )


def test_tournament_prefers_rank_then_room_then_nobody() -> None:
    def wins(rank: list[int], crowding: list[float]) -> np.ndarray:
        winners = tournament(jax.random.key(0), jnp.array(rank), jnp.array(crowding), N)
        return np.bincount(np.asarray(winners), minlength=2) / N

    np.testing.assert_allclose(wins([0, 1], [0.0, np.inf]), [0.75, 0.25], atol=0.03)
    np.testing.assert_allclose(wins([1, 1], [1.0, np.inf]), [0.25, 0.75], atol=0.03)
    np.testing.assert_allclose(wins([1, 1], [np.inf, np.inf]), [0.5, 0.5], atol=0.03)


def test_one_key_one_outcome() -> None:
    X = population(0, 50)
    for key in (jax.random.key(7), jax.random.key(8)):
        np.testing.assert_array_equal(mutate(key, X, MIXED, 0.5), mutate(key, X, MIXED, 0.5))
    assert not np.array_equal(
        mutate(jax.random.key(7), X, MIXED, 0.5), mutate(jax.random.key(8), X, MIXED, 0.5)
    )
