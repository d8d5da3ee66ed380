"""How fast: generations a second against pymoo's, ask and tell, compilation, and an assisted proposal.

Opponents take turns in one process, so that another user of the machine slows both; the bars are on the ratios.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.problem import Problem

VARIABLES = 30
# population: (generations a turn, turns)
TURNS = {100: (50, 5), 1000: (5, 5), 10_000: (1, 3)}


def generations_a_second(population: int) -> dict[str, Any]:
    """Generations of ZDT1 a second, in turns: medians, and medians of the ratios to pymoo within a turn."""
    generations, turns = TURNS[population]
    contestants: dict[str, Callable[[int], None]] = {
        "ecojax": _ecojax_compiled(population),
        "ecojax, ask and tell from Python": _ecojax_called(population),
        "pymoo": _pymoo(population, eliminate_duplicates=True),
        "pymoo without duplicate elimination": _pymoo(population, eliminate_duplicates=False),
    }
    for advance in contestants.values():
        advance(generations)  # compilation, the first population
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(turns):
        for name, advance in contestants.items():
            began = time.perf_counter()
            advance(generations)
            speeds[name].append(generations / (time.perf_counter() - began))
    return {
        "population": population,
        "generations_per_s": {name: round(statistics.median(values), 3) for name, values in speeds.items()},
        "ratio": _ratio(speeds["ecojax"], speeds["pymoo"]),
        "ratio_without_elimination": _ratio(speeds["ecojax"], speeds["pymoo without duplicate elimination"]),
    }


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 2)


def _zdt1(X: Any) -> Any:
    import jax.numpy as jnp

    f, g = X[:, 0], 1 + 9 * X[:, 1:].mean(axis=1)
    return jnp.stack([f, g * (1 - jnp.sqrt(f / g))], axis=1)


def _start(population: int) -> tuple[Any, Any, Any]:
    import jax
    import jax.numpy as jnp

    from ecojax.engine.nsga2 import NSGA2

    algorithm = NSGA2(population, jnp.zeros(VARIABLES))
    params = algorithm.default_params
    genomes = jax.random.uniform(jax.random.key(0), (population, VARIABLES))
    return algorithm, params, algorithm.init(jax.random.key(1), genomes, _zdt1(genomes), params)


def _ecojax_compiled(population: int) -> Callable[[int], None]:
    """Whole generations as one program, the objectives with them."""
    import jax

    algorithm, params, state = _start(population)
    holder = [state, jax.random.key(2)]

    @jax.jit
    def evolve(state: Any, keys: jax.Array) -> Any:
        def generation(state: Any, key: jax.Array) -> tuple[Any, None]:
            genomes, state = algorithm.ask(key, state, params)
            return algorithm.tell(jax.random.fold_in(key, 1), genomes, _zdt1(genomes), state, params)[0], None

        return jax.lax.scan(generation, state, keys)[0]

    def advance(generations: int) -> None:
        holder[1], key = jax.random.split(holder[1])
        holder[0] = jax.block_until_ready(evolve(holder[0], jax.random.split(key, generations)))

    return advance


def _ecojax_called(population: int) -> Callable[[int], None]:
    """Every generation asked for and told from Python, the objectives computed by NumPy."""
    import jax

    from benchmarks.engine.closed_forms import zdt1

    algorithm, params, state = _start(population)
    holder = [state, jax.random.key(2)]

    def advance(generations: int) -> None:
        holder[1], *keys = jax.random.split(holder[1], generations + 1)
        for key in keys:
            genomes, state = algorithm.ask(key, holder[0], params)
            F = zdt1(np.asarray(genomes))
            holder[0], _ = algorithm.tell(jax.random.fold_in(key, 1), genomes, F, state, params)
        jax.block_until_ready(holder[0])

    return advance


def _pymoo(population: int, *, eliminate_duplicates: bool) -> Callable[[int], None]:
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.termination import NoTermination
    from pymoo.problems import get_problem

    algorithm = NSGA2(pop_size=population, eliminate_duplicates=eliminate_duplicates)
    algorithm.setup(get_problem("zdt1", n_var=VARIABLES), termination=NoTermination(), seed=0, verbose=False)

    def advance(generations: int) -> None:
        for _ in range(generations):
            algorithm.next()

    return advance


def ask_and_tell_ms(population: int = 20, calls: int = 300) -> dict[str, float]:
    """Warm milliseconds of one ask and one tell, generational and steady-state; the median of so many."""
    import jax
    import jax.numpy as jnp

    from ecojax.engine.nsga2 import NSGA2

    results = {}
    for name, offspring in (("generational", population), ("steady state", 1)):
        algorithm = NSGA2(population, jnp.zeros(VARIABLES), offspring_size=offspring)
        params = algorithm.default_params
        genomes = jax.random.uniform(jax.random.key(0), (population, VARIABLES))
        state = algorithm.init(jax.random.key(1), genomes, _zdt1(genomes), params)
        F = np.random.default_rng(0).random((offspring, 2), np.float32)
        keys = list(jax.random.split(jax.random.key(2), calls + 20))
        times = []
        for key in keys:
            began = time.perf_counter()
            genomes, state = algorithm.ask(key, state, params)
            state, _ = algorithm.tell(key, genomes, F, state, params)
            jax.block_until_ready(state)
            times.append(time.perf_counter() - began)
        results[name] = round(1e3 * statistics.median(times[20:]), 3)
    return results


def assisted_proposal_ms(problem: Problem, at: int = 200, proposals: int = 24) -> dict[str, Any]:
    """Milliseconds of a proposal with `at` trials and more in the archive, by where it came from; medians."""
    from benchmarks.engine.ours import POPULATION
    from ecojax.engine.archive import Observation
    from ecojax.engine.engine import Engine

    first = Engine(problem.space, objectives=2, population=POPULATION, seed=0, proposer="nsga2")
    engine = Engine(problem.space, objectives=2, population=POPULATION, seed=0)
    observations: list[Observation] = []
    times: dict[str, list[float]] = {}
    for step in range(at + proposals):
        began = time.perf_counter()
        proposal = (first if step < at else engine).propose(step, observations)
        assert proposal is not None
        if step >= at:
            times.setdefault(proposal.origin, []).append(1e3 * (time.perf_counter() - began))
        observations.append(
            Observation(proposal.configuration, problem.objectives(proposal.configuration).tolist())
        )
    # the first of a kind compiles
    return {
        origin: {
            "median": round(statistics.median(values[1:] or values), 2),
            "slowest": round(max(values[1:] or values), 2),
            "first": round(values[0], 1),
        }
        for origin, values in times.items()
    }


COMPILING = """
import json, time, sys
sys.path.insert(0, {root!r})
import numpy as np, jax, jax.numpy as jnp
from pathlib import Path
from ecojax.engine.archive import Observation
from ecojax.engine.engine import Engine
from ecojax.engine.nsga2 import NSGA2
from ecojax.space import Float, SearchSpace

