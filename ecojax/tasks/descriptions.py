"""The kinds of descriptions, by task: how a stored trial is described, and how a record is read back."""

from collections.abc import Callable, Mapping
from typing import Any

from ecojax.errors import InputError
from ecojax.tasks.description import PORTABLE_AS, Description


def _images() -> type[Description]:
    from ecojax.tasks.images.description import ImageDescription

    return ImageDescription


def _tables() -> type[Description]:
    from ecojax.tasks.tables.description import TableDescription

    return TableDescription


def _own() -> type[Description]:
    from ecojax.tasks.own.description import OwnDescription

    return OwnDescription


DESCRIPTIONS: dict[str, Callable[[], type[Description]]] = {
    "images": _images,
    "tables": _tables,
    "own": _own,
}


def described(settings: Mapping[str, Any], configuration: Mapping[str, Any]) -> Description:
    """The description of a trial's model, by its study's settings and facts.

    Raises `InputError` where the study does not say how its models are built, or says it in damaged words.
    """
    # the studies of older releases are of images, and say so by their inputs alone
    kind = settings.get(PORTABLE_AS, "images" if "inputs" in settings else None)
    if not isinstance(kind, str) or kind not in DESCRIPTIONS:
        raise InputError(
            "this study does not say how its models are built again; give the task that it searched, whose "
            "`portable(configuration)` says it: ecojax.export_model(study, task=...)"
        )
    return DESCRIPTIONS[kind]().of_study(settings, configuration)


def from_record(record: Any) -> Description:
    """The description that `Task.portable` gave. Raises `InputError` naming the key that is wrong."""
    if not isinstance(record, Mapping):
        raise InputError(
            f"portable(configuration) of the task gives a {type(record).__name__}; let it return a record of its "
            f"model, whose 'task' is one of {', '.join(DESCRIPTIONS)}"
        )
    task = record.get("task")
    if not isinstance(task, str) or task not in DESCRIPTIONS:
        raise InputError(f"task = {task!r} is none of {', '.join(DESCRIPTIONS)}")
    return DESCRIPTIONS[task]().of_record(record)
