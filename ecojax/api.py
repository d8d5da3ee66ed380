"""What ecojax does for a Python program, and, through the command line, for everybody: search, open, export, load.

study = ecojax.search(dataset="digits", evaluations=24, out="runs/digits")
study.frontier(), study.best(), study.to_dataframe()
ecojax.export_model("runs/digits", pick="knee", to="model")
model = ecojax.load("model")
"""

import math
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecojax.errors import DataError, InputError, StudyError
from ecojax.frontier import Study
from ecojax.settings import (
    SearchSettings,
    check,
    option_name,
    read_config,
    read_configurations,
    resolve,
    restore,
)
from ecojax.study import StudyStore
from ecojax.study.store import check_vacant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from ecojax.data import ImageDataset, Progress
    from ecojax.energy import Energy, Meter
    from ecojax.export import Model
    from ecojax.search.account import Stopwatch
    from ecojax.search.engine import Engine
    from ecojax.search.loop import Listener
    from ecojax.space import Configuration, SearchSpace
    from ecojax.study import Trial
    from ecojax.trial.evaluator import Evaluator

VERSIONS = ("ecojax", "jax", "jaxlib", "flax", "optax", "evosax", "numpy")
# facts without which the figures of two sessions do not compare
MUST_AGREE = (
    "dataset_version",
    "splits",
    "inputs",
    "device_kind",
    "resolved_precision",
    "energy_provenance",
)
RESUMABLE = {"evaluations", "budget", "patience", "data_dir"}  # what may change when a study goes on
MIGRATABLE = {"families", "space", "pin"}  # and what with migrate


def search(
    dataset: str | None = None,
    *,
    config: str | Path | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    migrate: bool = False,
    listener: "Listener | None" = None,
    on_data: "Callable[[Progress], None] | None" = None,
    meter: "Meter | str | None" = None,
    **options: Any,
) -> Study:
    """Searches for networks that are accurate and cheap to run; returns the study, finished.

    Args:
        dataset: `digits`, or a TFDS image-classification dataset.
        config: a TOML file of settings; by default the one that ecojax brings for the dataset.
        out: the study's folder, new or empty; by default `runs/<dataset>-<number>`.
        resume: go on with the study in `out`; of the options, only evaluations, budget, patience and data_dir may
            change.
        migrate: with resume, go on in another space: that of `config`, or of the options families, space and pin, or
            the one that this version of ecojax has. Trials that lie in it are kept for the search; the others stay in
            the study. Without it, a space that has changed is refused.
        listener: hears of trials as they start and end. on_data: hears of downloads and decoding.
        meter: `auto`, `nvml`, `modeled`, or a `Meter` of your own, which stays open.
        options: any field of `SearchSettings`, such as evaluations, population, epochs, seed. `enqueue` is a list of
            configurations or a file of them.

    Raises:
        InputError, StudyError, DataError, MeterError: what was asked cannot be done, for the reason stated;
            nothing is written then.
    """
    options = {name: value for name, value in {"dataset": dataset, **options}.items() if value is not None}
    if meter is None or isinstance(meter, str):
        options |= {"meter": meter} if meter else {}
        own_meter = None
    else:
        own_meter = meter
    if resume:
        return _resume(out, config, options, own_meter, listener, on_data, migrate=migrate)
    if migrate:
        raise InputError("--migrate goes on with a study in another space; add --resume and --out FOLDER")
    enqueue_source = None
    if "enqueue" in options:
        enqueue_source = "the option enqueue"
        if isinstance(options["enqueue"], str | Path):
            enqueue_source = str(options["enqueue"])
            options["enqueue"] = read_configurations(Path(enqueue_source))
    settings, source = resolve(config, options)
    folder = Path(out) if out is not None else _free_folder(settings.dataset)
    check_vacant(folder)
    with _evaluator(settings, source, own_meter, on_data) as (evaluator, facts):
        queue = _queue(settings, evaluator.task.space, enqueue_source or source, listener)
        settings = settings.model_copy(update={"enqueue": queue})  # a resumed search needs no other study
        record = settings.model_dump(mode="json", exclude_none=True) | facts
        with StudyStore.create(folder, record) as store:
            _run(store, settings, evaluator, listener)
    return Study.open(folder)