def ask_tell():
    began = time.perf_counter()
    algorithm = NSGA2(20, jnp.zeros(9))
    params = algorithm.default_params
    genomes = jnp.full((20, 9), 0.5)
    state = algorithm.init(jax.random.key(0), genomes, jnp.ones((20, 2)), params)
    genomes, state = algorithm.ask(jax.random.key(1), state, params)
    jax.block_until_ready(algorithm.tell(jax.random.key(2), genomes, jnp.ones((20, 2)), state, params))
    return time.perf_counter() - began

space = SearchSpace(Float(f"x{{i}}", 0.0, 1.0) for i in range(9))
rng = np.random.default_rng(0)
seen = [
    Observation(space.decode(u), [float(u[0]), float(u[1:].sum() - u[0])]) for u in rng.random((200, 9))
]

def engine(proposer):
    engine = Engine(space, objectives=2, population=12, seed=0, proposer=proposer)
    seconds = []
    for step in (200, 200):
        began = time.perf_counter()
        engine.propose(step, seen)
        seconds.append(time.perf_counter() - began)
    return seconds[0] - seconds[1]

jnp.zeros(3) + 1  # JAX's own start is not compilation
result = {{}}
for name, measure in (
    ("NSGA2", ask_tell), ("Engine, nsga2", lambda: engine("nsga2")), ("Engine, assisted", lambda: engine("assisted"))
):
    result[name] = {{"first": round(measure(), 2), "again": round(measure(), 3)}}
print(json.dumps(result))
"""


def compile_seconds(root: Path) -> dict[str, dict[str, float]]:
    """Seconds of compilation in a fresh process without a cache on disk: of the first instance, of the second."""
    program = COMPILING.format(root=str(root))
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment
    )
    return json.loads(done.stdout.splitlines()[-1])
