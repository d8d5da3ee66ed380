"""What comes of evaluating one configuration, in plain values: it can cross a process boundary as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecojax.study import Status


@dataclass(frozen=True)
class Outcome:
    """Status, and what is known: `metrics` and `provenance` by name, `arrays` the trained weights by path.

    `notes` are sentences for whoever watches the search.
    """

    status: Status
    metrics: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    arrays: Mapping[str, Any] | None = None
    notes: Sequence[str] = ()
