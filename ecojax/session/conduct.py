"""A search from its first proposal to the test of its frontier, with the account of its time."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ecojax.budget import Budget, seconds_of
from ecojax.energy import Energy
from ecojax.engine.engine import Engine
from ecojax.errors import EcojaxError, FruitlessError
from ecojax.execute.executor import described
from ecojax.frontier import Study
from ecojax.jax_settings import computing
from ecojax.origins import Origins
from ecojax.session.account import REST, Stopwatch, account
from ecojax.session.aim import Aim
from ecojax.session.contenders import Figures, settle
from ecojax.session.crew import Crew
from ecojax.session.feasibility import infeasible
from ecojax.session.loop import Listener, Loop
from ecojax.session.resume import adopter_of
from ecojax.session.stagnation import Stagnation
from ecojax.session.waiting import told
from ecojax.settings import SearchSettings
from ecojax.space import Configuration
from ecojax.space.priors import prior_map
from ecojax.study import Metric, Status, StudyStore, Trial
from ecojax.study.constraints import violation
from ecojax.study.facts import Facts
from ecojax.tasks.task import Task, metrics_of, quality
from ecojax.trial.rungs import can_stop
from ecojax.trial.worker import Compare, Required, Test, TrainedCandidates
from ecojax.wording import option

LEAD = 4  # candidates that compile while an accelerator trains another
AHEAD = 32  # upcoming configurations that are worth knowing: their shapes may be few


def conduct(
    store: StudyStore,
    settings: SearchSettings,
    crew: Crew,
    *,
    listener: Listener | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Searches until the budget is spent; then measures the frontier side by side, and tests it.

    Where `stop` answers yes, the trials that run are finished, and nothing else is done.
    """
    listener = listener or Listener()
    for note in crew.notes:
        listener.noted(note)
    task, bounds = crew.task, settings.bounds()
    metrics = metrics_of(task)
    aim = Aim(settings.objectives, bounds, metrics)
    listener.aiming(aim)
    names = [
        metric.name
        for metric in task.metrics
        if metric.when == "built" and (metric.name in bounds or metric.name in settings.objectives)
    ]
    before_training = {name: bound for name, bound in bounds.items() if name in names}
    known = known_of(task, names)

    def known_objectives(configuration: Configuration) -> list[float]:
        return aim.weighed(known(configuration))

    engine = Engine(
        task.space,
        objectives=len(settings.objectives),
        population=settings.population,
        seed=settings.seed,
        proposer=settings.proposer,
        violation=(lambda c: violation(known(c), before_training)) if before_training else None,
        known=known_objectives if set(names) & set(settings.objectives) else None,
        queue=settings.enqueue,
        replicate=settings.replicate,
        prior=prior_map(task.space),
        scaled=aim.scaled,
    )
    # figures of two kinds of devices make no objective; metered apart, they are of one whoever trains
    of_a_device = {name for name in (*settings.objectives, *bounds) if metrics[name].when == "metered"}
    alike = bool(of_a_device) and settings.meter_device is None
    kind = crew.facts["device_kind"] if alike else None
    of_energy = any(metrics[name].unit == "J" for name in [*settings.objectives, *bounds])
    one_meter = of_energy and settings.meter_device is None
    provenance = crew.facts["energy_provenance_record"] if one_meter else None
    before = [(trial.id, trial.status) for trial in store.each()]
    with told(crew.turns, listener), _accounted(store, engine, crew) as stopwatch:
        began = time.perf_counter()
        try:
            reason = Loop(
                store,
                engine,
                crew.executor,
                aim,
                Budget.of(settings.evaluations, settings.budget),
                stagnation=None
                if settings.patience is None
                else Stagnation(settings.patience, settings.population, scaled=aim.scaled),
                listener=listener,
                adopt=adopter_of(store, task.space) if "earlier_spaces" in store.progress() else None,
                signature=lambda configuration: task.candidate(configuration).signature,
                parent_of=task.parent if settings.inherit else None,
                early_stop=settings.early_stop and can_stop(settings.objectives, metrics, task.foretold),
                ahead=AHEAD,
                lead=_lead(settings, crew),
                timeout_s=None if settings.trial_timeout is None else seconds_of(settings.trial_timeout),
                required=Required(kind, provenance),
                stop=stop,
                quietly=crew.turns.shared,
                stopwatch=stopwatch,
            ).run()
            if reason is not None:
                store.set("stopped", reason, "progress")
        except FruitlessError as error:
            store.set("stopped", str(error), "progress")
            raise
        finally:
            spent = {
                "search_seconds": time.perf_counter() - began,
                "engine_compile_seconds": engine.compile_seconds,
            }
            for name, seconds in spent.items():  # over all sessions of the study
                store.set(name, store.progress().get(name, 0.0) + seconds, "progress")
        if reason is None:
            return
        unchanged = before and before == [(trial.id, trial.status) for trial in store.each()]
        if unchanged and not _untested(store, _test_figure(crew)):
            listener.noted(
                f"nothing to do: the study has {len(before)} trials, and {reason}; to go on, give more with "
                f"{option('evaluations')}, {option('budget')} or {option('patience')}"
            )
        failures: list[Exception] = []  # of one step, which are no reason to leave the next one out
        with stopwatch.span("measuring the frontier"), _kept(failures):
            _measure_frontier(store, settings, crew, listener)
        with stopwatch.span("testing"), _kept(failures):
            _read_test_set(store, crew, listener)
        if failures:
            raise _unfinished(failures[0], store) from failures[0]


