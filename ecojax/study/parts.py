"""The three parts of what a study states beside its trials.

settings: what the user asked for, as `ecojax.settings.SearchSettings` names it.
facts: what its figures depend on: data, space, device, meter, versions.
progress: how far it is: why it stopped, what its time went to, which spaces it was searched in before.
"""

from collections.abc import Mapping
from typing import Any, Literal

Part = Literal["settings", "facts", "progress"]
PARTS: tuple[Part, ...] = ("settings", "facts", "progress")

# Format 1 of the database held all of them in one table.
_FACTS_1 = frozenset(
    (
        *("dataset_title", "dataset_version", "dataset_source", "splits", "digests", "inputs", "model"),
        *("chance_accuracy", "space_records", "resolved_precision", "device_kind", "jax_switches", "host"),
        *("energy_provenance", "energy_provenance_record", "versions", "portable"),
        *("task_facts", "metrics"),
    )
)
_PROGRESS_1 = frozenset(
    (
        *("stopped", "search_seconds", "engine_compile_seconds", "between_trials", "account"),
        "earlier_spaces",
    )
)


def part_in_format_1(name: str) -> Part:
    """The part that a name of format 1 belongs to."""
    if name in _FACTS_1:
        return "facts"
    return "progress" if name in _PROGRESS_1 else "settings"


def parted(record: Mapping[str, Any]) -> dict[Part, dict[str, Any]]:
    """The parts of a record of format 1."""
    return {
        part: {name: value for name, value in record.items() if part_in_format_1(name) == part}
        for part in PARTS
    }
