"""The loop: propose, evaluate, record; until the budget is spent.

Knows nothing of models, datasets or watts: `evaluate` is any function from a configuration and a seed to an
`Outcome`, and every side effect is the store's.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ecojax.errors import EcojaxError
from ecojax.search.account import Stopwatch
from ecojax.search.archive import Observation
from ecojax.search.budget import Budget
from ecojax.search.constraints import violation
from ecojax.search.engine import Engine
from ecojax.search.rivals import rivals
from ecojax.search.stagnation import Stagnation
from ecojax.study import METRICS, Status, StudyStore, Trial
from ecojax.trial.outcome import Outcome
from ecojax.trial.rungs import Rivals

LEAST_FAILURES = 4  # of a population smaller than that, all may fail by chance

Adopt = Callable[[Trial], Mapping[str, Any] | None]
Evaluate = Callable[
    ..., Outcome
]  # of a configuration and a seed; rivals and upcoming by name, where asked for


class Listener:
    """Hears what happens, and does nothing about it; a progress display or a log overrides what it wants to hear."""

    def search_started(self, folder: Path, trials: Sequence[Trial], evaluations: int) -> None:
        """`trials` are those that the study holds already, of `evaluations` in all."""

    def noted(self, text: str) -> None:
        """Something that a user should know of and that stops nothing."""

    def trial_started(self, trial: Trial) -> None: ...

    def trial_ended(self, trial: Trial) -> None: ...

    def measuring(self, members: int) -> None:
        """The search is over; so many members of its frontier are about to be measured side by side."""

    def testing(self, members: int) -> None:
        """The search is over; so many members of its frontier are about to meet the test set."""


def run(
    store: StudyStore,
    engine: Engine,
    evaluate: Evaluate,
    *,
    objectives: Sequence[str],
    constraints: Mapping[str, Mapping[str, float]],
    budget: Budget,
    stagnation: Stagnation | None = None,
    listener: Listener | None = None,
    adopt: Adopt | None = None,
    early_stop: bool = False,
    ahead: int = 0,
    stopwatch: Stopwatch | None = None,
) -> str:
    """Searches until `budget` is spent or `stagnation` is reached, going on from whatever trials `store` holds.

    Returns why it stopped. A trial that was running when a former process ended is run again, under its id and with
    its configuration. Where the study's space has changed, `adopt` gives what a trial's configuration is in the
    engine's; None keeps the trial from the engine. `stopwatch` is told what proposing and storing took. Raises
    `EcojaxError` when as many trials as the population has places failed, and none has ever succeeded.

    With `early_stop`, `evaluate` is given the finished trials by the name of `rivals`; a replicate is given none, for
    half a training says nothing about the spread of whole ones. With `ahead`, it is given up to so many configurations
    that are certain to follow, as `upcoming`.
    """
    listener, stopwatch = listener or Listener(), stopwatch or Stopwatch()
    trials = {trial.id: trial for trial in store.trials()}

    def observed(of: Iterable[Trial]) -> list[Observation]:
        if adopt is not None:
            adopted = [(trial, adopt(trial)) for trial in of]
            of = [replace(trial, configuration=c) for trial, c in adopted if c is not None]
        return [observe(trial, objectives, constraints) for trial in of]

    listener.search_started(store.folder, list(trials.values()), budget.evaluations)
    while True:
        ended = [trial for trial in trials.values() if trial.status is not Status.RUNNING]
        _stop_if_hopeless(ended, engine.population)
        reason = budget.spent(
            evaluations=len(ended),
            seconds=sum(trial.metrics.get("trial_seconds", 0.0) for trial in ended),
            joules=sum(trial.metrics.get("trial_energy_j", 0.0) for trial in ended),
        )
        if reason is not None:
            return f"the budget of {reason} is spent"
        if stagnation is not None and stagnation.reached(observed(ended)):
            return (
                f"the hypervolume has grown by no more than {100 * stagnation.tolerance:g} % "
                f"over the last {stagnation.patience} trials"
            )
        interrupted = [trial for trial in trials.values() if trial.status is Status.RUNNING]
        if interrupted:
            trial = interrupted[0]
            if adopt is not None and adopt(trial) != dict(trial.configuration):
                error = "cut off before the space changed, in which its configuration is another or none"
                trials[trial.id] = store.end(trial.id, Status.FAILED, error=error)
                continue
        else:
            step = len(trials)
            with stopwatch.span("proposing"):
                archive = observed(trials.values())
                proposal = engine.propose(step, archive)
            if proposal is None:
                return f"all {_configurations(archive)} configurations of the space have been tried"
            seed = trial_seed(engine.seed, step)
            with stopwatch.span("storing"):
                trial = store.start(step, proposal.configuration, origin=proposal.origin, seed=seed)
        listener.trial_started(trial)
        given: dict[str, Any] = {}
        if early_stop:
            alone = trial.origin == "replicate"
            given["rivals"] = Rivals() if alone else rivals(trials.values(), objectives, constraints)
        if ahead:
            left = budget.evaluations - trial.id - 1
            with stopwatch.span("proposing"):
                archive = observed({**trials, trial.id: trial}.values())
                given["upcoming"] = engine.upcoming(trial.id + 1, archive, min(ahead, left))
        outcome = evaluate(trial.configuration, trial.seed, **given)
        with stopwatch.span("storing"):
            trial = store.end(
                trial.id,
                outcome.status,
                metrics=outcome.metrics,
                provenance=outcome.provenance,
                details=outcome.details,
                error=outcome.error,
                arrays=outcome.arrays,
            )
        trials[trial.id] = trial
        listener.trial_ended(trial)


def observe(
    trial: Trial, objectives: Sequence[str], constraints: Mapping[str, Mapping[str, float]]
) -> Observation:
    """A trial as the engine sees it: objectives minimised, the violations of all constraints summed.

    One that was stopped early counts with the accuracy that it was expected to end with: it was no failure.
    """
    metrics = dict(trial.metrics)
    if trial.status is Status.STOPPED and "expected_accuracy" in metrics:
        metrics["accuracy"] = metrics["expected_accuracy"]
    elif not trial.complete:
        return Observation(trial.configuration, None)
    values = [minimised(name, metrics[name]) for name in objectives]
    return Observation(trial.configuration, values, violation(metrics, constraints))


def minimised(name: str, value: float) -> float:
    """A metric's value turned so that less is better."""
    return -value if METRICS[name].direction == "maximize" else value


def trial_seed(seed: int, step: int) -> int:
    """The seed of trial `step`: its weights, data order and augmentation."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0]) >> 1


def _configurations(archive: Iterable[Observation]) -> int:
    return len({json.dumps(dict(seen.configuration), sort_keys=True) for seen in archive})


def _stop_if_hopeless(ended: Sequence[Trial], population: int) -> None:
    if len(ended) >= max(population, LEAST_FAILURES) and not any(trial.complete for trial in ended):
        last = ended[-1]
        raise EcojaxError(
            f"all {len(ended)} trials failed, so the search stops; the last one ({last.status}): {last.error}"
        )
