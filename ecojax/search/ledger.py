"""What a running search knows of its trials: who runs, what was spent, and what the next ones are told."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ecojax.search.archive import Observation
from ecojax.search.constraints import violation
from ecojax.search.rivals import rivals
from ecojax.study import METRICS, Status, Trial
from ecojax.trial.metered import Metered
from ecojax.trial.rungs import Rivals

Adopt = Callable[[Trial], Mapping[str, Any] | None]
Signature = Callable[[Mapping[str, Any]], Hashable]


class Ledger:
    """The trials of a study, as they begin and end.

    adopt: what a trial's configuration is in the engine's space, None where it has no place there; where the space
    has changed. signature: what configurations whose inferences are the same program have in common.
    """

    def __init__(
        self,
        objectives: Sequence[str],
        constraints: Mapping[str, Mapping[str, float]],
        *,
        adopt: Adopt | None = None,
        signature: Signature | None = None,
    ):
        self.objectives, self.constraints = objectives, constraints
        self._adopt, self._signature = adopt, signature
        self._trials: dict[int, Trial] = {}
        self._metered: dict[Hashable, Metered] = {}
        self.running: dict[int, Trial] = {}
        self.seconds = self.joules = 0.0

    def __len__(self) -> int:
        """Trials, running and ended."""
        return len(self._trials)

    @property
    def ended(self) -> int:
        return len(self._trials) - len(self.running)

    def complete_trials(self) -> list[Trial]:
        return [trial for trial in self._trials.values() if trial.complete]

    def put(self, trial: Trial) -> None:
        """A trial that has begun, or that has ended."""
        self._trials[trial.id] = trial
        if trial.status is Status.RUNNING:
            self.running[trial.id] = trial
            return
        self.running.pop(trial.id, None)
        self.seconds += trial.metrics.get("trial_seconds", 0.0)
        self.joules += trial.metrics.get("trial_energy_j", 0.0)
        if self._signature is not None and (metered := Metered.of(trial)) is not None:
            self._metered.setdefault(self._signature(trial.configuration), metered)

    def adopted(self, trial: Trial) -> bool:
        """Whether a trial's configuration is in the engine's space as it stands."""
        return self._adopt is None or self._adopt(trial) == dict(trial.configuration)

    def observations(self) -> list[Observation]:
        """Of every trial, by id; running ones are pending."""
        return self._observed(self._trials[id_] for id_ in sorted(self._trials))

    def ended_observations(self) -> list[Observation]:
        """Of those that have ended, by id."""
        return self._observed(self._trials[id_] for id_ in sorted(self._trials) if id_ not in self.running)

    def rivals(self) -> Rivals:
        """What a running trial is held against."""
        return rivals(self._trials.values(), self.objectives, self.constraints)

    def metered(self, configuration: Mapping[str, Any]) -> Metered | None:
        """What is known already of the inference of a configuration."""
        return self._metered.get(self._signature(configuration)) if self._signature else None

    def _observed(self, of: Iterable[Trial]) -> list[Observation]:
        if self._adopt is not None:
            adopted = [(trial, self._adopt(trial)) for trial in of]
            of = [replace(trial, configuration=c) for trial, c in adopted if c is not None]
        return [observe(trial, self.objectives, self.constraints) for trial in of]


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
        return Observation(trial.configuration, None, pending=trial.status is Status.RUNNING)
    values = [minimised(name, metrics[name]) for name in objectives]
    return Observation(trial.configuration, values, violation(metrics, constraints))


def minimised(name: str, value: float) -> float:
    """A metric's value turned so that less is better."""
    return -value if METRICS[name].direction == "maximize" else value
