"""A plain function of a configuration, whose figures are the metrics; nothing is trained or metered here."""

import inspect
import math
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ecojax.errors import InputError
from ecojax.space import Parameter, SearchSpace
from ecojax.study import Metric
from ecojax.tasks.code import load_object, require_place
from ecojax.tasks.composition import compose_space
from ecojax.tasks.function.report import Report
from ecojax.tasks.task import Arrays, Candidate, Reached, Split, Task

REPORT = "report"  # the parameter of a function that tells of its progress
WAYS = {"min": "minimize", "minimize": "minimize", "max": "maximize", "maximize": "maximize"}


@dataclass(frozen=True)
class FunctionGiven:
    """Makes the task of `objective(configuration)`, a number for each of `metrics`, "min" or "max" by name.

    One with a parameter `report` is given a `Report`.
    """

    objective: Callable[..., Mapping[str, float]] | str
    parameters: tuple[Parameter, ...]
    metrics: Mapping[str, str]

    def __call__(self, pin: Mapping[str, Any], objectives: Collection[str]) -> "OwnFunction":
        function = self.objective
        if isinstance(function, str):
            function = load_object(function, f"objective={function!r}")
            _require_function(function)
        metrics = tuple(
            Metric(name, WAYS[way], "", "a figure of the function", least=-math.inf)  # type: ignore[arg-type]
            for name, way in self.metrics.items()
        )
        chosen = (
            objectives if set(objectives) <= set(self.metrics) else self.metrics
        )  # else they are the default
        return OwnFunction(function, compose_space(self.parameters, pins=pin), metrics, tuple(chosen))

    def for_workers(self) -> "FunctionGiven":
        """The same with the function by its place. Raises `InputError` where workers cannot load it."""
        return replace(self, objective=require_place(self.objective, "objective"))


def given(objective: Any, parameters: tuple[Parameter, ...], metrics: Any) -> FunctionGiven:
    """What was given, in one form. Raises `InputError` for what is none."""
    if not isinstance(objective, str):
        _require_function(objective)
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
    """The task of the best figures of a function; all of its metrics are objectives where nobody has `chosen` some."""

    function: Callable[..., Mapping[str, float]]
    space: SearchSpace
    metrics: tuple[Metric, ...]
    chosen: tuple[str, ...] = ()

    @cached_property
    def objectives(self) -> tuple[str, ...]:
        return tuple(metric.name for metric in self.metrics)

    @cached_property
    def can_be_tried(self) -> bool:
        """Whether it reports, and can be ended where it does so first."""
        return REPORT in [*_parameters(self.function)][1:]

    @property
    def foretold(self) -> tuple[str, ...]:
        return self.objectives[1:] if self.can_be_tried else ()

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

    def __str__(self) -> str:
        return f"a call of {self._task.searched}"

    @property
    def signature(self) -> Hashable:
        return tuple(self._configuration.items())

    def judge(self, arrays: Arrays, split: Split) -> Mapping[str, float]:
        """Calls the function; a test split there is not."""
        return {} if split == "test" else self.work(lambda *_: False) or {}

    def work(self, reached: Reached) -> Mapping[str, float] | None:
        """Calls the function, and ends it where it reports that it is hopeless."""
        if not self._task.can_be_tried:
            return self._figures(self._task.function(dict(self._configuration)))
        quality, *others = self._task.objectives
        needed = [name for name in others if name in self._task.chosen]
        report = Report(quality, others, needed, reached)
        try:
            found = self._task.function(dict(self._configuration), **{REPORT: report})
        except BaseException as error:
            # whatever the function made of being stopped; its own failures and an interrupt pass
            if not report.stopped or isinstance(error, Exception | KeyboardInterrupt | SystemExit):
                raise
            return None
        finally:
            report.close()
        return None if report.stopped else self._figures(found)

    def _figures(self, found: Any) -> Mapping[str, float]:
        if not isinstance(found, Mapping):
            raise TypeError(
                f"the objective gives {found!r}; return a dict of {', '.join(self._task.objectives)}"
            )
        for name in self._task.objectives:
            if name not in found:
                raise KeyError(f"the objective gives {', '.join(map(str, found))} and no '{name}'; add it")
        return {name: float(found[name]) for name in self._task.objectives}


def _require_function(thing: Any) -> None:
    if not callable(thing):
        raise InputError(f"objective is a {type(thing).__name__}; give a function of a configuration")
    for one in [*_parameters(thing).values()][1:]:
        if (
            one.name != REPORT
            and one.default is one.empty
            and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        ):
            raise InputError(
                f"objective takes '{one.name}' besides a configuration; a function that reports its progress takes "
                f"'{REPORT}', anything else needs a default"
            )


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # builtins have none to show
        return {}
