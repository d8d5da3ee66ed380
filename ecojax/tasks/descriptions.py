"""The kinds of models that can be exported, by name: how a stored trial is described, and a record read back."""

from collections.abc import Mapping
from typing import Any

from ecojax.errors import InputError
from ecojax.tasks.description import PORTABLE_AS, Description
from ecojax.tasks.images.description import ImageDescription
from ecojax.tasks.own.description import OwnDescription
from ecojax.tasks.tables.description import TableDescription
from ecojax.tasks.task import Task

DESCRIPTIONS: dict[str, type[Description]] = {
    one.kind(): one for one in (ImageDescription, TableDescription, OwnDescription)
}
FIRST_KIND = "images"  # of studies and exports that are older than any other


def described(settings: Mapping[str, Any], configuration: Mapping[str, Any]) -> Description:
    """The description of a trial's model, by its study's settings and facts.

    Raises `InputError` where the study does not say how its models are built, or says it in damaged words.
    """
    facts = settings.get("task_facts")  # those of a task that is the user's own
    stored = {**settings, **facts} if isinstance(facts, Mapping) else settings
    # the studies of older releases say so by their inputs alone
    kind = stored.get(PORTABLE_AS, FIRST_KIND if "inputs" in stored else None)
    if not isinstance(kind, str) or kind not in DESCRIPTIONS:
        raise InputError(
            "this study does not say how its models are built again; give the task that it searched, whose "
            "`portable(configuration)` says it: ecojax.export_model(study, task=...)"
        )
    return DESCRIPTIONS[kind].of_study(stored, configuration)


def described_by(task: Task, configuration: Mapping[str, Any]) -> Description:
    """The description of a configuration's model, by its task. Raises `InputError` where that gives none."""
    record = task.portable(configuration)
    if not isinstance(record, Mapping) or "task" not in record:
        raise InputError(
            f"portable(configuration) of the task gives {record!r}; let it return a record of its model, whose "
            f"'task' is one of {', '.join(DESCRIPTIONS)}"
        )
    return from_record(record)


def from_record(record: Mapping[str, Any]) -> Description:
    """The inverse of `Description.to_record`. Raises `InputError` naming the key that is wrong."""
    task = record.get("task")
    if not isinstance(task, str) or task not in DESCRIPTIONS:
        raise InputError(f"task = {task!r} is none of {', '.join(DESCRIPTIONS)}")
    return DESCRIPTIONS[task].of_record(record)
