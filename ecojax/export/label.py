"""`energy.json`: the energy label of a model. The figure, its interval, its conditions, and where it comes from."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from ecojax.errors import InputError
from ecojax.export.records import read_record, write_record
from ecojax.space.tables import explain
from ecojax.study import Trial

FILE, FORMAT, VERSION = "energy.json", "ecojax-energy", 1

Figure = Annotated[float, Field(ge=-1e100, le=1e100, allow_inf_nan=False)]


class _Provenance(BaseModel):
    kind: Literal["measured", "modeled"]
    by: str
    scope: str
    systematic_percent: Figure | None


class _Label(BaseModel):
    """What the readers of a label rely on, beside the figure itself."""

    model_config = ConfigDict(strict=True)

    latency_ms: Figure | None
    batch_size: Annotated[int, Field(ge=1, le=1 << 32)]
    precision: str
    device: str
    provenance: _Provenance
    windows: int
    metered_seconds: Figure
    converged: bool
    gates: dict[str, float | None]


# of `Energy.to_dict()`, kept under the same names
_CONDITIONS = ("batch_size", "precision", "device", "provenance", "windows", "seconds", "converged", "gates")


def unit_of(label: Mapping[str, Any]) -> str:
    """What the figure of a label, or of a trial's metrics, is per: "sample" unless another is named, as "token" is."""
    names = (re.fullmatch(r"energy_per_([a-z]+)_j", name) for name in label)
    return next((name[1] for name in names if name), "sample")


def energy_label(trial: Trial, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The label of a complete trial, units in the names. Raises `InputError` when its energy was never metered."""
    conditions = trial.details.get("energy")
    figure = f"energy_per_{unit_of(trial.metrics)}_j"
    if (
        figure not in trial.metrics
        or not isinstance(conditions, dict)
        or any(name not in conditions for name in _CONDITIONS)
    ):
        raise InputError(f"trial {trial.id} has no energy figure to export; pick a trial that was metered")
    figures = (figure, f"{figure}_ci95", "latency_ms")
    training = ("train_energy_j", "train_seconds", "trial_energy_j")
    return {
        **{name: trial.metrics.get(name) for name in figures},
        **{name: conditions[name] for name in _CONDITIONS if name != "seconds"},
        "metered_seconds": conditions["seconds"],
        **{name: trial.metrics.get(name) for name in training},
        "train_energy_provenance": trial.provenance.get("train_energy_j"),
        "train_energy_meanwhile": _meanwhile(trial),
        "dataset": settings.get("dataset"),
        "dataset_title": settings.get("dataset_title"),
    }


def _meanwhile(trial: Trial) -> list[str]:
    """What the joules of training hold besides."""
    detail = trial.details.get("train_energy")
    return list(detail.get("meanwhile") or []) if isinstance(detail, dict) else []


def write_label(folder: Path, label: Mapping[str, Any]) -> None:
    write_record(folder / FILE, FORMAT, VERSION, label)


def read_label(folder: Path) -> dict[str, Any]:
    """The label in `folder`. Raises `InputError` when it states no figure, or not whether that was measured."""
    _, label = read_record(folder / FILE, FORMAT, VERSION)
    check_label(label, f"'{folder / FILE}'")
    return label


def check_label(label: Mapping[str, Any], what: str) -> None:
    """Raises `InputError`, which begins with `what`, where a reader of the label would stumble."""
    if not isinstance(label.get("provenance"), dict):
        raise InputError(f"{what}: provenance.kind should be 'measured' or 'modeled'")
    figure = f"energy_per_{unit_of(label)}_j"
    fields: dict[str, Any] = {figure: (Figure, ...), f"{figure}_ci95": (float | None, ...)}
    try:
        create_model("_Label", __base__=_Label, **fields).model_validate(dict(label))
    except ValidationError as error:
        raise InputError(f"{what}: {explain(error)}") from None
