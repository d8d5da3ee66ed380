"""The three kinds of parameter, each a map between a value and one gene in [0, 1].

A gene is cut into equal shares, one a level, so that a uniform gene gives every level of an `Int` or a
`Choice` the same probability (truncating instead would starve the last one). A `Float` is rounded to six
significant digits: what is stored, compared and printed is then what was trained.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, TypeVar

from ecojax.errors import InputError

Value = float | int | str | bool
Condition = Mapping[str, tuple[Value, ...]]

SIGNIFICANT_DIGITS = 6
MOST_LEVELS = 2**31 - 1  # of an integer: the engine counts them in 32 bits


Kind = TypeVar("Kind")


def _may_be_nameless(kind: type[Kind]) -> type[Kind]:
    """Lets a parameter be made without a name, `Int(1, 6)`, where a dict gives it."""
    make = kind.__init__

    @wraps(make)
    def init(self: Any, *arguments: Any, **keywords: Any) -> None:
        if "name" not in keywords and not (arguments and isinstance(arguments[0], str)):
            arguments = ("", *arguments)
        make(self, *arguments, **keywords)

    kind.__init__ = init  # type: ignore[method-assign]
    return kind


@_may_be_nameless
@dataclass(frozen=True)
class Float:
    """A real number in [low, high], uniform, or log-uniform with `log=True`.

    `when` maps the name of another parameter to the values for which this one is active; `prior` is what is
    believed of its good values (`ecojax.space.priors`).
    Raises `InputError` for an empty or non-finite range, a log scale that touches zero, or a default outside.
    """

    name: str
    low: float
    high: float
    log: bool = False
    default: float | None = None
    when: Condition = field(default_factory=dict)
    prior: Mapping[str, float] = field(default_factory=dict)

    levels = 0  # continuous
    categorical = False

    def __post_init__(self) -> None:
        _check_range(self.name, self.low, self.high, self.log)
        _check_default(self)

    def encode(self, value: Value) -> float:
        low, high, value = float(self.low), float(self.high), float(value)
        if low == high:
            return 0.5
        if self.log:
            return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return (value - low) / (high - low)

    def decode(self, gene: float) -> float:
        low, high = float(self.low), float(self.high)
        if self.log:
            value = math.exp(math.log(low) + gene * (math.log(high) - math.log(low)))
        else:
            value = low + gene * (high - low)
        return self.rounded(value)

    def rounded(self, value: float) -> float:
        """`value` as it would be proposed: to so many significant digits, within the bounds."""
        return min(max(float(f"{value:.{SIGNIFICANT_DIGITS}g}"), float(self.low)), float(self.high))

    def contains(self, value: Any) -> bool:
        return _is_number(value) and self.low <= value <= self.high


@_may_be_nameless
@dataclass(frozen=True)
class Int:
    """An integer low, low + step, ... up to high; with `log=True` each *doubling* is as likely as the next.

    On a log scale a gene spans [low - step/2, high + step/2] in the logarithm and is rounded to the nearest
    member. Raises `InputError` for an empty range, a step below one or that misses `high`, or a default
    that is no member.
    """

    name: str
    low: int
    high: int
    step: int = 1
    log: bool = False
    default: int | None = None
    when: Condition = field(default_factory=dict)
    prior: Mapping[str, float] = field(default_factory=dict)

    categorical = False

    def __post_init__(self) -> None:
        for key in ("low", "high", "step"):
            if not _is_integer(getattr(self, key)):
                raise InputError(
                    f"parameter '{self.name}': {key} = {getattr(self, key)!r} is not an integer; "
                    "give a whole number, or make the parameter a float"
                )
        if self.step < 1:
            raise InputError(f"parameter '{self.name}': step = {self.step} must be at least 1")
        _check_range(self.name, self.low, self.high, self.log)
        if (self.high - self.low) % self.step:
            nearest = self.low + (self.high - self.low) // self.step * self.step
            raise InputError(
                f"parameter '{self.name}': high = {self.high} is not low + a multiple of step = {self.step}; "
                f"use high = {nearest}"
            )
        if self.levels > MOST_LEVELS:
            raise InputError(
                f"parameter '{self.name}': low = {self.low} to high = {self.high} are {self.levels} values; "
                "raise step, or make the parameter a float"
            )
        _check_default(self)

    @property
    def levels(self) -> int:
        return (self.high - self.low) // self.step + 1

    def encode(self, value: Value) -> float:
        if not self.log:
            return ((int(value) - self.low) // self.step + 0.5) / self.levels
        low, high = self._log_edges()
        return (math.log(int(value)) - low) / (high - low)

    def decode(self, gene: float) -> int:
        if not self.log:
            return self.low + self.step * min(int(gene * self.levels), self.levels - 1)
        low, high = self._log_edges()
        value = math.exp(low + gene * (high - low))
        nearest = self.low + self.step * round((value - self.low) / self.step)
        return min(max(nearest, self.low), self.high)

    def contains(self, value: Any) -> bool:
        return _is_integer(value) and self.low <= value <= self.high and not (value - self.low) % self.step

    def _log_edges(self) -> tuple[float, float]:
        half = min(self.step, self.low) / 2  # the lower edge stays above zero
        return math.log(self.low - half), math.log(self.high + self.step / 2)


@_may_be_nameless
@dataclass(frozen=True)
class Choice:
    """One of a few values. `ordered=True` says that neighbours in the list are alike (kernel 3, 5, 7).

    Raises `InputError` for an empty list, a value that occurs twice, or a default that is not in it.
    """

    name: str
    choices: tuple[Value, ...]
    ordered: bool = False
    default: Value | None = None
    when: Condition = field(default_factory=dict)
    prior: Mapping[str, float] = field(default_factory=dict)

    log = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", tuple(self.choices))
        if not self.choices:
            raise InputError(f"parameter '{self.name}': choices is empty; list at least one value")
        for value in self.choices:
            if not isinstance(value, bool | int | float | str) or value != value:
                raise InputError(
                    f"parameter '{self.name}': choice {value!r} must be a string, a number, true or false"
                )
        if len({_identity(value) for value in self.choices}) < len(self.choices):
            raise InputError(f"parameter '{self.name}': choices = {list(self.choices)} names a value twice")
        _check_default(self)

    @property
    def levels(self) -> int:
        return len(self.choices)

    @property
    def categorical(self) -> bool:
        return not self.ordered

    def encode(self, value: Value) -> float:
        identities = [_identity(choice) for choice in self.choices]
        return (identities.index(_identity(value)) + 0.5) / self.levels

    def decode(self, gene: float) -> Value:
        return self.choices[min(int(gene * self.levels), self.levels - 1)]

    def contains(self, value: Any) -> bool:
        return _identity(value) in {_identity(choice) for choice in self.choices}


Parameter = Float | Int | Choice


def named(parameter: Parameter, name: str) -> Parameter:
    """The parameter under a name. Raises `InputError` where it has another one."""
    if parameter.name not in ("", name):
        raise InputError(f"space: '{name}' is a parameter called '{parameter.name}'; drop one of the names")
    return replace(parameter, name=name)


def describe_domain(parameter: Parameter) -> str:
    """The values a parameter takes, in words for an error message."""
    if isinstance(parameter, Choice):
        return f"one of {list(parameter.choices)}"
    kind = "a number" if isinstance(parameter, Float) else "an integer"
    step = f" in steps of {parameter.step}" if isinstance(parameter, Int) and parameter.step > 1 else ""
    return f"{kind} from {parameter.low} to {parameter.high}{step}"


def _identity(value: Any) -> tuple[bool, Any]:
    """Tells `True` from `1`, which Python holds equal."""
    return isinstance(value, bool), value


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _is_number(value: Any) -> bool:
    return _is_integer(value) or (isinstance(value, float) and math.isfinite(value))


def _check_range(name: str, low: float, high: float, log: bool) -> None:
    if not (_is_number(low) and _is_number(high)):
        raise InputError(f"parameter '{name}': low = {low!r} and high = {high!r} must be finite numbers")
    if low > high:
        raise InputError(
            f"parameter '{name}': the range is empty, low = {low} exceeds high = {high}; swap them"
        )
    if not math.isfinite(float(high) - float(low)):
        raise InputError(
            f"parameter '{name}': from low = {low} to high = {high} is further than numbers reach"
        )
    if log and low <= 0:
        raise InputError(
            f"parameter '{name}': a log scale needs low above 0, not {low}; raise low or drop log"
        )


def _check_default(parameter: Parameter) -> None:
    default = parameter.default
    if default is not None and not parameter.contains(default):
        raise InputError(
            f"parameter '{parameter.name}': default = {default!r} lies outside; "
            f"it takes {describe_domain(parameter)}"
        )
