"""What a search begins with instead of chance: configurations of the user's, and the frontiers of other studies.

Everything here ends as configurations of the search's own space, complete and canonical, so that nothing of where
they came from is needed again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ecojax.errors import InputError
from ecojax.space import Configuration, SearchSpace


def completed(
    space: SearchSpace, partial: Sequence[Mapping[str, Any]], *, source: str
) -> list[Configuration]:
    """Configurations in which what is not named takes its default.

    Raises `InputError` naming `source` and the key for an unknown parameter and a value outside.
    """
    configurations = []
    for number, given in enumerate(partial, 1):
        try:
            configurations.append(space.completed(given))
        except InputError as error:
            raise InputError(f"{source}: enqueue, table {number}: {error}") from None
    return configurations


def mapped(space: SearchSpace, configuration: Mapping[str, Any]) -> Configuration:
    """A configuration of another space in `space`: parameters that it lacks dropped, missing ones at their default.

    Raises `InputError` for a value that `space` does not take.
    """
    return space.completed({name: value for name, value in configuration.items() if name in space})


def distinct(space: SearchSpace, configurations: Iterable[Configuration]) -> list[Configuration]:
    """Each configuration once, the first time."""
    return list({space.key(configuration): configuration for configuration in configurations}.values())
