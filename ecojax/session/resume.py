"""What may change when a study goes on, and what must not."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecojax.declaration import of_resume
from ecojax.errors import InputError, StudyError
from ecojax.origins import Origins, keys_of
from ecojax.session.loop import Listener
from ecojax.settings import SearchSettings, check, read_config, restore
from ecojax.space import SearchSpace
from ecojax.space.migration import difference, migrated
from ecojax.study import Status, StudyStore, Trial
from ecojax.study.declarations import metrics_of
from ecojax.tasks.shelf import is_own, name_of
from ecojax.wording import option

if TYPE_CHECKING:
    from ecojax.space import Configuration

# A difference between the fact of a study and that of a session, in words; None where their figures compare.
Comparison = Callable[[Any, Any], str | None]


def equal(stored: Any, here: Any) -> str | None:
    return None if stored == here else f"{stored} in the study, {here} here"


def of_one_origin(stored: Mapping[str, Any], here: Mapping[str, Any]) -> str | None:
    from ecojax.energy import Provenance

    found = Provenance.from_dict(stored).differences(Provenance.from_dict(here))
    return f"the study's against this session's {'; '.join(found)}" if found else None


def same_data(stored: Mapping[str, str], here: Mapping[str, str]) -> str | None:
    from ecojax.data.identity import difference

    found = difference(stored, here)
    return f"{found}: other content under the same name" if found else None


def same_facts(stored: Mapping[str, Any], here: Mapping[str, Any]) -> str | None:
    """Names the facts of two tasks that differ."""
    here = json.loads(json.dumps(here))  # as a study holds them
    found = [
        f"{name} is {stored.get(name)!r} in the study and {here.get(name)!r} here"
        for name in {**stored, **here}
        if stored.get(name) != here.get(name)
    ]
    return "; ".join(found) or None


def same_metrics(stored: Sequence[Mapping[str, Any]], here: Sequence[Mapping[str, Any]]) -> str | None:
    """How metrics are written and what is known of their values may change; their names and directions may not."""
    of_study, of_session = (
        ", ".join(f"{record['name']} ({record['direction']})" for record in records)
        for records in (stored, here)
    )
    return equal(of_study, of_session)


# Facts on which the figures of two sessions depend, and how they are compared. What an older study does not state is
# not compared.
MUST_AGREE: dict[str, Comparison] = {
    "dataset_version": equal,
    "digests": same_data,
    "splits": equal,
    "inputs": equal,
    "metrics": same_metrics,
    "device_kind": equal,
    "resolved_precision": equal,
    "energy_provenance_record": of_one_origin,
    "jax_switches": equal,
    "task_facts": same_facts,
}
RESUMABLE = of_resume("free")
MIGRATABLE = of_resume("free", "migrate")
QUEUED = of_resume("queue")  # the study has a queue of its own


def resumed(
    store: StudyStore, config: str | Path | None, options: Mapping[str, Any], *, migrate: bool
) -> tuple[SearchSettings, dict[str, Any], Origins]:
    """The settings to go on with, those of them that are new, and where they came from.

    Raises `InputError` for an option that differs from the study's and may not.
    """
    source = f"the study '{store.folder}'" if config is None else str(config)
    given = Origins(source, frozenset(keys_of(options)))
    options = dict(options)
    if config is not None:
        if not migrate:
            raise InputError(
                f"{option('resume')} goes on with the study's own settings; leave {option('config')} out, or add "
                f"{option('migrate')} for its space"
            )
        table = read_config(Path(config))
        check(table, source=str(config), metrics=metrics_of(store.facts()))
        options = {name: value for name, value in table.items() if name not in QUEUED} | options
    resumable = MIGRATABLE if migrate else RESUMABLE
    stored = store.settings()
    settings, _ = restore(stored, store.facts(), {}, source=f"the study '{store.folder}'")
    _require_task_named(store.folder, settings, options.get("task"))
    known = settings.model_dump(mode="json", exclude_none=True)
    for name, value in options.items():
        if name in QUEUED:
            raise InputError(
                f"{option('resume')} goes on with the study's own queue; leave {option(name)} out"
            )
        if name not in resumable and not _as_in_the_study(name, value, known):
            raise InputError(
                f"{given.named(name, value)} differs from the study '{store.folder}' ({known.get(name)}); leave it "
                f"out, or start a new study with another {option('out')}"
            )
    # code is taken from where it is named now, never from where the study says
    changes = {name: value for name, value in options.items() if name in resumable or name == "task"}
    settings, origins = restore(stored, store.facts(), changes, source=source)
    return settings, changes, replace(origins, given=origins.given & given.given)


def _require_task_named(folder: Path, settings: SearchSettings, given: str | None) -> None:
    """Raises `InputError` where a study's own task is not named again: a study brings no code along."""
    if is_own(settings) and given is None:
        raise InputError(
            f"the study '{folder}' is of the task {name_of(settings.task)}, whose code no study brings along; "
            f"name it again with {option('task', f'FILE.py:{name_of(settings.task)}')}"
        )