@contextmanager
def _kept(failures: list[Exception]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        failures.append(error)


def _unfinished(failure: Exception, store: StudyStore) -> EcojaxError:
    """A failure after the last trial, with what to do about it: nothing but the last steps is to be done again."""
    remedy = (
        f"every trial is kept: remove the cause, and go on with {option('resume')} {option('out', str(store.folder))}, "
        "which does only what is left"
    )
    if isinstance(failure, EcojaxError):
        return type(failure)(f"{failure}; {remedy}")
    return EcojaxError(f"after the last trial, {described(failure)}; {remedy}")


def known_bounds(settings: SearchSettings, metrics: Mapping[str, Metric]) -> dict[str, dict[str, float]]:
    """The bounds on metrics that need no training."""
    return {name: bound for name, bound in settings.bounds().items() if metrics[name].when == "built"}


def require_feasible(
    settings: SearchSettings, crew: Crew, origins: Origins, listener: Listener | None
) -> None:
    """Raises `InputError` where no configuration can meet the bounds on what is known before training.

    Where that is likely, but not certain, the listener is told.
    """
    bounds = known_bounds(settings, metrics_of(crew.task))
    known = known_of(crew.task, list(bounds))
    warning = infeasible(crew.task.space, known, bounds, shaping=crew.task.shaping, origins=origins)
    if warning is not None:
        (listener or Listener()).noted(f"warning: {warning}")


def _lead(settings: SearchSettings, crew: Crew) -> int:
    """How many candidates are begun before their turn: those of a CPU would compile in the place of its work."""
    if settings.lead is not None:
        return settings.lead
    return 0 if crew.facts["device_kind"].startswith("cpu") else LEAD


def known_of(task: Task, names: Collection[str]) -> Callable[[Configuration], Mapping[str, float]]:
    """The metrics called `names` of a candidate, paid for once a signature; nothing where it cannot be built."""
    found: dict[Any, Mapping[str, float]] = {}

    def known(configuration: Configuration) -> Mapping[str, float]:
        try:
            with computing():
                candidate = task.candidate(configuration)
                if candidate.signature not in found:
                    found[candidate.signature] = candidate.known(names)
            return found[candidate.signature]
        except Exception:  # its trial will tell why
            return {}

    return known


@contextmanager
def _accounted(store: StudyStore, engine: Engine, crew: Crew) -> Iterator[Stopwatch]:
    """A stopwatch for what a session spends between trials; in the end the study's `account` is brought up to date.

    Sessions that were killed count by their trials alone. Of several workers every second counts, and what the driver
    does meanwhile does not.
    """

    def in_trials() -> float:
        return sum(trial.metrics.get("trial_seconds", 0.0) for trial in store.each())

    before, began = in_trials(), time.perf_counter()
    stopwatch = Stopwatch()
    try:
        yield stopwatch
    finally:
        trials, workers = in_trials() - before, max(1, crew.executor.workers)
        wall = time.perf_counter() - began
        if workers > 1:
            stopwatch.seconds = {
                name: workers * seconds
                for name, seconds in stopwatch.seconds.items()
                if name in ("measuring the frontier", "testing")
            }
            idle = workers * wall - trials - sum(stopwatch.seconds.values())
            stopwatch.add("workers without work", max(0.0, idle))
        else:
            # the engine compiles while it proposes
            stopwatch.add("waiting for compilation", engine.compile_seconds)
            stopwatch.add("proposing", -engine.compile_seconds)
            stopwatch.add(REST, max(0.0, wall - trials - sum(stopwatch.seconds.values())))
        for part, seconds in store.progress().get("between_trials", {}).items():
            stopwatch.add(part, seconds)
        store.set("between_trials", stopwatch.seconds, "progress")
        store.set("account", account(store.each(), stopwatch.seconds), "progress")


def _frontier(store: StudyStore) -> list[Trial]:
    facts = Facts.model_validate(store.facts())
    return Study(store.folder, store.settings(), [*store.each(Status.COMPLETE)], facts=facts).frontier()


def _trained(store: StudyStore, trials: Sequence[Trial]) -> TrainedCandidates:
    """Configuration and weights by trial."""
    return {trial.id: (trial.configuration, store.arrays(trial)) for trial in trials}


def _measure_frontier(store: StudyStore, settings: SearchSettings, crew: Crew, listener: Listener) -> None:
    """Where energy decided, it is measured again for those whom it put on the frontier."""
    target = settings.frontier_energy_ci
    metrics = metrics_of(crew.task)
    energies = [name for name in settings.objectives if metrics[name].is_inference_energy]
    if not target or not energies:
        return

    def figures(energy: Energy) -> Figures:
        found = {energies[0]: energy.per_sample_j, f"{energies[0]}_ci95": energy.per_sample_ci95_j}
        return Figures(found, {"energy": energy.to_dict()})

    def compare(members: Sequence[Trial]) -> dict[int, Figures]:
        found = crew.ask(Compare(_trained(store, members), target, Required(crew.facts["device_kind"])))
        return {number: figures(energy) for number, energy in found.items()}

    settle(store, lambda: _frontier(store), compare, listener)


def _test_figure(crew: Crew) -> str:
    """The metric that holds the quality on the test split."""
    return f"test_{quality(crew.task).name}"


def _untested(store: StudyStore, figure: str) -> list[Trial]:
    return [trial for trial in _frontier(store) if figure not in trial.metrics]


def _read_test_set(store: StudyStore, crew: Crew, listener: Listener) -> None:
    """Once, at the end, for the frontier's members: selection never sees these figures."""
    figure = _test_figure(crew)
    untested = _untested(store, figure)
    if not untested:
        return
    listener.testing(len(untested))
    trained = [metric.name for metric in crew.task.metrics if metric.when == "trained"]
    for number, found in crew.ask(Test(_trained(store, untested))).items():
        # a task may have no test split
        store.add_metrics(number, {f"test_{name}": found[name] for name in trained if name in found})
