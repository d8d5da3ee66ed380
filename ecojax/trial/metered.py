"""What was found of a network's inference, for trials of the same network: it does not depend on the weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecojax.study import METRICS, Trial

METERED_IN = "metered_in_trial"  # the detail that names the trial whose figures were taken
NAMES = {metric.name for metric in METRICS.values() if metric.when == "metered"}


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
        if "energy" not in details or "latency_ms" not in metrics:
            return None
        return cls(
            trial,
            {name: value for name, value in metrics.items() if name in NAMES},
            {name: text for name, text in provenance.items() if name in NAMES},
            details["energy"],
        )