def require_agreement(store: StudyStore, facts: Mapping[str, Any]) -> None:
    """Raises `StudyError` where the figures of this session would not compare with those of the study."""
    stored = _with_place(_with_provenance(store.facts()))
    for name, difference_of in MUST_AGREE.items():
        if name not in stored:
            continue
        found = difference_of(stored[name], facts.get(name, {}))
        if found is not None:
            raise StudyError(
                f"the study '{store.folder}' differs in {name} ({found}): its figures would not compare; go on where "
                "it was begun, or start a new study"
            )


def note_flops_counted_otherwise(
    store: StudyStore, settings: SearchSettings, listener: Listener | None
) -> None:
    """Says so where FLOPs decide, and trials of an older ecojax hold those of XLA's count."""
    if "flops" not in {*settings.objectives, *settings.bounds()}:
        return
    older = sum(
        "flops" in trial.metrics and "flops" not in trial.provenance for trial in store.each(Status.COMPLETE)
    )
    if older:
        (listener or Listener()).noted(
            f"flops of {older} trials are an older ecojax's count by XLA, which has elementwise arithmetic, too; from "
            "here on they are of matrix products and convolutions alone, some percent fewer: the two hardly compare; "
            f"for figures of one kind, start a new study with {option('start_from', str(store.folder))}"
        )


def note_data(store: StudyStore, facts: Mapping[str, Any], listener: Listener | None) -> None:
    """Puts on record which data a study of an older release goes on with: it did not say what it had begun with."""
    if "digests" not in store.facts() and "digests" in facts:
        (listener or Listener()).noted(
            f"the study '{store.folder}' was begun without a digest of its data: whether this is the same data "
            "cannot be told; from now on it holds one"
        )
        store.set("digests", facts["digests"], "facts")


def _with_place(stored: dict[str, Any]) -> dict[str, Any]:
    """A study's facts with a user's model called as an export calls it: earlier ones told its folder apart, too."""
    told, called = stored.get("task_facts", {}), stored.get("inputs", {}).get("model")
    return stored | {"task_facts": told | {"model": called}} if called and "model" in told else stored


def _with_provenance(stored: dict[str, Any]) -> dict[str, Any]:
    """A study's facts with what their text says of the provenance, where an older release wrote no record of it."""
    from ecojax.energy import Provenance

    found = Provenance.from_text(str(stored.get("energy_provenance", "")))
    if found is None or "energy_provenance_record" in stored:
        return stored
    return stored | {"energy_provenance_record": found.to_dict()}


def in_the_space(
    store: StudyStore,
    settings: SearchSettings,
    space: SearchSpace,
    *,
    migrate: bool,
    listener: Listener | None,
) -> SearchSettings:
    """The settings with a queue that lies in `space`, where the study's is another and `migrate` allows it.

    Raises `StudyError` naming a parameter that differs where it does not.
    """
    records = store.facts().get("space_records")
    written = SearchSpace.from_records(records) if records else space
    changed = difference(written, space)
    if changed is None:
        return settings
    folder = store.folder
    if not migrate:
        raise StudyError(
            f"the study '{folder}' searched another space: {changed}; go on with the ecojax and settings that it was "
            f"begun with, add {option('migrate')} to keep what lies in the new space, or start a new study with "
            f"{option('start_from', str(folder))}"
        )
    trials = store.trials()
    queue = [migrated(configuration, written, space) for configuration in settings.enqueue]
    settings = settings.model_copy(update={"enqueue": [c for c in queue if c is not None]})
    earlier = store.progress().get("earlier_spaces", [])
    until = max((trial.id for trial in trials), default=-1) + 1
    store.set("earlier_spaces", [*earlier, {"until": until, "space": records}], "progress")
    store.set("space_records", space.to_records(), "facts")
    store.set("enqueue", settings.enqueue)
    kept = [adopted for adopted in map(adopter_of(store, space), trials) if adopted is not None]
    (listener or Listener()).noted(
        f"{option('migrate')}: {changed}; of {len(trials)} trials {len(kept)} lie in the new space, the others "
        "stay in the study and out of the search"
    )
    return settings


def adopter_of(store: StudyStore, space: SearchSpace) -> "Callable[[Trial], Configuration | None]":
    """What a trial's configuration is in `space`, by the spaces that the study was searched in before."""
    earlier = store.progress().get("earlier_spaces", [])
    return adopter([(of["until"], SearchSpace.from_records(of["space"])) for of in earlier], space)


def adopter(
    earlier: Sequence[tuple[int, SearchSpace]], now: SearchSpace
) -> "Callable[[Trial], Configuration | None]":
    """What a trial's configuration is in the space `now`, as a function; None where it has none like it.

    `earlier` are the spaces that a study had before: each held for the trials of a smaller id than is given with it,
    and the oldest comes first.
    """

    def adopt(trial: Trial) -> "Configuration | None":
        for until, space in earlier:
            if trial.id < until:
                return migrated(trial.configuration, space, now)
        return dict(trial.configuration)

    return adopt


def _as_in_the_study(name: str, value: Any, stored: Mapping[str, Any]) -> bool:
    """Whether an option says what the study holds; one that adds to a file's, as pins do, may say a part of it."""
    if name == "task":
        return name_of(value) == name_of(stored.get(name))
    given = SearchSettings.model_validate({name: value}).model_dump(mode="json", exclude_none=True).get(name)
    if name in ("pin", "constraints") and isinstance(given, dict):
        return bool({**stored.get(name, {}), **given} == stored.get(name))
    return bool(given == stored.get(name))
