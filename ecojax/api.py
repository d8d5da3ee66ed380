"""What ecojax does for a Python program, and, through the command line, for everybody: search, open, export, load.

study = ecojax.search(dataset="digits", evaluations=24, out="runs/digits")
study.frontier(), study.best(), study.to_dataframe()
ecojax.export_model("runs/digits", pick="knee", to="model")
model = ecojax.load("model")
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecojax.errors import InputError
from ecojax.frontier import Study
from ecojax.frontier.stated import check
from ecojax.settings import read_configurations, resolve
from ecojax.study import StudyStore
from ecojax.study.store import check_vacant
from ecojax.wording import option

if TYPE_CHECKING:
    from ecojax.data import Progress
    from ecojax.energy import Meter
    from ecojax.export import Model
    from ecojax.search.loop import Listener


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
    stop: Callable[[], bool] = lambda: False,
    **options: Any,
) -> Study:
    """Searches for networks that are accurate and cheap to run; returns the study, finished.

    Args:
        dataset: `digits`, or a TFDS image-classification dataset.
        config: a TOML file of settings; by default the one that ecojax brings for the dataset.
        out: the study's folder, new or empty; by default `runs/<dataset>-<number>`.
        resume: go on with the study in `out`; of the options, only evaluations, budget, patience, data_dir
            and those about workers may change.
        migrate: with resume, go on in another space: that of `config`, or of the options families, space and pin, or
            the one that this version of ecojax has. Trials that lie in it are kept for the search; the others stay in
            the study. Without it, a space that has changed is refused.
        listener: hears of trials as they start and end. on_data: hears of downloads and decoding.
        meter: `auto`, `nvml`, `modeled`, or a `Meter` of your own, which stays open; with that, trials run in this
            process, as with `executor="inline"`.
        stop: asked now and then; once it answers yes, the trials that run are finished and the search ends, as it would
            when killed: neither its frontier is measured side by side nor the test set read.
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
        if out is None:
            raise InputError(f"{option('resume')} needs the study's folder; add {option('out', 'FOLDER')}")
        _go_on(Path(out), config, options, own_meter, listener, on_data, stop, migrate=migrate)
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
    folder = Path(out) if out is not None else _free_folder(settings.dataset)
    check_vacant(folder)

    from ecojax.session.conduct import conduct
    from ecojax.session.crew import assemble
    from ecojax.session.queue import queue_of

    with assemble(settings, origins, meter=own_meter, on_data=on_data) as crew:
        queue = queue_of(settings, crew.task.space, enqueue_source or str(origins), listener)
        settings = settings.model_copy(update={"enqueue": queue})  # a resumed search needs no other study
        record = settings.model_dump(mode="json", exclude_none=True) | crew.facts
        with StudyStore.create(folder, record) as store:
            conduct(store, settings, crew, listener=listener, stop=stop)
    return Study.open(folder)


def _go_on(
    folder: Path,
    config: str | Path | None,
    options: dict[str, Any],
    meter: "Meter | None",
    listener: "Listener | None",
    on_data: "Callable[[Progress], None] | None",
    stop: Callable[[], bool],
    *,
    migrate: bool,
) -> None:
    from ecojax.session.conduct import conduct
    from ecojax.session.crew import assemble
    from ecojax.session.resume import (
        in_the_space,
        note_flops_counted_otherwise,
        require_agreement,
        resumed,
    )

    with StudyStore.open(folder, write=True) as store:
        check(folder, store.settings())
        settings, changes, origins = resumed(store, config, options, migrate=migrate)
        with assemble(settings, origins, meter=meter, on_data=on_data) as crew:
            require_agreement(store, crew.facts)
            note_flops_counted_otherwise(store, settings, listener)
            settings = in_the_space(store, settings, crew.task.space, migrate=migrate, listener=listener)
            for name in changes:
                store.set(name, settings.model_dump(mode="json")[name])
            for name in ("versions", "chance_accuracy"):  # an older study has no chance level
                store.set(name, crew.facts[name])
            conduct(store, settings, crew, listener=listener, stop=stop)


def export_model(study: str | Path | Study, *, pick: str = "knee", to: str | Path) -> Path:
    """Writes one model of a study to the new folder `to`: weights, configuration, model card, energy label.

    `pick` is knee, best, cheapest, a trial's id, or a condition such as "accuracy>=0.6".
    Raises `InputError` when the pick matches nothing or `to` is not empty, `StudyError` for an unusable study.
    """
    from ecojax.export import export_trial
    from ecojax.tasks import ImageInputs

    study = study if isinstance(study, Study) else Study.open(study)
    trial = study.pick(pick)
    inputs = ImageInputs.from_record(study.settings.get("inputs"))
    network = inputs.network(trial.configuration, study.settings["resolved_precision"])
    with StudyStore.open(study.path) as store:
        arrays = store.arrays(trial)
    settings = study.settings | {"study": study.name, "repeats": study.repeats_of(trial)}
    return export_trial(network, trial, arrays, Path(to), settings=settings, class_names=inputs.class_names)


def load(path: str | Path) -> "Model":
    """An exported model, ready to call: `model(images)` gives logits. Raises `InputError` for a damaged folder."""
    from ecojax.export import load

    return load(path)


def _free_folder(dataset: str) -> Path:
    name = dataset.replace("/", "_").replace(":", "_")
    number = 1
    while Path(f"runs/{name}-{number}").exists():
        number += 1
    return Path(f"runs/{name}-{number}")


__all__ = ["Study", "export_model", "load", "search"]
