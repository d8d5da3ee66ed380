"""What the figures of a study depend on, typed."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator


class NamedRecord(BaseModel):
    """The record of a parameter, of which its name alone is looked at here."""

    model_config = ConfigDict(extra="allow")

    name: str


class Facts(BaseModel):
    """Found when a search begins. What an older study does not state is None or empty; a task may add more.

    dataset_title, dataset_version, dataset_source, splits, digests: the data. inputs: their shape and classes.
    chance_accuracy: what a guess is worth. space_records: the parameters that are searched.
    device_kind, resolved_precision, jax_switches: what trains and infers. host, versions: where, and with what
        software.
    portable: how models are built again for an export. task_facts: those of a
        user's own task. metrics: what trials record.
    energy_provenance: the origin of energies in words; energy_provenance_record: the same field by field.
    """

    model_config = ConfigDict(strict=True, extra="allow")

    dataset_title: str | None = None
    dataset_version: Any = None
    dataset_source: str | None = None
    splits: dict[str, dict[str, Any] | int | str | None] = {}
    digests: dict[str, str] | None = None
    inputs: Any = None
    chance_accuracy: Annotated[float, Field(ge=0, le=1)] | None = None
    space_records: list[NamedRecord] = []
    resolved_precision: str | None = None
    device_kind: str | None = None
    jax_switches: Any = None
    host: str | None = None
    energy_provenance: str | None = None
    energy_provenance_record: dict[str, Any] | None = None
    versions: dict[str, str] = {}
    portable: Any = None
    task_facts: dict[str, Any] | None = None
    metrics: list[dict[str, Any]] | None = None

    @field_validator("splits")
    @classmethod
    def _sizes(cls, splits: Mapping[str, Any]) -> Mapping[str, Any]:
        for name, part in splits.items():
            size = part.get("size") if isinstance(part, dict) else None
            if size is not None and (type(size) is not int or size < 0):
                raise ValueError(f"{name}.size = {size!r} is no number of samples")
        return splits

    def record(self) -> dict[str, Any]:
        """The facts that are stated, as plain values by name."""
        return self.model_dump(exclude_unset=True)
