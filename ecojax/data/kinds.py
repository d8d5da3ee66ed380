"""The kinds of data that a dataset's name begins with, as in `sklearn:wine`: one entry each."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ecojax.data import embedded, npz, parquet, tables
from ecojax.data.images import folder
from ecojax.data.memory import AvailableMemory
from ecojax.data.source import Source


@dataclass(frozen=True)
class Kind:
    """What begins with `name:` in a dataset's name, and the source that is made of the rest.

    of_files: whether a path follows, with options after a question mark.
    """

    name: str
    source: Callable[[str, AvailableMemory], Source]
    of_files: bool = True


KINDS = {
    kind.name: kind
    for kind in (
        Kind("sklearn", lambda name, available_memory: embedded.source(name), of_files=False),
        Kind("npz", npz.source),
        Kind("csv", tables.of_csv),
        Kind("parquet", parquet.source),
        Kind("folder", folder.source),
    )
}


def source_named(dataset: str, available_memory: AvailableMemory) -> Source | None:
    """The source of a dataset's name that begins with a kind; None for another."""
    kind, colon, rest = dataset.partition(":")
    return KINDS[kind].source(rest, available_memory) if colon and kind in KINDS else None


def is_path(dataset: str) -> bool:
    """Whether a dataset's name is the path of a folder that TFDS has prepared."""
    return dataset.startswith(("/", "./", "../", "~"))


def absolute(dataset: str) -> str:
    """A dataset's name with its path, if it has one, from the root on."""
    kind, colon, rest = dataset.partition(":")
    path, mark, options = dataset.partition("?")
    if is_path(dataset):
        return f"{_absolute(path)}{mark}{options}"
    if colon and kind in KINDS and KINDS[kind].of_files and rest:
        return f"{kind}:{_absolute(path.partition(':')[2])}{mark}{options}"
    return dataset


def short_name(dataset: str) -> str:
    """A dataset's name for a folder: of one with a path, the last part of that."""
    kind, colon, rest = dataset.partition(":")
    if is_path(dataset):
        return "-".join(Path(dataset.partition("?")[0]).parts[-2:])
    if colon and kind in KINDS and KINDS[kind].of_files:
        return Path(rest.partition("?")[0]).stem or kind
    return dataset.partition("?")[0].replace("/", "_").replace(":", "_")


def _absolute(path: str) -> str:
    return str(Path(os.path.expanduser(path)).absolute())
