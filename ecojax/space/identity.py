"""The identity of a configuration: by it trials of the same one are found."""

import json
from collections.abc import Mapping
from typing import Any


def identity(configuration: Mapping[str, Any]) -> str:
    """The same text for the same values by name, in whatever order; `SearchSpace.key` makes them canonical first."""
    return json.dumps(dict(configuration), sort_keys=True, separators=(",", ":"))
