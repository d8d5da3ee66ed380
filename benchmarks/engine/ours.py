"""ecojax's engine on a problem: alone, in batches, and under noise."""

import time
from collections import Counter

import numpy as np

from benchmarks.engine.ledger import CHECKPOINTS, Ledger
from benchmarks.engine.problem import Problem
from ecojax.engine.archive import Observation
from ecojax.engine.dominance import is_non_dominated
from ecojax.engine.engine import Engine
from ecojax.settings import SearchSettings

POPULATION = SearchSettings.model_fields["population"].default
METHODS = {
    "assisted": {"proposer": "assisted"},  # the engine's default
    "assisted, known": {"proposer": "assisted", "known": True},
    "nsga2": {"proposer": "nsga2"},
    "local": {"proposer": "local"},
    "random": {"proposer": "random"},
}


def search(
    problem: Problem, *, proposer: str, seed: int, trials: int, known: bool = False, batch: int = 1
) -> dict:
    """Proposes `batch` configurations at a time, the others of the batch pending, then evaluates them all."""
    engine = Engine(
        problem.space,
        objectives=len(problem.reference),
        population=POPULATION,
        seed=seed,
        proposer=proposer,
        known=problem.known if known else None,
    )
    ledger, origins, exhausted = Ledger(problem, trials), Counter(), False
    done: list[Observation] = []
    while not ledger.full and not exhausted:
        pending: list[Observation] = []
        for slot in range(min(batch, trials - len(done))):
            proposal = engine.propose(len(done) + slot, done + pending)
            if proposal is None:
                exhausted = True
                break
            origins[proposal.origin] += 1
            pending.append(Observation(proposal.configuration, None, pending=True))
        done += [Observation(o.configuration, ledger(dict(o.configuration))) for o in pending]
    return ledger.record() | {"origins": dict(origins)}


def noisy_search(problem: Problem, *, proposer: str, seed: int, trials: int, replicate: int) -> dict:
    """Every trial is one training drawn at random; the front is named by the mean of what was seen.

    Returns the hypervolume ratio, free of noise, of the front named at each checkpoint, the number of replicates,
    and how many of those were spent on a configuration that was not on the front when it was chosen.
    """
    engine = Engine(
        problem.space,
        objectives=len(problem.reference),
        population=POPULATION,
        seed=seed,
        proposer=proposer,
        replicate=replicate,
    )
    began = time.perf_counter()
    observations: list[Observation] = []
    seen: dict[str, list[np.ndarray]] = {}
    configurations: dict[str, dict] = {}
    named: dict[str, dict[str, float]] = {"ratio": {}, "strict": {}}
    replicates = off_front = 0
    for step in range(trials):
        proposal = engine.propose(step, observations)
        if proposal is None:
            break
        key = problem.space.key(proposal.configuration)
        if key in seen:
            replicates += 1
            off_front += key not in front(seen)
        configurations[key] = proposal.configuration
        values = problem.noisy(proposal.configuration, np.random.default_rng([seed, step]))
        seen.setdefault(key, []).append(values)
        observations.append(Observation(proposal.configuration, values.tolist()))
        if step + 1 in CHECKPOINTS:
            true = np.array([problem.objectives(configurations[key]) for key in front(seen)])
            named["ratio"][str(step + 1)] = round(problem.ratio(true), 4)
            named["strict"][str(step + 1)] = round(problem.strict_ratio(true), 4)
    return {
        "named": named,
        "replicates": replicates,
        "replicates_off_front": off_front,
        "seconds": round(time.perf_counter() - began, 2),
    }


def front(seen: dict[str, list[np.ndarray]]) -> list[str]:
    """The configurations whose means nothing dominates."""
    means = np.array([np.mean(values, axis=0) for values in seen.values()])
    return [key for key, member in zip(seen, is_non_dominated(means), strict=True) if member]
