"""The engine: which configuration to try next, as a pure function of seed, step and archive.

    engine = Engine(space, objectives=2, population=12, seed=0)
    proposal = engine.propose(step, archive)

The default configuration comes first, then a Sobol sequence, then children of the archive's best by NSGA-II. No
configuration is proposed twice: repeats are judged on the canonical form, against the whole archive. Nothing is
remembered between calls, so a search that was killed proposes, on the archive it left, what it would have
proposed.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecojax.errors import InputError
from ecojax.search.sampling import sobol
from ecojax.space import Configuration, SearchSpace

OFFSPRING = 16  # children bred at a time; the first that is new is proposed
BROODS = 8  # of them before the engine falls back on random configurations
RANDOM_DRAWS = 2000
SMALLEST_ARCHIVE = 32  # archives are padded to powers of two, so that few sizes are ever compiled


@dataclass(frozen=True)
class Proposal:
    """A configuration to try, and where it came from: default, sobol, variation or random."""

    configuration: Configuration
    origin: str


@dataclass(frozen=True)
class Observation:
    """What the engine knows of a trial: objectives, all minimised, or None where it failed or still runs.

    `violation` is the sum by which constraints were exceeded, each relative to its bound; 0 where feasible.
    """

    configuration: Mapping[str, Any]
    objectives: Sequence[float] | None
    violation: float = 0.0


class Engine:
    """Proposes configurations of `space` for `objectives` minimised objectives.

    Args:
        population: parents that NSGA-II keeps, and size of the first population; at least 2.
        violation: total violation of the constraints that are known before a trial is paid for. A configuration
            that violates them is passed over while feasible ones are found.

    `compile_seconds` adds up what was spent compiling; nothing else outlasts a call.

    Raises:
        InputError: the population is too small, or fewer than one objective.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        objectives: int,
        population: int,
        seed: int,
        violation: Callable[[Configuration], float] | None = None,
    ):
        if population < 2:
            raise InputError(f"--population {population} is too small: crossing needs at least 2 parents")
        if objectives < 1:
            raise InputError("a search needs at least one objective")
        self.space, self.objectives, self.population, self.seed = space, objectives, population, seed
        self._violation = violation
        self._breeders: dict[int, Callable[..., Any]] = {}
        self.compile_seconds = 0.0

    def propose(self, step: int, archive: Sequence[Observation]) -> Proposal | None:
        """The configuration to try as number `step`, or None when the space holds no other.

        `archive` is every trial so far, failed and running ones included, in any order.
        """
        seen = {self.space.key(observation.configuration) for observation in archive}
        if len(seen) >= self.space.size():
            return None
        fallback: Proposal | None = None  # new, but beyond a constraint
        for proposal in self._candidates(step, archive):
            key = self.space.key(proposal.configuration)
            if key in seen:
                continue
            if self._violation is None or self._violation(proposal.configuration) <= 0:
                return proposal
            fallback = fallback or proposal
            seen.add(key)
        return fallback

    def _candidates(self, step: int, archive: Sequence[Observation]) -> Iterator[Proposal]:
        if step < self.population:
            yield from self._first_population(step)
        elif any(observation.objectives is not None for observation in archive):
            yield from self._children(step, archive)
        yield from self._random(step)

    def _first_population(self, step: int) -> Iterator[Proposal]:
        if step == 0:
            yield Proposal(self.space.default(), "default")
        # past the step's own point come the spare ones, for those whose configuration was tried already
        for genome in sobol(4 * self.population, len(self.space), self.seed)[step:]:
            yield Proposal(self.space.decode(genome), "sobol")

    def _children(self, step: int, archive: Sequence[Observation]) -> Iterator[Proposal]:
        import jax

        key = jax.random.fold_in(jax.random.key(self.seed), step)
        genomes, fitness, violation = self._padded(step, archive)
        breed = self._breeder(len(genomes))
        for brood in range(BROODS):
            for genome in np.asarray(breed(key, np.int32(brood), genomes, fitness, violation)):
                yield Proposal(self.space.decode(genome), "variation")

    def _breeder(self, n: int) -> Callable[..., Any]:
        """The compiled program that chooses parents among `n` rows and breeds `OFFSPRING` children of them."""
        if n in self._breeders:
            return self._breeders[n]
        import jax
        import jax.numpy as jnp

        from ecojax.search.genes import Genes
        from ecojax.search.nsga2 import NSGA2

        began = time.perf_counter()
        genes, objectives = len(self.space), self.objectives
        algorithm = NSGA2(
            population_size=self.population,
            solution=jnp.zeros(genes),
            offspring_size=OFFSPRING,
            num_objectives=objectives,
        )
        params = algorithm.default_params.replace(
            genes=Genes.of(self.space.levels, self.space.categorical), always_mutate=jnp.bool_(True)
        )

        def breed(
            key: jax.Array, brood: jax.Array, genomes: jax.Array, fitness: jax.Array, violation: jax.Array
        ) -> jax.Array:
            state = algorithm.init(key, genomes, fitness, params, violation)
            return algorithm.ask(jax.random.fold_in(key, brood), state, params)[0]

        shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((n, genes), (n, objectives), (n,))]
        self._breeders[n] = jax.jit(breed).lower(jax.random.key(0), np.int32(0), *shapes).compile()
        self.compile_seconds += time.perf_counter() - began
        return self._breeders[n]

    def _random(self, step: int) -> Iterator[Proposal]:
        rng = np.random.default_rng([self.seed, step, 1])
        for _ in range(RANDOM_DRAWS):
            yield Proposal(self.space.decode(rng.random(len(self.space))), "random")

    def _padded(self, step: int, archive: Sequence[Observation]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Genomes `[n, genes]`, objectives `[n, objectives]`, violations `[n]`, whatever the archive's order.

        Rows without objectives, those of failed trials and the filling, hold random genomes: while there are fewer
        successes than places for parents, strangers take the rest, rather than what has failed.
        """
        n = max(SMALLEST_ARCHIVE, 1 << (len(archive) - 1).bit_length())
        genomes = np.random.default_rng([self.seed, step]).random((n, len(self.space)), np.float32)
        fitness = np.full((n, self.objectives), np.nan, np.float32)
        violation = np.full(n, np.inf, np.float32)
        succeeded = [observation for observation in archive if observation.objectives is not None]
        for row, observation in enumerate(sorted(succeeded, key=self._identity)):
            genomes[row] = self.space.encode(observation.configuration)
            fitness[row] = observation.objectives
            violation[row] = observation.violation
        return genomes, fitness, violation

    def _identity(self, observation: Observation) -> tuple[str, tuple[float, ...]]:
        return self.space.key(observation.configuration), tuple(observation.objectives or ())
