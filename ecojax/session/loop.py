"""The loop: propose, hand out, record; until the budget is spent.

Steady state: whoever is free gets the next proposal, made of all that has ended until then; nobody waits for a
generation. Knows nothing of models, datasets or watts, nor of where trials run: an `Executor` puts an `Evaluate` to
one of its workers, which gives an `Outcome`; every side effect is the store's.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ecojax.budget import Budget
from ecojax.engine.engine import Engine
from ecojax.errors import EcojaxError, FruitlessError
from ecojax.execute.executor import End, Ended, Executor, Job
from ecojax.session.account import WAITING, Stopwatch
from ecojax.session.aim import Aim
from ecojax.session.ledger import Adopt, Ledger, Signature
from ecojax.session.stagnation import Stagnation, Watch
from ecojax.study import Status, StudyStore, Trial
from ecojax.tasks.task import Configuration, Parent
from ecojax.trial.metered import Metered
from ecojax.trial.outcome import Outcome
from ecojax.trial.worker import Evaluate, Required, Upcoming

# of a population smaller than that, all may fail by chance; later on, when it is known that not all do, more of them
LEAST_FAILURES, LEAST_FAILURES_LATER = 4, 12
ATTEMPTS = 2  # at a trial that failed for a reason that may be gone by then
MOST_LOSSES = 20  # of one trial with its node, which is none of its attempts
TRANSIENT = frozenset({Status.CRASHED, Status.UNMETERED})
LOOKS_S = 1.0  # between looks for workers that have come up meanwhile

ParentOf = Callable[[Mapping[str, Any], Iterable[Trial]], Trial | None]


class Listener:
    """Hears what happens, and does nothing about it; a progress display or a log overrides what it wants to hear."""

    def aiming(self, aim: Aim) -> None:
        """What the search optimises and within which bounds; before it starts."""

    def told_plan(self, lines: Sequence[str]) -> None:
        """What the search will do, and where each choice came from; before anything is written."""

    def search_started(self, folder: Path, trials: Iterable[Trial], evaluations: int) -> None:
        """`trials` are those that the study holds already, of `evaluations` in all; they can be gone through once."""

    def noted(self, text: str) -> None:
        """Something that a user should know of and that stops nothing. May be called by another thread."""

    def waiting(self, seconds: float, whom: str) -> None:
        """The search has waited so long for other processes, once a second; `whom` is empty when it no longer does.

        Called by another thread.
        """

    def trial_started(self, trial: Trial) -> None: ...

    def trial_ended(self, trial: Trial) -> None: ...

    def measuring(self, members: int) -> None:
        """The search is over; so many members of its frontier are about to be measured side by side."""

    def testing(self, members: int) -> None:
        """The search is over; so many members of its frontier are about to meet the test set."""


@dataclass
class Loop:
    """One session of a search: `Loop(store, engine, executor, aim, budget).run()`.

    adopt: where the study's space has changed, what a trial's configuration is in the engine's; None keeps the trial
        from the engine.
    signature: equal for configurations whose inferences are one program: what was metered of one is given to the
        others, but not to a replicate.
    parent_of: chooses the trial to inherit weights from among the complete ones; a replicate inherits nothing.
    early_stop: whether a trial is given the finished ones as rivals; a replicate is given none, for half a training
        says nothing about the spread of whole ones.
    ahead: with one worker, up to so many trials that are certain to follow are given along.
    lead: with one worker, so many trials are proposed and begun before their turn, without the results of as many
        before them: they are upcoming, too; where the budget of time or energy ends first, they are left running in
        the study, for who resumes it.
    timeout_s: after which a trial is ended. required: of every worker that evaluates.
    stop: asked before each trial. quietly: the driver computes within. stopwatch: told what proposing and storing took.
    """

    store: StudyStore
    engine: Engine
    executor: Executor
    aim: Aim
    budget: Budget
    stagnation: Stagnation | None = None
    listener: Listener = field(default_factory=Listener)
    adopt: Adopt | None = None
    signature: Signature | None = None
    parent_of: ParentOf | None = None
    early_stop: bool = False
    ahead: int = 0
    lead: int = 0
    timeout_s: float | None = None
    required: Required = field(default_factory=Required)
    stop: Callable[[], bool] = lambda: False
    quietly: Callable[[], Any] = nullcontext
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    _cut_off: deque[Trial] = field(default_factory=deque)  # to be run again
    _waiting: deque[Trial] = field(default_factory=deque)  # begun before their turn
    _attempts: Counter[int] = field(default_factory=Counter)
    _losses: Counter[int] = field(default_factory=Counter)
    _failed_in_a_row: int = 0

    def __post_init__(self) -> None:
        watch = None if self.stagnation is None else Watch(self.stagnation)
        self.ledger = Ledger(
            self.engine.history(), self.aim, watch=watch, adopt=self.adopt, signature=self.signature
        )
        self.lead = self.lead if self.executor.workers == 1 else 0

    def run(self) -> str | None:
        """Searches until `budget` is spent or `stagnation` is reached, going on from whatever trials `store` holds.

        Returns why it stopped; None where `stop` answered yes: no trial is begun then, and those that run are waited
        for. A trial that was running when a former process ended is run again, under its id and with its configuration.
        Raises `EcojaxError` when as many trials in a row as the population has places failed.

        With one worker the search is a function of the seed and of what trials gave. Of several that wait, only the
        last gets a proposal by model. A trial whose worker died, or that could not be metered, is tried once more.
        """
        known = self._known()
        self.listener.search_started(self.store.folder, known, self.budget.evaluations)
        for _ in known:  # whoever listens may not have gone through all
            pass
        self._cut_off.extend(self.ledger.running.values())
        while True:
            reason = self._fill()
            if not self._under_way:
                return reason
            ends = self.executor.wait(LOOKS_S)
            # one sync to the disk, however many there are
            with self.store.together() if len(ends) > 1 else nullcontext():
                trials = [self._received(ended) for ended in ends]
            for trial in trials:
                if trial is not None:
                    self.listener.trial_ended(trial)
                    self._require_hope(trial)

    def _known(self) -> Iterator[Trial]:
        """The trials that the study holds, each put into the ledger."""
        for trial in self.store.each():
            self.ledger.put(trial)
            yield trial

    def _fill(self) -> str | None:
        """Gives every free worker a trial; a reason why there is none to give."""
        while True:
            if self.stop():
                return None
            reason = self._over()
            # where nothing is under way, a worker that is being replaced will have it
            if reason is not None or (self._under_way and self.executor.free <= 0):
                return reason
            trial = self._next()
            if isinstance(trial, str):
                return trial
            if not self.ledger.adopted(trial):
                error = "cut off before the space changed, in which its configuration is another or none"
                self.ledger.put(self.store.end(trial.id, Status.FAILED, error=error))
                continue
            self.listener.trial_started(trial)
            self._submit(trial)
            self._look_ahead()

    def _next(self) -> Trial | str:
        for begun in (self._cut_off, self._waiting):
            if begun:
                return begun.popleft()
        return self._proposed()

    def _look_ahead(self) -> None:
        """Begins trials before their turn, while the worker is at work."""
        while (
            len(self._cut_off) + len(self._waiting) < self.lead and len(self.ledger) < self.budget.evaluations
        ):
            trial = self._proposed()
            if isinstance(trial, str):
                break
            self._waiting.append(trial)

    @property
    def _under_way(self) -> int:
        """Trials that were handed out and not received; an executor's own count is ahead of what it has told."""
        return len(self.ledger.running) - len(self._cut_off) - len(self._waiting)

    def _over(self) -> str | None:
        """Why no trial is begun any more, if so."""
        spent = self.budget.spent(
            evaluations=len(self.ledger) - len(self._cut_off) - len(self._waiting),
            seconds=self.ledger.seconds / max(1, self.executor.workers),
            joules=self.ledger.joules,
        )
        if spent is not None:
            return f"the budget of {spent} is spent"
        if self.stagnation is not None and self.ledger.watch is not None and self.ledger.watch.reached():
            return (
                f"the hypervolume has grown by no more than {100 * self.stagnation.tolerance:g} % "
                f"over the last {self.stagnation.patience} trials"
            )
        return None

    def _proposed(self) -> Trial | str:
        """The next trial, begun; or why there is none."""
        step = len(self.ledger)
        hurried = self.executor.workers > 1 and self.executor.free > 1  # another waits
        with ExitStack() as turn:
            with self.stopwatch.span(WAITING):
                turn.enter_context(self.quietly())
            with self.stopwatch.span("proposing"):
                proposal = self.engine.propose(step, self.ledger.history, hurried=hurried)
        if proposal is None:
            return f"all {self.ledger.history.tried} configurations of the space have been tried"
        seed = trial_seed(self.engine.seed, step)
        with self.stopwatch.span("storing"):
            trial = self.store.start(step, proposal.configuration, origin=proposal.origin, seed=seed)
        self.ledger.put(trial)
        return trial

    def _submit(self, trial: Trial) -> None:
        request = Evaluate(trial.configuration, trial.seed, required=self.required)
        if trial.origin != "replicate":
            request = replace(request, **self._known_of(trial.configuration))
        if self.lead or (self.ahead and self.executor.workers == 1):
            begun = [*self._cut_off, *self._waiting]
            with self.stopwatch.span("proposing"):
                following = self._certain(self.ahead - len(begun))
            upcoming = [Upcoming(one.configuration, one.seed) for one in begun] + following
            request = replace(request, upcoming=upcoming)
        self.executor.submit(Job(trial.id, request, self.timeout_s))

    def _known_of(self, configuration: Configuration) -> dict[str, Any]:
        """What earlier trials give to one of `configuration`: fields of its request."""
        given: dict[str, Any] = {}
        if self.early_stop:
            given["rivals"] = self.ledger.rivals()
        if (known := self.ledger.metered_in(configuration)) is not None:
            earlier = self.store.trial(known)
            given["metered"] = None if earlier is None else Metered.of(earlier)
        if self.parent_of is not None:
            parent = self.parent_of(configuration, self.store.each(Status.COMPLETE))
            if parent is not None:
                given["parent"] = Parent(parent.id, parent.configuration, self.store.arrays(parent))
        return given

    def _certain(self, n: int) -> list[Upcoming]:
        """Up to `n` trials that will be begun next, whatever becomes of those under way."""
        step = len(self.ledger)
        n = min(n, self.budget.evaluations - step)
        following = self.engine.upcoming(step, self.ledger.history, n) if n > 0 else []
        return [
            Upcoming(configuration, trial_seed(self.engine.seed, number))
            for number, configuration in enumerate(following, step)
        ]

    def _received(self, ended: Ended) -> Trial | None:
        """The trial, as it ended and is recorded now; None where it is to be tried again."""
        trial = self.ledger.running[ended.job.id]
        if ended.end is End.LOST and self._losses[trial.id] < MOST_LOSSES:
            self._losses[trial.id] += 1
            self.listener.noted(f"trial {trial.id} was lost with its worker and begins again: {ended.error}")
            self._cut_off.append(trial)
            return None
        outcome = outcome_of(ended)
        self._attempts[trial.id] += 1
        attempts = self._attempts[trial.id]
        if outcome.status in TRANSIENT and attempts < ATTEMPTS:
            self.listener.noted(f"trial {trial.id} is tried once more ({outcome.status}: {outcome.error})")
            self._cut_off.append(trial)
            return None
        for note in outcome.notes:
            self.listener.noted(note)
        details = dict(outcome.details)
        if attempts > 1:
            details["attempts"] = attempts
        if self.executor.workers > 1:
            details["worker"] = ended.worker
        with self.stopwatch.span("storing"):
            trial = self.store.end(
                trial.id,
                outcome.status,
                metrics=outcome.metrics,
                provenance=outcome.provenance,
                details=details,
                error=outcome.error,
                arrays=outcome.arrays,
            )
        self.ledger.put(trial)
        del self._attempts[trial.id], self._losses[trial.id]  # a long search has no room for what is over
        return trial

    def _require_hope(self, trial: Trial) -> None:
        alive = trial.complete or trial.status is Status.STOPPED
        self._failed_in_a_row = 0 if alive else self._failed_in_a_row + 1
        never = self._failed_in_a_row == self.ledger.ended
        least = LEAST_FAILURES if never else LEAST_FAILURES_LATER
        if self._failed_in_a_row >= max(self.engine.population, least):
            which = "all" if never else "the last"
            raise (FruitlessError if never else EcojaxError)(
                f"{which} {self._failed_in_a_row} trials failed, so the search stops; the last one "
                f"({trial.status}): {trial.error}"
            )


def outcome_of(ended: Ended) -> Outcome:
    """What an end of a job is as the outcome of a trial. Raises the `EcojaxError` that ended it, if one did."""
    if ended.end is End.RETURNED:
        assert isinstance(ended.value, Outcome)
        return ended.value
    if isinstance(ended.exception, EcojaxError):
        raise ended.exception  # of the worker, not of the trial
    status = {End.CRASHED: Status.CRASHED, End.LOST: Status.CRASHED, End.TIMEOUT: Status.TIMEOUT}
    return Outcome(status.get(ended.end, Status.FAILED), {"trial_seconds": ended.seconds}, error=ended.error)


def trial_seed(seed: int, step: int) -> int:
    """The seed of trial `step`: its weights, data order and augmentation."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0]) >> 1
