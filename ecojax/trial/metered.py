"""What was found of a network's inference, for trials of the same network: it does not depend on the weights."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecojax.study import Trial

METERED_IN = "metered_in_trial"  # the detail that names the trial whose figures were taken
LATENCY = "latency_ms"
_ENERGY = re.compile(r"energy_per_\w+_j(_ci95)?")


def energy_per(unit: str) -> str:
    """The name of the energy of an inference per `unit`, such as a sample or a token."""
    return f"energy_per_{unit}_j"


def _is_metered(name: str) -> bool:
    return name == LATENCY or _ENERGY.fullmatch(name) is not None


@dataclass(frozen=True)
class Metered:
    """The figures of an inference, and the `trial` in which they were measured, in plain values."""

    trial: int
    metrics: Mapping[str, float]
    provenance: Mapping[str, str]
    energy: Mapping[str, Any]

    @classmethod
    def of(cls, trial: Trial) -> "Metered | None":
        """Those that `trial` holds; None where it was not metered, or took them from another."""
        if trial.details.get(METERED_IN, trial.id) != trial.id:
            return None
        return cls.found(trial.id, trial.metrics, trial.provenance, trial.details)

    @classmethod
    def found(
        cls,
        trial: int,
        metrics: Mapping[str, float],
        provenance: Mapping[str, str],
        details: Mapping[str, Any],
    ) -> "Metered | None":
        """Those among the figures of an outcome; None where some are missing."""
        if "energy" not in details or LATENCY not in metrics:
            return None
        return cls(
            trial,
            {name: value for name, value in metrics.items() if _is_metered(name)},
            {name: text for name, text in provenance.items() if _is_metered(name)},
            details["energy"],
        )