def export_model(study: str | Path | Study, *, pick: str = "knee", to: str | Path) -> Path:
    """Writes one model of a study to the new folder `to`: weights, configuration, model card, energy label.

    `pick` is knee, best, cheapest, a trial's id, or a condition such as "accuracy>=0.6".
    Raises `InputError` when the pick matches nothing or `to` is not empty, `StudyError` for an unusable study.
    """
    from ecojax.export import export_trial
    from ecojax.tasks import ImageInputs

    study = study if isinstance(study, Study) else Study.open(study)
    trial = study.pick(pick)
    inputs = ImageInputs.from_record(study.settings["inputs"])
    network = inputs.network(trial.configuration, study.settings["resolved_precision"])
    with StudyStore.open(study.path) as store:
        arrays = store.arrays(trial)
    settings = study.settings | {"study": study.name, "repeats": study.repeats_of(trial)}
    return export_trial(network, trial, arrays, Path(to), settings=settings, class_names=inputs.class_names)


def load(path: str | Path) -> "Model":
    """An exported model, ready to call: `model(images)` gives logits. Raises `InputError` for a damaged folder."""
    from ecojax.export import load

    return load(path)


def _resume(
    out: str | Path | None,
    config: str | Path | None,
    options: Mapping[str, Any],
    meter: "Meter | None",
    listener: "Listener | None",
    on_data: "Callable[[Progress], None] | None",
    *,
    migrate: bool,
) -> Study:
    if out is None:
        raise InputError("--resume needs the study's folder; add --out FOLDER")
    if config is not None:
        if not migrate:
            raise InputError(
                "--resume goes on with the study's own settings; leave --config out, or add --migrate for its space"
            )
        table = read_config(Path(config))
        check(table, source=str(config))
        for name in ("enqueue", "start_from"):  # the study has a queue of its own
            table.pop(name, None)
        options = table | dict(options)
    resumable = RESUMABLE | MIGRATABLE if migrate else RESUMABLE
    for name in ("enqueue", "start_from"):
        if name in options:
            raise InputError(f"--resume goes on with the study's own queue; leave {option_name(name)} out")
    folder = Path(out)
    with StudyStore.open(folder, write=True) as store:
        stored = store.settings()
        known = {name: value for name, value in stored.items() if name in SearchSettings.model_fields}
        for name, value in options.items():
            if name not in resumable and _as_json(name, value) != known.get(name):
                raise InputError(
                    f"{option_name(name)} {value} differs from the study '{folder}' "
                    f"({known.get(name)}); leave it out, or start a new study with another --out"
                )
        changes = {name: value for name, value in options.items() if name in resumable}
        source = f"the study '{folder}'" if config is None else str(config)
        settings = restore(stored, changes, source=source)
        with _evaluator(settings, source, meter, on_data) as (evaluator, facts):
            for name in MUST_AGREE:
                if facts[name] != stored.get(name):
                    raise StudyError(
                        f"the study '{folder}' has {name} = {stored.get(name)}, here it is {facts[name]}: its figures "
                        "would not compare; go on where it was begun, or start a new study"
                    )
            settings = _in_the_space(
                store, settings, evaluator.task.space, migrate=migrate, listener=listener
            )
            for name in changes:
                store.set(name, settings.model_dump(mode="json")[name])
            store.set("versions", facts["versions"])
            _run(store, settings, evaluator, listener)
    return Study.open(folder)


