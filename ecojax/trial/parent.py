"""Whose weights a trial begins with: those of the finished trial whose network is most like its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ecojax.study import Trial

if TYPE_CHECKING:
    from ecojax.tasks import ImageClassification

INHERITED_FROM = "inherited_from_trial"  # the detail that names it


@dataclass(frozen=True)
class Parent:
    """A finished trial in plain values: its number, configuration, and trained weights by name."""

    trial: int
    configuration: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


def nearest(
    task: "ImageClassification", configuration: Mapping[str, Any], finished: Iterable[Trial]
) -> Trial | None:
    """The trial of the same family that differs in the fewest architecture parameters.

    Of several the most accurate, then the first; None where no complete trial has weights of that family.
    """
    network = task.network(configuration)
    own = dict(network.architecture)

    def strangeness(trial: Trial) -> tuple[int, float, int]:
        other = dict(task.network(trial.configuration).architecture)
        return sum(own[name] != other[name] for name in own), -trial.metrics["accuracy"], trial.id

    relatives = [
        trial
        for trial in finished
        if trial.complete and trial.weights and trial.configuration["family"] == network.family
    ]
    return min(relatives, key=strangeness, default=None)
