"""What ecojax does for a Python program, and, through the command line, for everybody: search, open, export, load.

study = ecojax.search(dataset="digits", evaluations=24, out="runs/digits")
study.frontier(), study.best(), study.to_dataframe()
ecojax.export_model("runs/digits", pick="knee", to="model")
model = ecojax.load("model")
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Never

from ecojax.errors import InputError, StudyError
from ecojax.frontier import Study
from ecojax.frontier.stated import check
from ecojax.settings import SearchSettings, read_configurations, resolve
from ecojax.space.space import tables_of
from ecojax.study import StudyStore
from ecojax.study.facts import Facts
from ecojax.study.store import check_vacant, check_writable
from ecojax.wording import option

if TYPE_CHECKING:
    from ecojax.data import Progress
    from ecojax.energy import Meter
    from ecojax.export import Model
    from ecojax.session.loop import Listener
    from ecojax.space import Parameter, SearchSpace
    from ecojax.tasks.function.task import FunctionGiven
    from ecojax.tasks.own.given import OwnGiven
    from ecojax.tasks.task import Task


def search(
    dataset: str | None = None,
    *,
    config: str | Path | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    migrate: bool = False,
    dry_run: bool = False,
    listener: "Listener | None" = None,
    on_data: "Callable[[Progress], None] | None" = None,
    meter: "Meter | str | None" = None,
    stop: Callable[[], bool] = lambda: False,
    task: "str | Task | Callable[..., Task] | None" = None,
    objective: Callable[[dict[str, Any]], Mapping[str, float]] | str | None = None,
    model: Callable[..., Any] | str | None = None,
    data: Any = None,
    loss: Callable[..., Any] | str | None = None,
    metrics: Mapping[str, tuple[Any, str] | str] | None = None,
    optimizer: Any = None,
    augment: bool = False,
    ema: bool = False,
    data_dir: str | Path | None = None,
    train_size: int | None = None,
    validation_size: int | None = None,
    families: str | Sequence[str] | None = None,
    space: "SearchSpace | Iterable[Parameter] | Parameter | Mapping[str, Mapping[str, Any]] | None" = None,
    pin: Mapping[str, bool | int | float | str] | None = None,
    objectives: str | Sequence[str] | None = None,
    constraints: str | Sequence[str] | Mapping[str, Mapping[str, float]] | None = None,
    constraints_on: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None,
    evaluations: int | None = None,
    budget: str | None = None,
    patience: int | None = None,
    proposer: str | None = None,
    population: int | None = None,
    enqueue: str | Path | Sequence[Mapping[str, Any]] | None = None,
    start_from: str | Path | Sequence[str | Path] | None = None,
    replicate: int | None = None,
    epochs: int | None = None,
    early_stop: bool | None = None,
    inherit: bool | None = None,
    pack: bool | None = None,
    lead: int | None = None,
    seed: int | None = None,
    precision: Literal["auto", "float32", "bfloat16"] | None = None,
    device: Literal["auto", "cpu", "gpu", "tpu"] | None = None,
    watts_per_core: float | None = None,
    inference_batch: int | None = None,
    energy_ci: float | str | None = None,
    frontier_energy_ci: float | str | None = None,
    executor: Literal["local", "inline", "ray"] | None = None,
    workers: int | None = None,
    ray_address: str | None = None,
    trial_timeout: str | None = None,
    meter_device: str | None = None,
    **unknown: Never,
) -> Study:
    """Searches for networks that are accurate and cheap to run; returns the study, finished.

    An option that is None is not given: what the configuration file says holds then, else the default.

    Args:
        dataset: `digits`, `sklearn:NAME` (diabetes, breast_cancer, wine, iris), or a TFDS classification
            dataset.
        config: a TOML file of settings; by default the one that ecojax brings for the dataset.
        out: the study's folder, new or empty; by default `runs/<dataset>-<number>`.
        resume: go on with the study in `out`; of the options, only evaluations, budget, patience, data_dir
            and those about workers may change.
        migrate: with resume, go on in another space: that of `config`, or of the options families, space and pin, or
            the one that this version of ecojax has. Trials that lie in it are kept for the search; the others stay in
            the study. Without it, a space that has changed is refused.
        dry_run: stop before the first trial, with nothing written: the listener has heard what the search would do, one
            candidate was built and lowered, and the study that is returned has no trials.
        listener: hears of the plan, and of trials as they start and end. on_data: hears of downloads and decoding.
        meter: `auto`, `nvml`, `modeled`, or a `Meter` of your own, which stays open; with that, trials run in this
            process, as with `executor="inline"`.
        stop: asked now and then; once it answers yes, the trials that run are finished and the search ends, as it would
            when killed: neither its frontier is measured side by side nor the test set read.
        task: what is tuned, where it is not what the dataset is for: a place of code such as "mine.py:MyTask", the name
            of a task that an installed package brings, or an `ecojax.Task` itself, its class or a function that makes
            it (trials then run in this process). A class or function is called with those settings that it has
            parameters for, by name. With resume it is named again.
        objective: a plain function of a configuration that returns a dict of figures, or its place, "mine.py:function";
            `space` holds its parameters, and `metrics` says of each figure whether "min" or "max" is better. One with
            a parameter `report` tells how it does, `report(step, value)`, and is stopped where that is hopeless.
        model: a function `model(configuration, rngs)` that builds a Flax nnx or Linen module of your own, or its place,
            "mine.py:build". With it, `space` holds its parameters, a list or a dict of nameless ones, {"width":
            ecojax.Int(8, 64)}; the recipe's are searched with them. Functions that have no place keep trials in this
            process. With resume all of it is given again.
        data: what the model learns: (x, y), or such pairs for training, validation and test, or a dataset's name or
            path. loss: `loss(outputs, y)`, a number or one a sample; by default cross-entropy or squared error.
        metrics: functions of (outputs, y) with "max" or "min", by name; the first is the quality.
        optimizer: an optax transformation, or a function of the configuration that returns one, in place of ours.
        augment: whether flips, crops and cutout are searched, too, for inputs `[n, height, width, channels]`. ema:
            whether a moving average of the weights is judged and kept, whose decay `ema` is searched, too.
        data_dir: where prepared datasets lie.
        train_size: train on a stratified subset of so many samples. validation_size: samples to select on.
        families: model families: convnet, mlp, linear, airbench, vit.
        space: parameters in place of the families' own of the same names: `[ecojax.Int("width", 8, 64)]`, or tables by
            name as in a file. pin: parameters to hold at one value, by name.
        objectives: metrics to optimise, in the order that the frontier is sorted by.
        constraints: bounds that the frontier meets: "accuracy>=0.9", a list of such, or
            {"accuracy": {"min": 0.9}}. constraints_on: the same by kind of device, {"cpu": {"flops": {"max": 4e7}}}.
        evaluations: configurations to evaluate, in all. budget: time or energy to stop after, as in "2h" or "50Wh".
        patience: stop when so many trials have not enlarged the hypervolume.
        proposer: what proposes after the first population. population: parents that the search keeps.
        enqueue: configurations to try first, or a TOML or JSON file of them.
        start_from: folders of studies whose frontiers are tried first.
        replicate: every so many trials, train a frontier member again; 0 never.
        epochs: passes over the training data, per candidate.
        early_stop: end a training that can no longer reach the frontier.
        inherit: begin training from the weights of the most similar trial.
        pack: train candidates of one shape together, where a probe finds that faster.
        lead: candidates proposed before their turn, to compile while the device works.
        seed: decides splits, proposals and trainings.
        precision, device: to train and infer in, and on.
        watts_per_core: for the modeled meter. inference_batch: batch size of energy and latency.
        energy_ci: 95 % half width to measure energy to, as a share of it: 0.05 or "5%". frontier_energy_ci: the same
            for the frontier's members, side by side in the end; 0 leaves that out.
        executor: where trials run: worker processes here, this process, or Ray. workers: how many train.
        ray_address: "auto", "HOST:PORT" or "local". trial_timeout: most that a trial may take, as in "10min".
        meter_device: meter on this device of this host, train anywhere: "cpu", "gpu:1".

    The defaults are those of `ecojax.settings.SearchSettings`.

    Raises:
        InputError, StudyError, DataError, MeterError: what was asked cannot be done, for the reason stated;
            nothing is written then.
    """
    named = locals()
    options = {name: named[name] for name in SearchSettings.model_fields if name != "meter"}
    from ecojax.tasks.code import require_not_loading

    require_not_loading("ecojax.search")
    own_task: Any = None
    flags = {"augment": augment or None, "ema": ema or None}
    if objective is not None:
        _require_model(model=model, data=data, loss=loss, optimizer=optimizer, **flags)
        own_task = _own_function(options, objective, metrics)
    elif model is not None:
        own_task = _own_model(options, model, data, loss, metrics, optimizer, augment, ema)
    else:
        _require_model(data=data, loss=loss, metrics=metrics, optimizer=optimizer, **flags)
    options = _as_stored({name: value for name, value in (options | unknown).items() if value is not None})
    if meter is None or isinstance(meter, str):
        options |= {"meter": meter} if meter else {}
        own_meter = None
    else:
        own_meter = meter
    if task is not None and not isinstance(task, str):
        from ecojax.tasks.shelf import named_object

        own_task, options["task"] = task, named_object(task)
    if dry_run and resume:
        raise InputError(f"{option('dry_run')} shows a new search; leave {option('resume')} out")
    if resume:
        if out is None:
            raise InputError(f"{option('resume')} needs the study's folder; add {option('out', 'FOLDER')}")
        _go_on(Path(out), config, options, own_meter, listener, on_data, stop, own_task, migrate=migrate)
        return Study.open(out)
    if migrate:
        raise InputError(
            f"{option('migrate')} goes on with a study in another space; add {option('resume')} and "
            f"{option('out', 'FOLDER')}"
        )
    enqueue_source = None
    if "enqueue" in options:
        enqueue_source = option("enqueue")
        if isinstance(options["enqueue"], str | Path):
            enqueue_source = str(options["enqueue"])
            options["enqueue"] = read_configurations(Path(enqueue_source))
    settings, origins = resolve(config, options)
    folder = None if out is None else Path(out)
    if folder is not None:
        check_vacant(folder)
    check_writable(folder or Path("runs"))

    from ecojax.session.conduct import conduct, require_feasible
    from ecojax.session.crew import assemble
    from ecojax.session.data import data_dir_of
    from ecojax.session.plan import on_the_host, plan_of
    from ecojax.session.queue import queue_of
    from ecojax.tasks.shelf import is_own, name_of
    from ecojax.trial.worker import Lower, TryOut

    def tell(lines: list[str]) -> None:
        if listener is not None:
            listener.told_plan(lines)

    with assemble(
        settings, origins, meter=own_meter, on_data=on_data, listener=listener, study=folder, own=own_task
    ) as crew:
        settings = crew.settings
        queue = queue_of(settings, crew.task.space, enqueue_source or str(origins), listener)
        # a resumed search needs no other study, and looks for the data where they were found
        settings = settings.model_copy(update={"enqueue": queue, "data_dir": data_dir_of(settings)})
        settings = on_the_host(settings, crew.facts["device_kind"])
        tell(plan_of(settings, crew, origins))
        require_feasible(settings, crew, origins, listener)
        record = settings.model_dump(mode="json", exclude_none=True)
        first = queue[0] if queue else crew.task.space.default()
        if is_own(settings) and crew.task.can_be_tried:
            crew.ask(TryOut(first))
        if dry_run:
            tell([f"a dry run: {crew.ask(Lower(first))} is lowered, nothing is trained or written"])
            return Study(folder or Path("nowhere"), record, [], facts=Facts.model_validate(crew.facts))
        folder = folder or _take_folder(name_of(settings.task) or settings.dataset)
        with StudyStore.create(folder, record, facts=crew.facts) as store:
            conduct(store, settings, crew, listener=listener, stop=stop)
    return Study.open(folder)


def _own_model(options: dict[str, Any], model: Any, *rest: Any) -> "OwnGiven":
    """What makes the task of a model of the user's own; `options` then name it and no longer hold its space."""
    from ecojax.tasks.own.given import given
    from ecojax.tasks.shelf import named_object

    for name in ("task", "families", "dataset"):
        if options[name] is not None:
            instead = "; give data" if name == "dataset" else ""
            raise InputError(f"{option(name)} and model are two things to search; leave one out{instead}")
    own = given(model, options.pop("space"), *rest)
    options["task"] = model if isinstance(model, str) else named_object(model)
    if isinstance(own.data, str):
        options["dataset"] = own.data
    return own