def _in_the_space(
    store: StudyStore,
    settings: SearchSettings,
    space: "SearchSpace",
    *,
    migrate: bool,
    listener: "Listener | None",
) -> SearchSettings:
    """The settings with a queue that lies in `space`, where the study's is another and `migrate` allows it.

    Raises `StudyError` naming a parameter that differs where it does not.
    """
    from ecojax.search.loop import Listener
    from ecojax.search.migration import difference, migrated
    from ecojax.space import SearchSpace

    records = store.settings().get("space_records")
    written = SearchSpace.from_records(records) if records else space
    changed = difference(written, space)
    if changed is None:
        return settings
    folder = store.folder
    if not migrate:
        raise StudyError(
            f"the study '{folder}' searched another space: {changed}; go on with the ecojax and settings that it was "
            f"begun with, add --migrate to keep what lies in the new space, or start a new study with --from {folder}"
        )
    trials = store.trials()
    queue = [migrated(configuration, written, space) for configuration in settings.enqueue]
    settings = settings.model_copy(update={"enqueue": [c for c in queue if c is not None]})
    earlier = store.settings().get("earlier_spaces", [])
    until = max((trial.id for trial in trials), default=-1) + 1
    store.set("earlier_spaces", [*earlier, {"until": until, "space": records}])
    store.set("space_records", space.to_records())
    store.set("enqueue", settings.enqueue)
    kept = [adopted for adopted in map(_adopter(store, space), trials) if adopted is not None]
    (listener or Listener()).noted(
        f"--migrate: {changed}; of {len(trials)} trials {len(kept)} lie in the new space, the others stay in the study "
        "and out of the search"
    )
    return settings


def _adopter(store: StudyStore, space: "SearchSpace") -> "Callable[[Trial], Configuration | None]":
    from ecojax.search.migration import adopter
    from ecojax.space import SearchSpace

    earlier = store.settings().get("earlier_spaces", [])
    return adopter([(of["until"], SearchSpace.from_records(of["space"])) for of in earlier], space)


def _as_json(name: str, value: Any) -> Any:
    """An option as the study stores it."""
    return SearchSettings.model_validate({name: value}).model_dump(mode="json", exclude_none=True).get(name)


def _queue(
    settings: SearchSettings, space: "SearchSpace", source: str, listener: "Listener | None"
) -> "list[Configuration]":
    """What is tried first: the enqueued configurations, then the frontiers of the studies to start from."""
    from ecojax.search.loop import Listener
    from ecojax.search.warm_start import completed, distinct, mapped

    note = (listener or Listener()).noted
    queue = completed(space, settings.enqueue, source=source)
    for folder in settings.start_from:
        members = Study.open(folder).frontier()
        if not members:
            note(f"--from {folder}: the study has no frontier; nothing of it is tried")
        for trial in members:
            try:
                queue.append(mapped(space, trial.configuration))
            except InputError as error:
                note(f"--from {folder}: trial {trial.id} is skipped: {error}")
    return distinct(space, queue)


def _known_beforehand(
    evaluator: "Evaluator", names: "Collection[str]"
) -> "Callable[[Configuration], dict[str, float]]":
    """`Evaluator.known_beforehand`, paid for once a network; nothing for a network that cannot be built."""
    found: dict[Any, dict[str, float]] = {}

    def known(configuration: "Configuration") -> dict[str, float]:
        try:
            network = evaluator.task.network(configuration)
            if network not in found:
                found[network] = evaluator.known_beforehand(configuration, names)
            return found[network]
        except Exception:  # its trial will tell why
            return {}

    return known


