"""What every search is judged by: hypervolume against evaluations, repeats counted as the evaluations they are."""

import time
from collections.abc import Sequence

import numpy as np

from benchmarks.engine.problem import Problem
from ecojax.space import Configuration

CHECKPOINTS = (50, 100, 200, 500)
GRID = (*range(10, 100, 10), *range(100, 200, 25), *range(200, 501, 50))  # the curve that is kept


class Ledger:
    """Evaluates configurations and writes down what came of them, up to `trials` of them or `seconds`."""

    def __init__(self, problem: Problem, trials: int, seconds: float = float("inf")):
        self.problem, self.trials, self._until = problem, trials, time.perf_counter() + seconds
        self._began = time.perf_counter()
        self._F: list[np.ndarray] = []
        self._strict: list[np.ndarray] = []
        self._keys: list[tuple] = []

    def __call__(self, configuration: Configuration) -> list[float]:
        values = self.problem.objectives(configuration)
        if len(self._F) < self.trials:  # what a generation evaluates beyond the budget is nobody's
            self._F.append(values)
            self._strict.append(self.problem.strictly(configuration))
            self._keys.append(tuple(configuration[parameter.name] for parameter in self.problem.space))
        return values.tolist()

    @property
    def full(self) -> bool:
        return len(self._F) >= self.trials or time.perf_counter() > self._until

    def record(self) -> dict:
        """Ratios to the true front at the points of `GRID` that were reached, and what the search cost."""
        n = len(self._F)
        reached = [point for point in GRID if point <= n]
        return {
            "evaluations": n,
            "repeated": n - len(set(self._keys)),
            "seconds": round(time.perf_counter() - self._began, 2),
            "ratio": curve(self._F, reached, lambda F: self.problem.ratio(np.asarray(F))),
            "strict": curve(
                self._strict, reached, lambda points: self.problem.strict_ratio(np.concatenate(points))
            ),
        }


def curve(F: Sequence[np.ndarray], points: Sequence[int], ratio) -> list[float]:  # type: ignore[no-untyped-def]
    return [round(ratio(F[:point]), 4) for point in points]
