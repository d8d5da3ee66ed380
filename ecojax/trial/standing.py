"""How a training stands at its rungs, against the finished trials that it is held against."""

from collections.abc import Mapping

from ecojax.study import Metric
from ecojax.trial.packs import Progress
from ecojax.trial.rungs import Extrapolation, Rival, Rivals, extrapolate


class Standing(Progress):
    """How a training does at its rungs, by the metric `quality`, against its `rivals`.

    metrics: what is known of the trial before training, its costs among them.
    """

    def __init__(self, quality: Metric, rivals: Rivals, metrics: Mapping[str, float]):
        self._quality, self._rivals = quality, rivals
        # the least that they may be
        self._costs = {name: value - metrics.get(f"{name}_ci95", 0.0) for name, value in metrics.items()}
        self.rungs: dict[float, float] = {}  # quality by share of the training
        self.end: Extrapolation | None = None
        self.beaten_by: Rival | None = None

    def reached(self, share: float, quality: float) -> bool:
        self.rungs[share] = quality
        self.end = extrapolate(self._quality, quality, share, self._rivals.curves)
        self.beaten_by = self._rivals.beating(self._quality, self.end.bound, self._costs)
        return self.beaten_by is not None

    def in_words(self) -> str:
        assert self.beaten_by is not None
        assert self.end is not None
        share, quality = max(self.rungs.items())
        name = self._quality.name
        return (
            f"after {100 * share:.3g} % of the training {name} was {quality:.4f}, and could hardly have passed "
            f"{self.end.bound:.4f}; trial {self.beaten_by.trial} has {self.beaten_by.quality:.4f} at no higher cost"
        )
