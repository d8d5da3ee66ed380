"""How a training stands at its rungs, against the finished trials that it is held against."""

from collections.abc import Mapping

from ecojax.study import Metric
from ecojax.trial.packs import Progress
from ecojax.trial.rungs import Extrapolation, Rival, Rivals, extrapolate


class Standing(Progress):
    """How a training does at its rungs, by its quality, the first of the `declared` metrics, against its `rivals`.

    metrics: what is known of the trial before training, its costs among them. in_steps: whether its rungs are steps,
    for want of knowing how many there will be, and not shares of the training.
    """

    def __init__(
        self,
        declared: Mapping[str, Metric],
        rivals: Rivals,
        metrics: Mapping[str, float],
        *,
        in_steps: bool = False,
    ):
        self._declared, self._rivals, self.in_steps = declared, rivals, in_steps
        self._quality = next(iter(declared.values()))
        self._costs: dict[str, float] = {}  # the least that they may be
        self.learn(metrics)
        self.rungs: dict[float, float] = {}  # quality by share of the training
        self.end: Extrapolation | None = None
        self.beaten_by: Rival | None = None

    def learn(self, costs: Mapping[str, float]) -> None:
        """Takes what is known of the trial's costs."""
        for name, value in costs.items():
            turned = self._declared[name].minimised(value) if name in self._declared else value
            self._costs[name] = turned - costs.get(f"{name}_ci95", 0.0)

    def reached(self, share: float, quality: float) -> bool:
        self.rungs[share] = quality
        self.end = extrapolate(self._quality, quality, share, self._rivals.curves)
        self.beaten_by = self._rivals.beating(self._quality, self.end.bound, self._costs)
        return self.beaten_by is not None

    def in_words(self) -> str:
        assert self.beaten_by is not None
        assert self.end is not None
        place, quality = max(self.rungs.items())
        name = self._quality.name
        after = f"step {place:g}" if self.in_steps else f"{100 * place:.3g} % of the training"
        return (
            f"after {after} {name} was {quality:.4f}, and could hardly have passed "
            f"{self.end.bound:.4f}; trial {self.beaten_by.trial} has {self.beaten_by.quality:.4f} at no higher cost"
        )
