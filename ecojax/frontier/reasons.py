"""Why a study has no frontier: what its trials failed of, and which bound kept how many of them off it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecojax.frontier.quantities import written
from ecojax.study import Metric, Trial


@dataclass(frozen=True)
class Bound:
    """A bound of a constraint, and the complete trials that break it.

    side: "min" or "max". broken: how many of `trials` complete trials do. nearest: of the trials' figures the one that
    comes closest to it, or exceeds it most on its right side; None where no complete trial has one.
    """

    metric: Metric
    side: str
    bound: float
    broken: int
    trials: int
    nearest: float | None

    def __str__(self) -> str:
        sign = "≥" if self.side == "min" else "≤"
        text = f"{self.metric.name} {sign} {written(self.metric, self.bound)}"
        if not self.trials:
            return text
        end = "highest" if self.side == "min" else "lowest"
        near = "" if self.nearest is None else f", {end} {written(self.metric, self.nearest)}"
        return f"{text} broken by {self.broken} of {self.trials}{near}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "metric": self.metric.name,
            "side": self.side,
            "bound": self.bound,
            "broken": self.broken,
            "trials": self.trials,
            "nearest": self.nearest,
        }


def bounds_of(
    constraints: Mapping[str, Mapping[str, float]], complete: Sequence[Trial], metrics: Mapping[str, Metric]
) -> list[Bound]:
    """Every bound with the count of `complete` trials that break it, in the order of the constraints."""
    found = []
    for name, bounds in constraints.items():
        figures = [trial.metrics[name] for trial in complete if name in trial.metrics]
        for side, bound in bounds.items():
            broken = sum(figure < bound if side == "min" else figure > bound for figure in figures)
            nearest = (max if side == "min" else min)(figures, default=None)
            found.append(Bound(metrics[name], side, bound, broken, len(figures), nearest))
    return found


def why_none(
    trials: Sequence[Trial], constraints: Mapping[str, Mapping[str, float]], metrics: Mapping[str, Metric]
) -> str:
    """Why none of `trials` is on a frontier, in words; for a study without one."""
    complete = [trial for trial in trials if trial.complete]
    if complete and constraints:
        bounds = "; ".join(map(str, bounds_of(constraints, complete, metrics)))
        return f"no complete trial meets the constraints: {bounds}"
    if complete:
        return "no complete trial has finite objectives"
    ended = [trial for trial in trials if trial.error]
    if not ended:
        return "none of its trials is complete"
    counts = ", ".join(f"{n} {status}" for status, n in Counter(str(t.status) for t in trials).items())
    return f"none of its trials is complete ({counts}; the last: {ended[-1].error})"
