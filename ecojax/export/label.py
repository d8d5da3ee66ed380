"""`energy.json`: the energy label of a model. The figure, its interval, its conditions, and where it comes from."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecojax.errors import InputError
from ecojax.export.records import read_record, write_record
from ecojax.study import Trial

FILE, FORMAT, VERSION = "energy.json", "ecojax-energy", 1


# of `Energy.to_dict()`, kept under the same names
_CONDITIONS = ("batch_size", "precision", "device", "provenance", "windows", "seconds", "converged", "gates")


def energy_label(trial: Trial, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The label of a complete trial, units in the names. Raises `InputError` when its energy was never metered."""
    conditions = trial.details.get("energy", {})
    if "energy_per_sample_j" not in trial.metrics or any(name not in conditions for name in _CONDITIONS):
        raise InputError(f"trial {trial.id} has no energy figure to export; pick a trial that was metered")
    figures = ("energy_per_sample_j", "energy_per_sample_j_ci95", "latency_ms")
    training = ("train_energy_j", "train_seconds", "trial_energy_j")
    return {
        **{name: trial.metrics.get(name) for name in figures},
        **{name: conditions[name] for name in _CONDITIONS if name != "seconds"},
        "metered_seconds": conditions["seconds"],
        **{name: trial.metrics.get(name) for name in training},
        "train_energy_provenance": trial.provenance.get("train_energy_j"),
        "dataset": settings.get("dataset"),
        "dataset_title": settings.get("dataset_title"),
    }


def write_label(folder: Path, label: Mapping[str, Any]) -> None:
    write_record(folder / FILE, FORMAT, VERSION, label)


def read_label(folder: Path) -> dict[str, Any]:
    """The label in `folder`. Raises `InputError` when it states no figure, or not whether that was measured."""
    label = read_record(folder / FILE, FORMAT, VERSION)
    figure, provenance = label.get("energy_per_sample_j"), label.get("provenance")
    if type(figure) not in (int, float) or not math.isfinite(figure):  # type: ignore[arg-type]
        raise InputError(f"'{folder / FILE}': energy_per_sample_j = {figure!r} should be a number of joules")
    if not isinstance(provenance, dict) or provenance.get("kind") not in ("measured", "modeled"):
        raise InputError(f"'{folder / FILE}': provenance.kind should be 'measured' or 'modeled'")
    return label
