"""`energy.json`: the energy label of a model. The figure, its interval, its conditions, and where it comes from."""

from collections.abc import Mapping
from typing import Any

from ecojax.errors import InputError
from ecojax.study import Trial

FILE, FORMAT, VERSION = "energy.json", "ecojax-energy", 1


def energy_label(trial: Trial, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The label of a complete trial, units in the names. Raises `InputError` when its energy was never metered."""
    conditions = trial.details.get("energy")
    if not isinstance(conditions, Mapping) or "energy_per_sample_j" not in trial.metrics:
        raise InputError(f"trial {trial.id} has no energy figure to export; pick a trial that was metered")
    figures = ("energy_per_sample_j", "energy_per_sample_j_ci95", "latency_ms")
    training = ("train_energy_j", "train_seconds", "trial_energy_j")
    return {
        **{name: trial.metrics.get(name) for name in figures},
        "batch_size": conditions.get("batch_size"),
        "precision": conditions.get("precision"),
        "device": conditions.get("device"),
        "provenance": dict(conditions["provenance"]),
        "windows": conditions.get("windows"),
        "metered_seconds": conditions.get("seconds"),
        "converged": conditions.get("converged"),
        "gates": dict(conditions.get("gates", {})),
        **{name: trial.metrics.get(name) for name in training},
        "train_energy_provenance": trial.provenance.get("train_energy_j"),
        "dataset": settings.get("dataset"),
        "dataset_title": settings.get("dataset_title"),
    }