def _run(
    store: StudyStore, settings: SearchSettings, evaluator: "Evaluator", listener: "Listener | None"
) -> None:
    from ecojax.search.budget import Budget
    from ecojax.search.constraints import violation
    from ecojax.search.engine import Engine
    from ecojax.search.loop import minimised, run
    from ecojax.search.stagnation import Stagnation
    from ecojax.space.priors import prior_map
    from ecojax.trial.evaluator import AHEAD, KNOWN_BEFOREHAND

    bounds = settings.bounds()
    names = [name for name in KNOWN_BEFOREHAND if name in bounds or name in settings.objectives]
    before_training = {name: bound for name, bound in bounds.items() if name in names}
    known = _known_beforehand(evaluator, names)

    def known_objectives(configuration: "Configuration") -> list[float]:
        metrics = known(configuration)
        return [minimised(name, metrics.get(name, math.nan)) for name in settings.objectives]

    engine = Engine(
        evaluator.task.space,
        objectives=len(settings.objectives),
        population=settings.population,
        seed=settings.seed,
        proposer=settings.proposer,
        violation=(lambda c: violation(known(c), before_training)) if before_training else None,
        known=known_objectives if set(names) & set(settings.objectives) else None,
        queue=settings.enqueue,
        replicate=settings.replicate,
        prior=prior_map(evaluator.task.space),
    )
    with _accounted(store, engine) as stopwatch:
        began = time.perf_counter()
        try:
            reason = run(
                store,
                engine,
                evaluator,
                objectives=settings.objectives,
                constraints=bounds,
                budget=Budget.of(settings.evaluations, settings.budget),
                stagnation=None
                if settings.patience is None
                else Stagnation(settings.patience, settings.population),
                listener=listener,
                adopt=_adopter(store, evaluator.task.space) if "earlier_spaces" in store.settings() else None,
                early_stop=bool(evaluator.rungs),
                ahead=AHEAD,
                stopwatch=stopwatch,
            )
            store.set("stopped", reason)
        finally:
            spent = {
                "search_seconds": time.perf_counter() - began,
                "engine_compile_seconds": engine.compile_seconds,
            }
            for name, seconds in spent.items():  # over all sessions of the study
                store.set(name, store.settings().get(name, 0.0) + seconds)
        with stopwatch.span("measuring the frontier"):
            _measure_frontier(store, settings, evaluator, listener)
        with stopwatch.span("testing"):
            _read_test_set(store, evaluator, listener)


@contextmanager
def _accounted(store: StudyStore, engine: "Engine") -> "Iterator[Stopwatch]":
    """A stopwatch for what a session spends between trials; in the end the study's `account` is brought up to date.

    Sessions that were killed count by their trials alone.
    """
    from ecojax.search.account import REST, Stopwatch, account

    def in_trials() -> float:
        return sum(trial.metrics.get("trial_seconds", 0.0) for trial in store.trials())

    before, began = in_trials(), time.perf_counter()
    stopwatch = Stopwatch()
    try:
        yield stopwatch
    finally:
        trials = in_trials() - before
        # the engine compiles while it proposes
        stopwatch.add("waiting for compilation", engine.compile_seconds)
        stopwatch.add("proposing", -engine.compile_seconds)
        rest = time.perf_counter() - began - trials - sum(stopwatch.seconds.values())
        stopwatch.add(REST, max(0.0, rest))
        for part, seconds in store.settings().get("between_trials", {}).items():
            stopwatch.add(part, seconds)
        store.set("between_trials", stopwatch.seconds)
        store.set("account", account(store.trials(), stopwatch.seconds))


def _frontier(store: StudyStore) -> "list[Trial]":
    return Study(store.folder, store.settings(), store.trials()).frontier()


def _measure_frontier(
    store: StudyStore, settings: SearchSettings, evaluator: "Evaluator", listener: "Listener | None"
) -> None:
    """Where energy decided, it is measured again for those whom it put on the frontier."""
    from ecojax.search.contenders import Figures, settle
    from ecojax.search.loop import Listener

    target = settings.frontier_energy_ci
    if not target or "energy_per_sample_j" not in settings.objectives:
        return

    def figures(energy: "Energy") -> Figures:
        metrics = {"energy_per_sample_j": energy.per_sample_j, "energy_per_sample_j_ci95": energy.ci95_j}
        return Figures(metrics, {"energy": energy.to_dict()})

    def compare(members: "Sequence[Trial]") -> dict[int, Figures]:
        networks = {trial.id: (trial.configuration, store.arrays(trial)) for trial in members}
        found = evaluator.compare(networks, confidence_target=target)
        return {number: figures(energy) for number, energy in found.items()}

    settle(store, lambda: _frontier(store), compare, listener or Listener())


