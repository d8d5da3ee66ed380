"""Bounds on metrics as people write them, `flops<=40M` or `accuracy>=90%`, read as numbers in the metrics' units."""

import re
from collections.abc import Mapping
from typing import Any

from ecojax.errors import InputError
from ecojax.study.declarations import METRICS, presumed, selectable
from ecojax.study.metrics import Metric

_SIGNS = {"<=": "max", "≤": "max", ">=": "min", "≥": "min"}
_BOUND = re.compile(r"\s*(\w+)\s*(<=|>=|≤|≥)\s*(.+)")


Metrics = Mapping[str, Metric]


def parse_constraint(text: str, metrics: Metrics | None = METRICS) -> tuple[str, dict[str, float]]:
    """`flops<=40M`, `accuracy>=90%` or `latency_ms<=2` as a metric's name and its bound, in the metric's unit.

    metrics: those that there are; None where a task may bring more, of which any name and number will do until then.

    Raises `InputError` for other texts, unknown metrics, units that are not the metric's, and bounds that the metric
    never takes.
    """
    match = _BOUND.fullmatch(text)
    if match is None:
        raise InputError(
            f"constraint '{text}' is no bound; write for instance 'flops<=40M' or 'accuracy>=0.6'"
        )
    name, sign, bound = match.groups()
    if metrics is None and name not in METRICS:
        metric = presumed(name)
    else:
        metric = selectable(name, f"constraint '{text}'", metrics or METRICS)
    sign = {"≤": "<=", "≥": ">="}.get(sign, sign)
    try:
        return name, {_SIGNS[sign]: metric.bound(bound, sign)}
    except ValueError as error:
        raise InputError(f"constraint '{text}': {error}") from None


def bounds_of(constraints: Any, metrics: Metrics | None = METRICS) -> Any:
    """Constraints as `{metric: {"min" and/or "max": number}}`, from that or from what `parse_constraint` takes.

    A bound may be text with a unit, `{"latency_ms": {"max": "2ms"}}`. What is neither is given back, to be refused by
    who asked. Raises `InputError` as `parse_constraint` does.
    """
    if isinstance(constraints, str):
        constraints = [constraints]
    if isinstance(constraints, list | tuple) and all(isinstance(text, str) for text in constraints):
        bounds: dict[str, dict[str, float]] = {}
        for name, bound in (parse_constraint(text, metrics) for text in constraints):
            bounds[name] = bounds.get(name, {}) | bound
        return bounds
    if not isinstance(constraints, Mapping):
        return constraints
    return {name: _in_numbers(name, bound, metrics) for name, bound in constraints.items()}


def _in_numbers(name: Any, bounds: Any, metrics: Metrics | None) -> Any:
    known = isinstance(name, str) if metrics is None else name in metrics
    if not isinstance(bounds, Mapping) or not known:
        return bounds
    signs = {"min": ">=", "max": "<="}
    return {
        side: parse_constraint(f"{name}{signs[side]}{bound}", metrics)[1][side]
        if side in signs and isinstance(bound, str)
        else bound
        for side, bound in bounds.items()
    }
