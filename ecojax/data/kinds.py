"""The kinds of data that a dataset's name begins with, as in `sklearn:wine`: one entry each."""

from collections.abc import Callable
from dataclasses import dataclass

from ecojax.data import embedded
from ecojax.data.source import Source


@dataclass(frozen=True)
class Kind:
    """What follows `name:` in a dataset's name, in a word, and the source that it makes."""

    name: str
    takes: str
    source: Callable[[str], Source]


KINDS = {kind.name: kind for kind in (Kind("sklearn", "NAME", embedded.source),)}


def source_named(dataset: str) -> Source | None:
    """The source of a dataset's name that begins with a kind; None for another."""
    kind, colon, rest = dataset.partition(":")
    return KINDS[kind].source(rest) if colon and kind in KINDS else None
