"""What a running search keeps of its trials: who runs, what was spent, and what the next ones are told."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any

from ecojax.engine.archive import Observation
from ecojax.engine.digests import Digests, digest
from ecojax.engine.history import History
from ecojax.session.aim import Aim
from ecojax.session.rivals import Standings
from ecojax.session.stagnation import Watch
from ecojax.study import Status, Trial
from ecojax.study.constraints import violation
from ecojax.trial.metered import Metered
from ecojax.trial.rungs import Rivals

Adopt = Callable[[Trial], Mapping[str, Any] | None]
Signature = Callable[[Mapping[str, Any]], Hashable]


class Ledger:
    """The trials of a study, as they begin and end; of those that have ended, no more than the search needs.

    history: empty; what the engine proposes on. watch: tells when going on no longer pays.
    adopt: what a trial's configuration is in the engine's space, None where it has no place there; where the space
    has changed. signature: what configurations whose inferences are the same program have in common.
    """

    def __init__(
        self,
        history: History,
        aim: Aim,
        *,
        watch: Watch | None = None,
        adopt: Adopt | None = None,
        signature: Signature | None = None,
    ):
        self.history, self.watch = history, watch
        self._aim, self._adopt, self._signature = aim, adopt, signature
        self._standings = Standings(aim)
        self._metered = Digests()  # the trial in which a signature was metered
        self.running: dict[int, Trial] = {}
        self.ended = 0
        self.seconds = self.joules = 0.0

    def __len__(self) -> int:
        """Trials, running and ended."""
        return self.ended + len(self.running)

    def put(self, trial: Trial) -> None:
        """A trial that has begun, or that has ended. Each begins in the order of the ids."""
        observation = self._observed(trial)
        self.history.add(trial.id, observation)
        if trial.status is Status.RUNNING:
            self.running[trial.id] = trial
            return
        self.running.pop(trial.id, None)
        self.ended += 1
        self.seconds += trial.metrics.get("trial_seconds", 0.0)
        self.joules += trial.metrics.get("trial_energy_j", 0.0)
        self._standings.add(trial)
        if self.watch is not None and observation is not None:
            self.watch.add(observation)
        if self._signature is not None and Metered.of(trial) is not None:
            self._metered.add(self._signed(trial.configuration), trial.id)

    def adopted(self, trial: Trial) -> bool:
        """Whether a trial's configuration is in the engine's space as it stands."""
        return self._adopt is None or self._adopt(trial) == dict(trial.configuration)

    def rivals(self) -> Rivals:
        """What a running trial is held against."""
        return self._standings.rivals()

    def metered_in(self, configuration: Mapping[str, Any]) -> int | None:
        """The trial that knows the energy of a configuration's inference already."""
        return None if self._signature is None else self._metered.get(self._signed(configuration))

    def _signed(self, configuration: Mapping[str, Any]) -> bytes:
        assert self._signature is not None
        return digest(repr(self._signature(configuration)))

    def _observed(self, trial: Trial) -> Observation | None:
        if self._adopt is not None:
            configuration = self._adopt(trial)
            if configuration is None:
                return None
            trial = replace(trial, configuration=configuration)
        return observe(trial, self._aim)


def observe(trial: Trial, aim: Aim) -> Observation:
    """A trial as the engine sees it: objectives as they are weighed, the violations of all constraints summed.

    One that was stopped early counts with the quality that it was expected to end with: it was no failure.
    """
    metrics, quality = dict(trial.metrics), aim.quality.name
    if trial.status is Status.STOPPED and f"expected_{quality}" in metrics:
        metrics[quality] = metrics[f"expected_{quality}"]
    elif not trial.complete:
        return Observation(trial.configuration, None, pending=trial.status is Status.RUNNING)
    values = aim.weighed(metrics)
    return Observation(trial.configuration, values, violation(metrics, aim.constraints))
