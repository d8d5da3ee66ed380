"""Proposals depend on seed, step and archive: not on how XLA compiles, nor on what a program has set for itself.

A GPU rounds the last bits of a power or a sum differently than a CPU does. What can be shown without one is that such
bits do not reach integers and categories: the same draws, computed otherwise, land on the same levels.
"""

import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecojax.engine.archive import Observation
from ecojax.engine.engine import Engine
from ecojax.engine.genes import Genes
from ecojax.engine.nsga2 import NSGA2
from ecojax.engine.variation import crossover, mutate
from ecojax.space import Choice, Int, SearchSpace

SPACE = SearchSpace(
    [
        Int("a", 1, 12),
        Int("b", 8, 64, step=8),
        Choice("c", ("x", "y", "z")),
        Choice("d", (1, 2, 4, 8)),
        Int("e", 1, 1000, log=True),
        Choice("f", ("p", "q"), when={"c": ("x", "y")}),
    ]
)
LEVELS, CATEGORICAL = [12, 2, 5, 40, 3, 7, 4, 9], [False, False, False, False, True, True, True, True]
KINDS = Genes.of(LEVELS, CATEGORICAL)


def observed(c: dict) -> list[float]:
    """Sums and logarithms that no two ways of computing round alike."""
    return [c["a"] / 3 + abs(c["b"] - 30) / 7, 5 - c["a"] / 2.7 + (c["c"] == "x") + float(np.log(c["e"]))]


def proposed(seed: int = 0, steps: int = 30) -> list[str]:
    engine = Engine(SPACE, objectives=2, population=6, seed=seed, proposer="nsga2")
    found: list[Observation] = []
    for step in range(steps):
        configuration = engine.propose(step, found).configuration
        found.append(Observation(configuration, observed(configuration)))
    return [json.dumps(dict(seen.configuration)) for seen in found]


@pytest.fixture(scope="module")
def expected() -> list[str]:
    return proposed()


@pytest.mark.parametrize(
    "flags",
    [
        "--xla_cpu_enable_fast_math=true --xla_cpu_fast_math_honor_division=false",
        "--xla_backend_optimization_level=0",
    ],
    ids=["fast math", "unoptimised"],
)
def test_another_compiler_proposes_the_same(flags: str, expected: list[str]) -> None:
    code = "from test_purity import proposed; print('\\n'.join(proposed()))"
    here = os.path.dirname(__file__)
    environment = os.environ | {
        "XLA_FLAGS": flags,
        "PYTHONPATH": os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines() == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("jax_enable_x64", True), ("jax_default_prng_impl", "rbg")],
)
def test_what_a_program_has_set_for_itself_changes_nothing(
    name: str, value: object, expected: list[str]
) -> None:
    from ecojax.engine.variator import _breeder

    before = getattr(jax.config, name)
    _breeder.cache_clear()  # compiled anew under the setting
    jax.config.update(name, value)
    try:
        assert proposed() == expected
        assert getattr(jax.config, name) == value  # nor does a proposal change it back
    finally:
        jax.config.update(name, before)
        _breeder.cache_clear()


def levels_of(X: np.ndarray) -> np.ndarray:
    return np.asarray(KINDS.level(jnp.asarray(X)))


@pytest.mark.parametrize("seed", range(5))
def test_the_same_draws_in_float64_land_on_the_same_levels(seed: int) -> None:
    """4000 children of 8 genes each, by crossover and mutation."""
    parents = np.random.default_rng(seed).random((4000, 8))

    def children(dtype: str) -> np.ndarray:
        X = KINDS.snap(jnp.asarray(parents, dtype))
        assert X.dtype == dtype
        first, second = crossover(jax.random.key(seed), X[:2000], X[2000:], KINDS)
        changed = mutate(jax.random.key(seed + 1), jnp.concatenate([first, second]), KINDS, 0.3)
        return np.asarray(changed, np.float32)

    single = children("float32")
    with jax.enable_x64(True):
        double = children("float64")
    np.testing.assert_array_equal(levels_of(single), levels_of(double))
    assert (
        levels_of(single) != levels_of(parents.astype(np.float32))
    ).mean() > 0.2  # there was something to decide


@pytest.mark.parametrize("m", [2, 3])
def test_survival_and_children_without_jit_are_those_with_it(m: int) -> None:
    """Operation by operation nothing is fused, so that sums and products round otherwise."""
    rng = np.random.default_rng(m)
    X = np.asarray(KINDS.snap(jnp.asarray(rng.random((14, 8)), jnp.float32)))
    F = np.stack([X[:, i] / 3 + X[:, -1 - i] ** 2 for i in range(m)], axis=1).astype(np.float32)
    algorithm = NSGA2(6, jnp.zeros(8), num_objectives=m)
    params = algorithm.default_params.replace(genes=KINDS)

    def bred() -> tuple[np.ndarray, np.ndarray]:
        state = algorithm.init(jax.random.key(0), X, F, params)
        children, _ = algorithm.ask(jax.random.key(1), state, params)
        return levels_of(state.population), levels_of(children)

    compiled = bred()
    with jax.disable_jit():
        plain = bred()
    for one, other in zip(compiled, plain, strict=True):
        np.testing.assert_array_equal(one, other)
