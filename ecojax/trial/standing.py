"""How a training stands at its rungs, against the finished trials that it is held against."""

import math
from collections.abc import Mapping

from ecojax.trial.packs import Progress
from ecojax.trial.rungs import Extrapolation, Rival, Rivals, extrapolate


class Standing(Progress):
    """How a training does at its rungs, against its `rivals`, judged on so many validation `images`."""

    def __init__(self, rivals: Rivals, metrics: Mapping[str, float], images: int):
        self._rivals, self.images = rivals, images
        # the least that they may be
        self._costs = {name: value - metrics.get(f"{name}_ci95", 0.0) for name, value in metrics.items()}
        self.accuracies: dict[float, float] = {}  # by epochs trained
        self.end = Extrapolation(0.0, math.inf)
        self.beaten_by: Rival | None = None

    def reached(self, epoch: float, accuracy: float) -> bool:
        self.accuracies[epoch] = accuracy
        self.end = extrapolate(accuracy, epoch, self._rivals.curves, self.images)
        self.beaten_by = self._rivals.beating(self.end.bound, self._costs)
        return self.beaten_by is not None

    def in_words(self, epochs: int) -> str:
        assert self.beaten_by is not None
        epoch, accuracy = max(self.accuracies.items())
        return (
            f"after {epoch:.3g} of {epochs} epochs the accuracy was {accuracy:.4f}, and could hardly have passed "
            f"{self.end.bound:.4f}; trial {self.beaten_by.trial} has {self.beaten_by.accuracy:.4f} at no higher cost"
        )
