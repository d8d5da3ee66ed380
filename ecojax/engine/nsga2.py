"""NSGA-II in evosax's protocol: `init`, `ask`, `tell`, for several objectives, constraints and kinds of genes.

The only module that imports evosax, whose base classes assume a scalar fitness; whatever does is overridden here.

    Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE TEC 6(2), 2002.
    Durillo et al., "On the effect of the steady-state selection scheme in multi-objective GAs", EMO 2009.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms.population_based.base import Params as BaseParams
from evosax.algorithms.population_based.base import PopulationBasedAlgorithm
from evosax.types import Fitness, Metrics, Population, Solution
from evosax.types import State as BaseState
from flax import struct

from ecojax.engine.crowding import crowding_distance
from ecojax.engine.dominance import non_dominated_ranks
from ecojax.engine.genes import Genes
from ecojax.engine.niching import niche_room, reference_directions
from ecojax.engine.variation import crossover, mutate, tournament
from ecojax.errors import InputError

# From here on niches along reference directions replace crowding distance, which on DTLZ2 leaves hypervolume at 0.69
# instead of 0.74 with three objectives and loses the front with six (test_dtlz2_with_many_objectives).
NICHES_FROM = 3


@struct.dataclass
class State(BaseState):
    """The parents, mu of them.

    Attributes:
        population: [mu, d] in [0, 1].
        fitness: [mu, m], objectives, minimised; NaN or infinite where an evaluation failed.
        violation: [mu], total constraint violation, 0 where feasible.
        rank: int32 [mu], front among the parents and the offspring they were chosen from.
        crowding: [mu], crowding distance on that front, before truncation; from three objectives on, `niche_room`.
        generation_counter: int32 [], how often `tell` was called.
    """

    population: jax.Array
    fitness: jax.Array
    violation: jax.Array
    rank: jax.Array
    crowding: jax.Array
    generation_counter: jax.Array


@struct.dataclass
class Params(BaseParams):
    """What varies without a compilation.

    Attributes:
        genes: kinds of the d genes.
        crossover_probability: [], that a pair is crossed.
        exchange_probability: [] or [d], that a gene of a crossed pair takes part.
        crossover_eta: [], distribution index of simulated binary crossover.
        mutation_probability: [] or [d], that a gene mutates.
        mutation_eta: [], distribution index of polynomial mutation.
        always_mutate: bool [], mutate at least one gene of every child.
    """

    genes: Genes
    crossover_probability: jax.Array
    exchange_probability: jax.Array
    crossover_eta: jax.Array
    mutation_probability: jax.Array
    mutation_eta: jax.Array
    always_mutate: jax.Array


def metrics_fn(
    key: jax.Array, population: Population, fitness: Fitness, state: State, params: Params
) -> Metrics:
    """Size of the front, number of feasible parents, and the least of every objective among those, [m]."""
    feasible = (state.violation <= 0) & jnp.isfinite(state.fitness).all(axis=1)
    return {
        "generation_counter": state.generation_counter,
        "front_size": (feasible & (state.rank == 0)).sum(),
        "feasible": feasible.sum(),
        "ideal": jnp.where(feasible[:, None], state.fitness, jnp.inf).min(axis=0),
    }


class NSGA2(PopulationBasedAlgorithm):
    """NSGA-II, generational or steady-state.

        algorithm = NSGA2(population_size=20, solution=jnp.zeros(d), offspring_size=1)
        params = algorithm.default_params.replace(genes=Genes.of(levels, categorical))
        state = algorithm.init(key, population, fitness, params, violation)
        population, state = algorithm.ask(key, state, params)
        state, metrics = algorithm.tell(key, population, fitness, state, params, violation)

    Fitness is [rows, m], minimised. Violation is [rows], 0 where feasible; evosax has no word for it, so it is a last
    and optional argument, and whoever leaves it out has an unconstrained problem. Everything but
    `get_best_solution` works under `jax.jit`, `jax.lax.scan` and `jax.vmap`.

    Two instances of the same sizes are equal, so that the second costs no compilation: `self` is a static argument
    of the jitted methods, and evosax's are hashed by identity.
    """

    def __init__(
        self,
        population_size: int,
        solution: Solution,
        num_objectives: int = 2,
        offspring_size: int | None = None,
        metrics_fn: Callable[..., Metrics] = metrics_fn,
    ) -> None:
        """State the sizes.

        Args:
            population_size: mu, parents kept; at least 2.
            solution: an example of a genome, any pytree of d numbers in all; only its structure matters.
            num_objectives: m.
            offspring_size: lambda, children that `ask` gives; 1 is steady state. By default mu.
            metrics_fn: what `tell` returns beside the state.

        Raises:
            InputError: a size is too small.
        """
        offspring_size = population_size if offspring_size is None else offspring_size
        for name, value, least in (
            ("population_size", population_size, 2),
            ("offspring_size", offspring_size, 1),
            ("num_objectives", num_objectives, 1),
        ):
            if value < least:
                raise InputError(f"{name} must be at least {least}, got {value}")
        super().__init__(population_size, solution, metrics_fn=metrics_fn)
        self.offspring_size = offspring_size
        self.num_objectives = num_objectives
        leaves, structure = jax.tree.flatten(solution)
        shapes = tuple((np.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)
        self._identity = (population_size, offspring_size, num_objectives, metrics_fn, structure, shapes)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._identity == self._identity

    def __hash__(self) -> int:
        return hash((type(self), self._identity))

    @property
    def _default_params(self) -> Params:
        """Real genes and the rates of Deb's paper, with the crossover index that became usual since."""
        return Params(
            genes=Genes.continuous(self.num_dims),
            crossover_probability=jnp.float32(0.9),
            exchange_probability=jnp.float32(0.5),
            crossover_eta=jnp.float32(15.0),
            mutation_probability=jnp.float32(1.0 / self.num_dims),
            mutation_eta=jnp.float32(20.0),
            always_mutate=jnp.bool_(False),
        )

    @partial(jax.jit, static_argnames=("self",))
    def init(
        self,
        key: jax.Array,
        population: Population,
        fitness: Fitness,
        params: Params,
        violation: jax.Array | None = None,
    ) -> State:
        """Choose the first parents from what has been evaluated: a first population, or a whole archive.

        Args:
            key: a PRNG key, for ties.
            population: n genomes, any n of at least 1. Beyond mu the best are kept; short of mu the rest are genomes
                of the same rows marked failed, so that the first children take their places.
            fitness: [n, m].
            params: the parameters.
            violation: [n]; by default all are feasible.

        Raises:
            InputError: the shapes do not fit together.
        """
        evaluated = self._evaluated(population, fitness, violation)
        return self._survive(key, self._init(key, params), *evaluated)

    @partial(jax.jit, static_argnames=("self",))
    def tell(
        self,
        key: jax.Array,
        population: Population,
        fitness: Fitness,
        state: State,
        params: Params,
        violation: jax.Array | None = None,
    ) -> tuple[State, Metrics]:
        """Let parents and offspring compete for the mu places.

        Args:
            key: a PRNG key, for ties.
            population: n evaluated genomes, any n; usually what `ask` gave.
            fitness: [n, m]; NaN or infinite where an evaluation failed.
            state: the parents.
            params: the parameters.
            violation: [n]; by default all are feasible.

        Raises:
            InputError: the shapes do not fit together.
        """
        evaluated = self._evaluated(population, fitness, violation)
        state = self._tell(key, *evaluated[:2], state, params, evaluated[2])
        state = state.replace(generation_counter=state.generation_counter + 1)
        return state, self.metrics_fn(key, evaluated[0], evaluated[1], state, params)

    def get_best_solution(self, state: State) -> Solution:
        """The front: its solutions, stacked along a first axis as long as the front, which may be empty.

        Not for `jit`, since the length is known only from the values.
        """
        best = (state.rank == 0) & (state.violation <= 0) & jnp.isfinite(state.fitness).all(axis=1)
        return jax.vmap(self._unravel_solution)(state.population[np.flatnonzero(best)])

    def _init(self, key: jax.Array, params: Params) -> State:
        mu = self.population_size
        return State(
            population=jnp.zeros((mu, self.num_dims)),
            fitness=jnp.full((mu, self.num_objectives), jnp.nan),
            violation=jnp.full(mu, jnp.inf),
            rank=jnp.zeros(mu, jnp.int32),
            crowding=jnp.zeros(mu),
            generation_counter=jnp.int32(0),
        )

    def _ask(self, key: jax.Array, state: State, params: Params) -> tuple[jax.Array, State]:
        for_parents, for_crossover, for_mutation = jax.random.split(key, 3)
        pairs = -(-self.offspring_size // 2)
        parents = state.population[tournament(for_parents, state.rank, state.crowding, 2 * pairs)]
        children = crossover(
            for_crossover,
            parents[:pairs],
            parents[pairs:],
            params.genes,
            params.crossover_probability,
            params.exchange_probability,
            params.crossover_eta,
        )
        # Of an odd number the last pair's second child is dropped; which is which is a coin's toss in the crossover.
        offspring = jnp.stack(children, axis=1).reshape(2 * pairs, -1)[: self.offspring_size]
        offspring = mutate(
            for_mutation,
            offspring,
            params.genes,
            params.mutation_probability,
            params.mutation_eta,
            params.always_mutate,
        )
        return offspring, state

    def _tell(
        self,
        key: jax.Array,
        population: jax.Array,
        fitness: jax.Array,
        state: State,
        params: Params,
        violation: jax.Array | None = None,
    ) -> State:
        if violation is None:
            violation = jnp.zeros(len(fitness))
        return self._survive(
            key,
            state,
            jnp.concatenate([state.population, population]),
            jnp.concatenate([state.fitness, fitness]),
            jnp.concatenate([state.violation, violation]),
        )

    def _survive(
        self, key: jax.Array, state: State, population: jax.Array, fitness: jax.Array, violation: jax.Array
    ) -> State:
        """The mu best by rank, then by room on the front, then by a random number."""
        mu, n = self.population_size, len(population)
        if n < mu:
            again = jnp.arange(mu) % n
            fresh = jnp.arange(mu) < n
            population, fitness = population[again], jnp.where(fresh[:, None], fitness[again], jnp.nan)
            violation = jnp.where(fresh, violation[again], jnp.inf)
            n = mu
        rank = non_dominated_ranks(fitness, violation)
        crowding = self._room(fitness, rank)
        kept = jnp.lexsort([jax.random.bits(key, (n,)), -crowding, rank])[:mu]
        return state.replace(
            population=population[kept],
            fitness=fitness[kept],
            violation=violation[kept],
            rank=rank[kept],
            crowding=crowding[kept],
        )

    def _room(self, fitness: jax.Array, rank: jax.Array) -> jax.Array:
        """Who stays of a front that does not fit, and who wins a tournament within one: the larger, [n]."""
        if self.num_objectives < NICHES_FROM:
            return crowding_distance(fitness, rank)
        return niche_room(fitness, rank, reference_directions(self.num_objectives, self.population_size))

    def _evaluated(
        self, population: Population, fitness: Fitness, violation: jax.Array | None
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        genomes = jax.vmap(self._ravel_solution)(population)
        n = len(genomes)
        violation = jnp.zeros(n) if violation is None else violation
        if n < 1 or fitness.shape != (n, self.num_objectives) or violation.shape != (n,):
            raise InputError(
                f"{n} genomes need fitness of shape ({n}, {self.num_objectives}) and violation of shape ({n},), got "
                f"{fitness.shape} and {violation.shape}"
            )
        return genomes, fitness, violation
