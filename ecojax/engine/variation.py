"""Variation: parents are chosen, crossed and mutated, each gene by its kind. Pure, jitted functions of a key.

Real genes get Deb's bounded operators. Integers and ordered choices get the same ones and land on the centre of a
level. Categories are exchanged and resampled, for between them there is no distance.

All draws are of 32 bits, whatever a program has set: with 64 the same key would draw other numbers.
"""

import jax
import jax.numpy as jnp

from ecojax.engine.genes import Genes


@jax.jit(static_argnames=("count",))
def tournament(key: jax.Array, rank: jax.Array, crowding: jax.Array, count: int) -> jax.Array:
    """Binary tournaments: the lower rank wins, then the larger crowding distance, then the toss of a coin.

    Deb et al., NSGA-II, IEEE TEC 6(2), 2002, section III-B.

    Args:
        key: a PRNG key.
        rank: int [n].
        crowding: [n].
        count: how many to choose.

    Returns:
        int32 [count], rows of the winners. Which of the two was drawn first is the coin.
    """
    one, other = jax.random.randint(key, (2, count), 0, rank.shape[0], jnp.int32)
    wins = (rank[other] < rank[one]) | ((rank[other] == rank[one]) & (crowding[other] > crowding[one]))
    return jnp.where(wins, other, one)


@jax.jit
def crossover(
    key: jax.Array,
    one: jax.Array,
    other: jax.Array,
    genes: Genes,
    probability: jax.Array | float = 0.9,
    exchange: jax.Array | float = 0.5,
    eta: jax.Array | float = 15.0,
) -> tuple[jax.Array, jax.Array]:
    """Two children of each pair: simulated binary crossover of numeric genes, uniform crossover of categorical ones.

    Deb and Agrawal, Complex Systems 9, 1995; bounds as in Deb's NSGA-II code: neither child can leave [0, 1].

    Args:
        key: a PRNG key.
        one: [p, d] in [0, 1], one parent of each of p pairs.
        other: [p, d], the other.
        genes: the kinds of the d genes.
        probability: that a pair is crossed at all, else the children are copies.
        exchange: [] or [d], that a gene of a crossed pair takes part.
        eta: distribution index of numeric genes; the larger, the nearer children stay to parents.

    Returns:
        Two arrays [p, d] in [0, 1].
    """
    pairs, d = one.shape
    per_pair, per_gene = jax.random.split(key)
    taking_part, u, coin = jax.random.uniform(per_gene, (3, pairs, d), jnp.float32)
    crossed = (jax.random.uniform(per_pair, (pairs, 1), jnp.float32) < probability) & (taking_part < exchange)

    low, high = jnp.minimum(one, other), jnp.maximum(one, other)
    distance = high - low
    apart = distance > 1e-7  # closer than this, float32 cannot tell the bounds' share of the distribution

    def reach(room: jax.Array) -> jax.Array:
        alpha = 2 - (1 + 2 * room / jnp.where(apart, distance, 1)) ** -(eta + 1)
        return jnp.where(u * alpha <= 1, u * alpha, 1 / (2 - u * alpha)) ** (1 / (eta + 1))

    below = (low + high - reach(low) * distance) / 2
    above = (low + high + reach(1 - high) * distance) / 2
    swapped = coin < 0.5
    first = genes.snap(jnp.clip(jnp.where(swapped, above, below), 0, 1))
    second = genes.snap(jnp.clip(jnp.where(swapped, below, above), 0, 1))

    numeric = crossed & apart & ~genes.categorical
    exchanged = crossed & genes.categorical
    return (
        jnp.where(numeric, first, jnp.where(exchanged, other, one)),
        jnp.where(numeric, second, jnp.where(exchanged, one, other)),
    )


@jax.jit
def mutate(
    key: jax.Array,
    population: jax.Array,
    genes: Genes,
    probability: jax.Array | float,
    eta: jax.Array | float = 20.0,
    at_least_one: jax.Array | bool = False,
) -> jax.Array:
    """Bounded polynomial mutation of numeric genes, another category for categorical ones.

    Deb and Goyal, "A combined genetic adaptive search (GeneAS)", 1996; bounds as in Deb's NSGA-II code. A gene with
    levels that mutates *changes*: where the step would end in the level it came from, it goes to the next one in
    the step's direction, or back from the edge. A gene of one level never mutates.

    Args:
        key: a PRNG key.
        population: [n, d] in [0, 1].
        genes: the kinds of the d genes.
        probability: [] or [d], that a gene mutates; 1/d is usual.
        eta: distribution index of numeric genes; the larger, the smaller the steps.
        at_least_one: mutate one gene, drawn evenly, of each row in which none would be.

    Returns:
        [n, d] in [0, 1].
    """
    n, d = population.shape
    draw, u = jax.random.uniform(key, (2, n, d), jnp.float32)
    free = genes.levels != 1
    chosen = (draw < probability) & free
    # Where no gene is chosen, each draw is uniform above its own probability; on one scale, the least is fair.
    ticket = jnp.where(free, (draw - probability) / jnp.maximum(1 - jnp.asarray(probability), 1e-9), jnp.inf)
    forced = (jnp.arange(d) == ticket.argmin(axis=1)[:, None]) & free
    chosen |= at_least_one & ~chosen.any(axis=1, keepdims=True) & forced

    down = u < 0.5
    room = jnp.where(down, 1 - population, population) ** (eta + 1)
    tail = jnp.where(down, 2 * u, 2 * (1 - u))
    size = 1 - (tail + (1 - tail) * room) ** (1 / (eta + 1))
    moved = jnp.clip(jnp.where(down, population - size, population + size), 0, 1)

    here, there = genes.level(population), genes.level(moved)
    last = genes.levels - 1
    onward = jnp.where(down, here - 1, here + 1)
    onward = jnp.where((onward < 0) | (onward > last), 2 * here - onward, onward)
    ordered = jnp.where(there == here, onward, there)
    # A shift by 1..levels-1, around the ring of categories, reaches every other one evenly.
    shift = 1 + jnp.minimum((u * last).astype(jnp.int32), last - 1)
    category = (here + shift) % jnp.maximum(genes.levels, 1)

    level = genes.encode(jnp.where(genes.categorical, category, ordered))
    return jnp.where(chosen, jnp.where(genes.levels > 0, level, moved), population)
