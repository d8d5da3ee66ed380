"""The compiled half of a model-assisted proposal: fit, condition, and evolve candidates on the model."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

from ecojax.engine import surrogate
from ecojax.engine.activity import Conditions, active_genes
from ecojax.engine.genes import Genes
from ecojax.engine.nsga2 import NSGA2
from ecojax.jax_devices import cpu_device
from ecojax.jax_settings import computing

EDGE = 0.05  # of a gene's range


@dataclass(frozen=True)
class Sizes:
    """What a program is compiled for: spaces that agree in these numbers share it.

    `levels` is the most that a gene has, `chain` the length of the longest chain of conditions, `outputs` the number
    of processes; `kept_every` so many of the `generations`, the inner population joins the candidates.
    """

    genes: int
    levels: int
    chain: int
    objectives: int
    outputs: int
    rows: int
    fit_rows: int
    population: int
    generations: int
    kept_every: int
    pool: int


def compile_inner_search(sizes: Sizes) -> Callable[..., Any]:
    """A program `(seed, *rows, fit_rows, starts, pool, optimism, kinds, conditions) -> (genomes, mean, spread)`.

    The arguments are as `Assistant` makes them. The genomes `[k, genes]` are the pool's, and the inner population's
    at every so many generations, also with its real genes put on their bounds; mean and spread are `[outputs, k]`.

    In double precision, whatever the process is set to: in single, a covariance of some hundred rows needs so much
    noise on its diagonal that the model cannot tell neighbours apart, and explores where it should refine. On the CPU,
    where there is one: accelerators are slow in double precision, or have none, and have other work.
    """
    device = cpu_device()
    with computing(device, x64=True):
        compiled = _program(sizes, device)
    _compiled.add(sizes)

    def run(*arguments: Any) -> Any:
        with computing(device, x64=True):
            return compiled(*arguments)

    return run


_compiled: set[Sizes] = set()


def is_compiled(sizes: Sizes) -> bool:
    """Whether this process has compiled the program of `sizes` before."""
    return sizes in _compiled


@lru_cache(maxsize=64)
def _program(sizes: Sizes, device: Any) -> Callable[..., Any]:
    algorithm = NSGA2(
        population_size=sizes.population, solution=jnp.zeros(sizes.genes), num_objectives=sizes.objectives
    )
    defaults = algorithm.default_params

    def program(
        seed: jax.Array,
        genomes: jax.Array,
        active: jax.Array,
        targets: jax.Array,
        mask: jax.Array,
        pending: jax.Array,
        fit_index: jax.Array,
        starts: jax.Array,
        pool: jax.Array,
        optimism: jax.Array,
        kinds: Genes,
        conditions: Conditions,
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        key, categorical = jax.random.key(seed, impl="threefry2x32"), kinds.categorical
        params = defaults.replace(genes=kinds)
        genomes = kinds.snap(genomes)
        few, few_active = genomes[fit_index], active[fit_index]
        distances = surrogate.gene_distances(few, few_active, few, few_active, categorical)
        theta = surrogate.fit(distances, targets[:, fit_index], mask[:, fit_index])
        posterior = surrogate.condition(theta, genomes, active, categorical, targets, mask)

        def believe(posterior: surrogate.Posterior) -> surrogate.Posterior:
            """Running trials count as if they had ended as predicted."""
            mean, _ = surrogate.predict(posterior, genomes, active, categorical)
            return surrogate.condition(
                theta, genomes, active, categorical, jnp.where(pending, mean, targets), mask | pending
            )

        posterior = jax.lax.cond(pending.any(), believe, lambda unchanged: unchanged, posterior)

        def judge(candidates: jax.Array) -> tuple[jax.Array, jax.Array]:
            snapped = kinds.snap(candidates)
            return surrogate.predict(
                posterior, snapped, active_genes(conditions, sizes.chain, snapped), categorical
            )

        def hopes(candidates: jax.Array) -> tuple[jax.Array, jax.Array]:
            mean, spread = judge(candidates)
            objective = (mean - optimism * spread)[: sizes.objectives].T
            modelled = sizes.outputs > sizes.objectives
            return objective, jnp.maximum(mean[-1], 0.0) if modelled else jnp.zeros(len(candidates))

        def to_edges(candidates: jax.Array) -> jax.Array:
            """Real genes near a bound put on it, which variation approaches and never reaches."""
            edged = jnp.where(candidates < EDGE, 0.0, jnp.where(candidates > 1 - EDGE, 1.0, candidates))
            return jnp.where(kinds.levels > 0, candidates, edged)

        def generation(state: Any, key: jax.Array) -> tuple[Any, jax.Array]:
            ask_key, tell_key = jax.random.split(key)
            children, state = algorithm.ask(ask_key, state, params)
            fitness, violation = hopes(children)
            state, _ = algorithm.tell(tell_key, children, fitness, state, params, violation)
            return state, state.population

        first_key, loop_key = jax.random.split(key)
        fitness, violation = hopes(starts)
        state = algorithm.init(first_key, starts, fitness, params, violation)
        _, populations = jax.lax.scan(generation, state, jax.random.split(loop_key, sizes.generations))
        kept = populations[sizes.kept_every - 1 :: sizes.kept_every].reshape(-1, sizes.genes)
        candidates = jnp.concatenate([pool, kept, to_edges(kept)])
        return (candidates, *judge(candidates))

    def shape(*size: int, dtype: Any = jnp.float64) -> Any:
        return jax.ShapeDtypeStruct(size, dtype)

    genes, rows, outputs = sizes.genes, sizes.rows, sizes.outputs
    return (
        jax.jit(program)
        .lower(
            shape(dtype=jnp.int32),
            shape(rows, genes),
            shape(rows, genes, dtype=bool),
            shape(outputs, rows),
            shape(outputs, rows, dtype=bool),
            shape(rows, dtype=bool),
            shape(sizes.fit_rows, dtype=jnp.int32),
            shape(sizes.population, genes),
            shape(sizes.pool, genes),
            shape(),
            Genes(categorical=shape(genes, dtype=bool), levels=shape(genes, dtype=jnp.int32)),
            Conditions(
                parent=shape(genes, genes, dtype=bool),
                allowed=shape(genes, genes, sizes.levels, dtype=bool),
                levels=shape(genes, dtype=jnp.int32),
            ),
        )
        .compile()
    )
