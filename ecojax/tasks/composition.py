"""Putting a search space together: families, recipe, the user's own tables, and pinned values."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ecojax.errors import InputError
from ecojax.models import family
from ecojax.origins import Origins
from ecojax.space import Choice, Float, Parameter, SearchSpace
from ecojax.space.parameters import describe_domain
from ecojax.space.tables import parameter_from_table
from ecojax.spelling import did_you_mean


def family_parameters(names: Sequence[str], input_shape: tuple[int, ...]) -> list[Parameter]:
    """The parameters of several families in one space, each active only in a network of a family that has it.

    A parameter that all families share is unconditional. Raises `InputError` for an unknown family or none.
    """
    if not names:
        raise InputError("the search names no model family; give at least one")
    by_family = {name: family(name).parameters(input_shape) for name in dict.fromkeys(names)}
    if len(by_family) == 1:
        return [Choice("family", tuple(by_family)), *next(iter(by_family.values()))]
    merged: dict[str, Parameter] = {}
    owners: dict[str, list[str]] = {}
    for name, parameters in by_family.items():
        for parameter in parameters:
            if merged.setdefault(parameter.name, parameter) != parameter:
                raise InputError(f"families {list(by_family)} mean different things by '{parameter.name}'")
            owners.setdefault(parameter.name, []).append(name)
    return [
        Choice("family", tuple(by_family), default=next(iter(by_family))),
        *(
            parameter
            if len(owners[parameter.name]) == len(by_family)
            else replace(parameter, when={**parameter.when, "family": tuple(owners[parameter.name])})
            for parameter in merged.values()
        ),
    ]


def compose_space(
    parameters: Iterable[Parameter],
    *,
    tables: Mapping[str, Any] | None = None,
    pins: Mapping[str, Any] | None = None,
    widest: Iterable[Parameter] = (),
    source: str | Origins = "the search settings",
) -> SearchSpace:
    """`parameters`, with the user's `tables` in place of those of the same name, and `pins` held at one value.

    A table keeps the condition of the parameter it replaces unless it states its own. A parameter that no
    pinned parent ever activates is dropped. `widest` holds what networks and trainings can be made of: neither a table
    nor a pin may go beyond. Raises `InputError` naming the origin and the key for a parameter that nothing here knows,
    values that nothing can be made of, a stated condition on values that its parent never takes, a pin that is no
    value of its parameter, and an option for a parameter that the pins leave without a use.
    """
    origins = Origins.of(source)
    space = {parameter.name: parameter for parameter in parameters}
    limits = {parameter.name: parameter for parameter in widest}
    for name, table in (tables or {}).items():
        _require_known(name, space, origins.place(f"space.{name}"))
        parameter = parameter_from_table(name, table, source=str(origins))
        if name in limits:
            _require_buildable(parameter, limits[name], origins.place(f"space.{name}"))
        space[name] = parameter if "when" in table else replace(parameter, when=space[name].when)
    for name, table in (tables or {}).items():
        if "when" in table:  # what a user asks for is never dropped silently
            _require_possible(space[name], space, f"{source}: space.{name}")
    for name, value in (pins or {}).items():
        _require_known(name, space, origins.place(f"pin.{name}"))
        place = origins.named(f"pin.{name}", value)
        space[name] = _pinned(space[name], value, place)
        if name in limits and not limits[name].contains(value):
            raise InputError(f"{place}; what can be built takes {describe_domain(limits[name])}")
    try:
        composed = SearchSpace(_reachable(space))
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    for name in pins or {}:
        if name not in composed and f"pin.{name}" in origins:
            parents = " and ".join(
                f"{parent} is {' or '.join(map(str, values))}" for parent, values in space[name].when.items()
            )
            raise InputError(
                f"{origins.place(f'pin.{name}')} has no use here: '{name}' is searched only where {parents}; "
                "leave it out"
            )
    return composed


def _require_known(name: str, space: Mapping[str, Parameter], where: str) -> None:
    if name not in space:
        raise InputError(
            f"{where} is no parameter of this search{did_you_mean(name, space)}; there are {', '.join(sorted(space))}"
        )


def _require_buildable(parameter: Parameter, limit: Parameter, where: str) -> None:
    """Raises `InputError` where a table goes beyond what networks and trainings can be made of."""
    takes = f"'{parameter.name}' takes {describe_domain(limit)}"
    if isinstance(parameter, Choice):
        for value in parameter.choices:
            if not limit.contains(value):
                raise InputError(f"{where} has the choice {value!r}{_close(value, limit)}; {takes}")
    elif isinstance(limit, Choice):
        raise InputError(
            f'{where} has the type "{type(parameter).__name__.lower()}"; {takes}: make it a choice'
        )
    elif isinstance(parameter, Float) and not isinstance(limit, Float):
        raise InputError(f'{where} has the type "float"; {takes}: make it an int')
    else:
        for key, value in (("low", parameter.low), ("high", parameter.high)):
            if not limit.contains(value):
                raise InputError(f"{where} has {key} = {value!r}; {takes}")


def _close(value: Any, limit: Parameter) -> str:
    return did_you_mean(value, map(str, limit.choices)) if isinstance(limit, Choice) else ""


def _require_possible(parameter: Parameter, space: Mapping[str, Parameter], where: str) -> None:
    for parent, values in parameter.when.items():
        _require_known(parent, space, f"{where}: when.{parent}")
        if not values or not all(space[parent].contains(value) for value in values):
            raise InputError(
                f"{where}: when.{parent} = {list(values)}; '{parent}' takes {describe_domain(space[parent])}"
            )


def _pinned(parameter: Parameter, value: Any, where: str) -> Parameter:
    """The parameter as a choice of one. A positive number may lie beyond the range: pinning is deliberate."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    numeric = whole or (isinstance(value, float) and isinstance(parameter, Float))
    beyond = not isinstance(parameter, Choice) and numeric and 0 < value < math.inf
    if not (parameter.contains(value) or beyond):
        raise InputError(f"{where}{_close(value, parameter)}; it takes {describe_domain(parameter)}")
    return Choice(parameter.name, (value,), when=parameter.when)


def _reachable(space: Mapping[str, Parameter]) -> list[Parameter]:
    """Parameters whose conditions the remaining values of their parents can still meet."""
    kept = dict(space)
    while True:
        lost = {
            name
            for name, parameter in kept.items()
            for parent, values in parameter.when.items()
            if parent in space and (parent not in kept or not any(kept[parent].contains(v) for v in values))
        }
        if not lost:
            return [_narrowed(parameter, kept) for parameter in kept.values()]
        kept = {name: parameter for name, parameter in kept.items() if name not in lost}


def _narrowed(parameter: Parameter, space: Mapping[str, Parameter]) -> Parameter:
    """Its condition without the values that a changed parent no longer takes."""
    when = {
        parent: tuple(v for v in values if parent not in space or space[parent].contains(v))
        for parent, values in parameter.when.items()
    }
    return parameter if when == dict(parameter.when) else replace(parameter, when=when)