def _read_test_set(store: StudyStore, evaluator: "Evaluator", listener: "Listener | None") -> None:
    """Once, at the end, for the frontier's members: selection never sees these figures."""
    untested = [trial for trial in _frontier(store) if "test_accuracy" not in trial.metrics]
    if not untested:
        return
    if listener is not None:
        listener.testing(len(untested))
    test = evaluator.task.dataset.read_test()
    for trial in untested:
        accuracy = evaluator.test_accuracy(trial.configuration, store.arrays(trial), test)
        store.add_metrics(trial.id, {"test_accuracy": accuracy})


@contextmanager
def _evaluator(
    settings: SearchSettings,
    source: str,
    meter: "Meter | None",
    on_data: "Callable[[Progress], None] | None",
) -> "Iterator[tuple[Evaluator, dict[str, Any]]]":
    """The evaluator of a search, and the facts about data and device that belong in its record."""
    from ecojax import data
    from ecojax.energy import open_meter
    from ecojax.tasks import ImageClassification
    from ecojax.train.compilation import use_persistent_cache
    from ecojax.trial.evaluator import Evaluator
    from ecojax.trial.rungs import can_stop, rungs

    backend = _select_device(settings.device)
    use_persistent_cache()
    precision = settings.precision
    if precision == "auto":
        precision = "float32" if backend == "cpu" else "bfloat16"
    opened = meter or open_meter(settings.meter, watts_per_core=settings.watts_per_core)
    try:
        dataset = data.load(
            settings.dataset,
            data_dir=settings.data_dir,
            train_size=settings.train_size,
            validation_size=settings.validation_size,
            seed=settings.seed,
            on_progress=on_data,
        )
        task = ImageClassification(
            dataset, settings.families, precision, tables=settings.space, pins=settings.pin, source=source
        )
        _require_batches(settings.inference_batch, dataset)
        task.space  # noqa: B018 - refuses an impossible space before anything is written
        evaluator = Evaluator(
            task,
            opened,
            epochs=settings.epochs,
            rungs=rungs(settings.epochs) if settings.early_stop and can_stop(settings.objectives) else (),
            inference_batch=settings.inference_batch,
            energy_ci=settings.energy_ci,
        )
        yield evaluator, _facts(task, precision, opened)
    finally:
        if meter is None:
            opened.close()


def _facts(task: Any, precision: str, meter: "Meter") -> dict[str, Any]:
    import jax

    device = jax.devices()[0]
    return {
        "dataset_title": task.dataset.title,
        "dataset_version": task.dataset.version,
        "dataset_source": task.dataset.source,
        "splits": task.dataset.splits,
        "inputs": task.inputs.to_record(),
        "space_records": task.space.to_records(),
        "resolved_precision": precision,
        "energy_provenance": str(meter.provenance),
        "device_kind": f"{device.platform}: {device.device_kind}",
        "host": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in VERSIONS},
    }


def _version(package: str) -> str:
    from ecojax import __version__

    return __version__ if package == "ecojax" else version(package)


def _select_device(device: str) -> str:
    """Makes JAX compute on `device` and returns its backend. Raises `InputError` when it is not there."""
    import jax

    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    backend = jax.default_backend()
    if device not in ("auto", backend):
        remedy = (
            "install 'ecojax[cuda]' where an NVIDIA driver is"
            if device == "gpu"
            else "run where there is one"
        )
        raise InputError(
            f"--device {device} was asked for, but JAX finds only {backend} here; {remedy}, or drop it"
        )
    return backend


def _require_batches(inference_batch: int, dataset: "ImageDataset") -> None:
    if inference_batch > len(dataset.x_train):
        raise DataError(
            f"--inference-batch {inference_batch} exceeds the {len(dataset.x_train)} training images that energy is "
            "measured on; lower it or raise --train-size"
        )


def _free_folder(dataset: str) -> Path:
    name = dataset.replace("/", "_").replace(":", "_")
    number = 1
    while Path(f"runs/{name}-{number}").exists():
        number += 1
    return Path(f"runs/{name}-{number}")


__all__ = ["Study", "export_model", "load", "search"]