def _own_function(options: dict[str, Any], objective: Any, metrics: Any) -> "FunctionGiven":
    """What makes the task of a plain function; `options` then name it and no longer hold its space."""
    from ecojax.tasks.function.task import given
    from ecojax.tasks.own.given import parameters_of
    from ecojax.tasks.shelf import named_object

    for name in ("task", "families", "dataset"):
        if options[name] is not None:
            raise InputError(f"{option(name)} and objective are two things to search; leave one out")
    own = given(objective, parameters_of(options.pop("space")), metrics)
    options["task"] = objective if isinstance(objective, str) else named_object(objective)
    return own


def _require_model(**given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{name} is for a model of your own; give that alone, or leave {name} out")


def _go_on(
    folder: Path,
    config: str | Path | None,
    options: dict[str, Any],
    meter: "Meter | None",
    listener: "Listener | None",
    on_data: "Callable[[Progress], None] | None",
    stop: Callable[[], bool],
    own_task: Any,
    *,
    migrate: bool,
) -> None:
    from ecojax.session.conduct import conduct
    from ecojax.session.crew import assemble
    from ecojax.session.plan import plan_of
    from ecojax.session.resume import (
        in_the_space,
        note_data,
        note_flops_counted_otherwise,
        require_agreement,
        resumed,
    )

    with StudyStore.open(folder, write=True) as store:
        check(folder, store.settings(), store.facts(), store.progress())
        settings, changes, origins = resumed(store, config, options, migrate=migrate)
        # nothing is downloaded: where the data are not found, they are elsewhere
        with assemble(
            settings,
            origins,
            meter=meter,
            on_data=on_data,
            listener=listener,
            download=False,
            study=folder,
            own=own_task,
        ) as crew:
            settings = crew.settings
            require_agreement(store, crew.facts)
            note_flops_counted_otherwise(store, settings, listener)
            settings = in_the_space(store, settings, crew.task.space, migrate=migrate, listener=listener)
            note_data(store, crew.facts, listener)
            for name in {*changes, "data_dir"}:  # which an older release stored as it was typed
                store.set(name, settings.model_dump(mode="json")[name])
            for name in ("versions", "chance_accuracy", "metrics"):  # an older study lacks the latter two
                if name in crew.facts:
                    store.set(name, crew.facts[name], "facts")
            if listener is not None:
                listener.told_plan(plan_of(settings, crew, origins))
            conduct(store, settings, crew, listener=listener, stop=stop)


def export_model(
    study: str | Path | Study, *, pick: str = "knee", to: str | Path, task: "Task | None" = None
) -> Path:
    """Writes one model of a study to the new folder `to`: weights, configuration, model card, energy label.

    `pick` is knee, best, cheapest, a trial's id, or a condition such as "accuracy>=0.6". `task` is the one that was
    searched; only tasks of your own need it.
    Raises `InputError` when the pick matches nothing or `to` is not empty, `StudyError` for an unusable study.
    """
    from ecojax.export import export_trial, require_vacant
    from ecojax.jax_devices import local_devices
    from ecojax.jax_settings import computing
    from ecojax.tasks.descriptions import described, described_by

    require_vacant(Path(to))
    study = study if isinstance(study, Study) else Study.open(study)
    trial = study.pick(pick)
    with StudyStore.open(study.path) as store:
        arrays = store.arrays(trial)
    settings = (
        study.facts.record() | study.settings | {"study": study.name, "repeats": study.repeats_of(trial)}
    )
    local_devices()  # where JAX does not start, it says why
    with computing():
        description = (
            described(study.facts.record(), trial.configuration)
            if task is None
            else described_by(task, trial.configuration)
        )
        return export_trial(description, trial, arrays, Path(to), settings=settings)


def load(path: str | Path, *, model: Callable[..., Any] | str | None = None) -> "Model":
    """An exported model, ready to call: `model(inputs)` gives logits or predictions.

    model: for a model of your own, the function that builds it, or its place, "mine.py:build"; a folder brings no code
        along.
    Raises `InputError` for a damaged folder, or where `model` is missing.
    """
    from ecojax.export import load

    return load(path, model=model)


def _as_stored(options: dict[str, Any]) -> dict[str, Any]:
    """Options in the types of `SearchSettings`: one name as a list of one, paths as text, parameters as tables."""
    for name in ("families", "objectives", "start_from"):
        if isinstance(options.get(name), str | Path):
            options[name] = [options[name]]
    for name in ("data_dir", "start_from"):
        value = options.get(name)
        if isinstance(value, list | tuple):
            options[name] = [str(item) if isinstance(item, Path) else item for item in value]
        elif isinstance(value, Path):
            options[name] = str(value)
    if "space" in options:
        options["space"] = tables_of(options["space"])
    return options


def _take_folder(dataset: str) -> Path:
    """The next free `runs/<dataset>-<number>`, made: of two searches that start together each gets its own."""
    from ecojax.data.kinds import short_name

    name = short_name(dataset)
    number = 1
    while True:
        folder = Path(f"runs/{name}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except OSError as error:
            if os.path.lexists(folder):
                number += 1
                continue
            raise StudyError(
                f"cannot write the study to '{folder}': {error.strerror}; choose another {option('out')}"
            ) from None


__all__ = ["Study", "export_model", "load", "search"]
