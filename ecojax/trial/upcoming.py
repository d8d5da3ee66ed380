"""What a search is certain to evaluate next, in plain values."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Upcoming(NamedTuple):
    """A configuration, and the seed that it will be trained from."""

    configuration: Mapping[str, Any]
    seed: int
