"""Children of NSGA-II, bred from an archive: the compiled core, called with padded arrays."""

import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from ecojax.engine.archive import Archive
from ecojax.jax_devices import cpu_device
from ecojax.jax_settings import computing
from ecojax.space import Configuration, SearchSpace

OFFSPRING = 16  # children bred at a time
BROODS = 8
SMALLEST = 32  # archives are padded to powers of two, so that few sizes are ever compiled


def padded_size(n: int, smallest: int = SMALLEST) -> int:
    """The power of two that `n` rows are padded to."""
    return max(smallest, 1 << max(n - 1, 0).bit_length())


class Variator:
    """Breeds children of the best `population` of an archive. Keeps nothing but compiled programs."""

    def __init__(self, space: SearchSpace, *, objectives: int, population: int, seed: int):
        self.space, self.objectives, self.population, self.seed = space, objectives, population, seed
        self.compile_seconds = 0.0

    def children(self, step: int, archive: Archive) -> Iterator[Configuration]:
        """Children, new or not, as many as `BROODS` broods hold."""
        rows = self._padded(step, archive)
        for brood in range(BROODS):
            yield from map(self.space.decode, self._brood(step, brood, rows))

    def _brood(self, step: int, brood: int, rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
        """Genomes `[OFFSPRING, genes]`, bred on the CPU where there is one, whatever the program around has set."""
        import jax

        device = cpu_device()
        with computing(device):
            began = time.perf_counter()
            breed = _breeder(len(rows[0]), len(self.space), self.objectives, self.population, device)
            self.compile_seconds += time.perf_counter() - began
            key = jax.random.fold_in(jax.random.key(self.seed, impl="threefry2x32"), step)
            return np.asarray(breed(key, np.int32(brood), *rows, self.space.levels, self.space.categorical))

    def _padded(self, step: int, archive: Archive) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Genomes `[n, genes]`, objectives `[n, objectives]`, violations `[n]`.

        The filling holds random genomes that look failed: while there are fewer successes than places for parents,
        strangers take the rest, rather than what has failed.
        """
        rows, n = len(archive), padded_size(len(archive))
        genomes = np.random.default_rng([self.seed, step]).random((n, len(self.space)), np.float32)
        fitness = np.full((n, self.objectives), np.nan, np.float32)
        violation = np.full(n, np.inf, np.float32)
        genomes[:rows], fitness[:rows], violation[:rows] = (
            archive.genomes,
            archive.objectives,
            archive.violation,
        )
        return genomes, fitness, violation


@lru_cache(maxsize=64)
def _breeder(n: int, genes: int, objectives: int, population: int, device: Any) -> Callable[..., Any]:
    """The program, compiled for `device`, that chooses parents among `n` rows and breeds `OFFSPRING` children of them.

    The kinds of the genes are arguments, so that it serves every space of that many.
    """
    import jax
    import jax.numpy as jnp

    from ecojax.engine.genes import Genes
    from ecojax.engine.nsga2 import NSGA2

    algorithm = NSGA2(
        population_size=population,
        solution=jnp.zeros(genes),
        offspring_size=OFFSPRING,
        num_objectives=objectives,
    )
    defaults = algorithm.default_params.replace(always_mutate=jnp.bool_(True))

    def breed(
        key: jax.Array,
        brood: jax.Array,
        genomes: jax.Array,
        fitness: jax.Array,
        violation: jax.Array,
        levels: jax.Array,
        categorical: jax.Array,
    ) -> jax.Array:
        params = defaults.replace(genes=Genes(categorical=categorical, levels=levels))
        state = algorithm.init(key, genomes, fitness, params, violation)
        return algorithm.ask(jax.random.fold_in(key, brood), state, params)[0]

    shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((n, genes), (n, objectives), (n,))]
    kinds = [jax.ShapeDtypeStruct((genes,), dtype) for dtype in (jnp.int32, jnp.bool_)]
    return (
        jax.jit(breed).lower(jax.random.key(0, impl="threefry2x32"), np.int32(0), *shapes, *kinds).compile()
    )
