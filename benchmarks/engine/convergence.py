"""NSGA-II itself, generation after generation, against pymoo's: ZDT1, DTLZ2, WFG and constrained problems.

The problems are pymoo's own code on both sides, called on the host; only the algorithm differs. Both have the same
population, generations, operators and rates (SBX 0.9 with index 15, polynomial mutation 1/n with index 20).
"""

import time
from typing import Any

import numpy as np

from benchmarks.engine.problem import volume

POPULATION = 100
# name: arguments of pymoo's get_problem, generations, reference (1.1 times the front's worst, rounded)
PROBLEMS: dict[str, tuple[dict[str, Any], int, tuple[float, ...]]] = {
    "zdt1": ({"n_var": 30}, 250, (1.1, 1.1)),
    "dtlz2": ({"n_var": 12, "n_obj": 3}, 250, (1.1, 1.1, 1.1)),
    "bnh": ({}, 100, (150.0, 55.0)),  # Binh and Korn
    "osy": ({}, 250, (0.0, 85.0)),
    "c1dtlz1": ({"n_var": 7, "n_obj": 3}, 400, (0.55, 0.55, 0.55)),
    "c2dtlz2": ({"n_var": 12, "n_obj": 3}, 250, (1.1, 1.1, 1.1)),
    "wfg1": ({"n_var": 10, "n_obj": 2}, 250, (2.2, 4.4)),
    "wfg4": ({"n_var": 10, "n_obj": 2}, 250, (2.2, 4.4)),
}
SEEDS_EVERYWHERE = ("zdt1", "dtlz2")  # the bars of these are medians over all seeds


def converge(*, problem: str, method: str, seed: int) -> dict:
    """Final hypervolume of the feasible population."""
    from pymoo.problems import get_problem

    arguments, generations, reference = PROBLEMS[problem]
    began = time.perf_counter()
    run = _ours if method == "ecojax" else _pymoo
    F, feasible = run(get_problem(problem, **arguments), generations, seed)
    return {
        "hypervolume": round(volume(F[feasible], np.array(reference)), 5),
        "feasible": int(feasible.sum()),
        "seconds": round(time.perf_counter() - began, 2),
    }


def _ours(problem: Any, generations: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    import jax
    import jax.numpy as jnp

    from ecojax.engine.nsga2 import NSGA2

    algorithm = NSGA2(POPULATION, jnp.zeros(problem.n_var), num_objectives=problem.n_obj)
    params = algorithm.default_params

    def evaluate(genomes: jax.Array) -> tuple[np.ndarray, np.ndarray]:
        out = problem.evaluate(
            problem.xl + np.asarray(genomes, float) * (problem.xu - problem.xl), return_as_dictionary=True
        )
        violation = np.zeros(len(genomes))
        if problem.n_ieq_constr:
            violation = np.maximum(out["G"], 0).sum(axis=1)
        return np.asarray(out["F"], np.float32), np.asarray(violation, np.float32)

    first, ties, rest = jax.random.split(jax.random.key(seed), 3)
    genomes = jax.random.uniform(first, (POPULATION, problem.n_var))
    F, violation = evaluate(genomes)
    state = algorithm.init(ties, genomes, F, params, violation)
    for key in jax.random.split(rest, generations - 1):  # pymoo counts the first population as a generation
        genomes, state = algorithm.ask(key, state, params)
        F, violation = evaluate(genomes)
        state, _ = algorithm.tell(jax.random.fold_in(key, 1), genomes, F, state, params, violation)
    return np.asarray(state.fitness, float), np.asarray(state.violation) <= 0


def _pymoo(problem: Any, generations: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.optimize import minimize

    final = minimize(problem, NSGA2(pop_size=POPULATION), ("n_gen", generations), seed=seed).pop
    return final.get("F"), final.get("FEAS").reshape(-1).astype(bool)
