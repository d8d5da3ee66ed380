"""A plain function of a configuration, whose figures are the metrics; nothing is trained or metered here."""

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ecojax.errors import InputError
from ecojax.space import Parameter, SearchSpace
from ecojax.study import Metric
from ecojax.tasks.code import load_object, require_place
from ecojax.tasks.composition import compose_space
from ecojax.tasks.task import Arrays, Candidate, Split, Task

WAYS = {"min": "minimize", "minimize": "minimize", "max": "maximize", "maximize": "maximize"}


@dataclass(frozen=True)
class FunctionGiven:
    """Makes the task of `objective(configuration)`, a number for each of `metrics`, "min" or "max" by name."""

    objective: Callable[[dict[str, Any]], Mapping[str, float]] | str
    parameters: tuple[Parameter, ...]
    metrics: Mapping[str, str]

    def __call__(self, pin: Mapping[str, Any]) -> "OwnFunction":
        function = self.objective
        if isinstance(function, str):
            function = load_object(function, f"objective={function!r}")
        metrics = tuple(
            Metric(name, WAYS[way], "", "a figure of the function", least=-math.inf)  # type: ignore[arg-type]
            for name, way in self.metrics.items()
        )
        return OwnFunction(function, compose_space(self.parameters, pins=pin), metrics)

    def for_workers(self) -> "FunctionGiven":
        """The same with the function by its place. Raises `InputError` where workers cannot load it."""
        return replace(self, objective=require_place(self.objective, "objective"))


def given(objective: Any, parameters: tuple[Parameter, ...], metrics: Any) -> FunctionGiven:
    """What was given, in one form. Raises `InputError` for what is none."""
    if not callable(objective) and not isinstance(objective, str):
        raise InputError(f"objective is a {type(objective).__name__}; give a function of a configuration")
    if not parameters:
        raise InputError('objective needs a space; give for instance space={"x": ecojax.Float(0.0, 1.0)}')
    if not isinstance(metrics, Mapping) or not metrics or any(way not in WAYS for way in metrics.values()):
        raise InputError(
            f"metrics is {metrics!r}; say which way each figure of the objective is better, as in "
            '{"error": "min", "joules": "min"}'
        )
    return FunctionGiven(objective, parameters, dict(metrics))


@dataclass(frozen=True)
class OwnFunction(Task):
    """The task of the best figures of a function; all of its metrics are objectives."""

    function: Callable[[dict[str, Any]], Mapping[str, float]]
    space: SearchSpace
    metrics: tuple[Metric, ...]

    @cached_property
    def objectives(self) -> tuple[str, ...]:
        return tuple(metric.name for metric in self.metrics)

    @property
    def searched(self) -> str:
        return str(getattr(self.function, "__qualname__", type(self.function).__name__))

    @property
    def summary(self) -> str:
        return f"figures of {getattr(self.function, '__name__', 'a function')}: {', '.join(self.objectives)}"

    def candidate(self, configuration: Mapping[str, Any]) -> "Call":
        return Call(self, dict(configuration))


class Call(Candidate):
    """The function with one configuration."""

    def __init__(self, task: OwnFunction, configuration: dict[str, Any]):
        self._task, self._configuration = task, configuration

    @property
    def signature(self) -> Hashable:
        return tuple(self._configuration.items())

    def judge(self, arrays: Arrays, split: Split) -> Mapping[str, float]:
        """Calls the function; a test split there is not."""
        if split == "test":
            return {}
        found: Any = self._task.function(dict(self._configuration))
        if not isinstance(found, Mapping):
            raise TypeError(
                f"the objective gives {found!r}; return a dict of {', '.join(self._task.objectives)}"
            )
        for name in self._task.objectives:
            if name not in found:
                raise KeyError(f"the objective gives {', '.join(map(str, found))} and no '{name}'; add it")
        return {name: float(found[name]) for name in self._task.objectives}
