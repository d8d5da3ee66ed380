"""Whether any configuration of a space can meet the bounds on what is known before training.

A bound that nothing meets would spend the whole budget on infeasible trials. To be sure of it, the networks of a space
are gone through; where they are too many, those that matter: of the parameters in which a network only ever grows
(`Task.shaping`), the lowest value is as good as any to meet upper bounds, and the highest to meet lower ones. What
cannot be gone through is sampled, and then nothing is refused.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from ecojax.engine.sampling import sobol
from ecojax.errors import InputError
from ecojax.origins import Origins
from ecojax.space import Choice, Configuration, Float, Int, Parameter, SearchSpace
from ecojax.study.constraints import violation

MOST_BUILT = 1500  # networks that are looked at by their parameters: 10 ms each
MOST_TRACED = 400  # networks that are looked at by their FLOPs: 50 ms each
SAMPLED = 200  # points of a Sobol sequence

Bounds = Mapping[str, Mapping[str, float]]


def infeasible(
    space: SearchSpace,
    known: Callable[[Configuration], Mapping[str, float]],
    bounds: Bounds,
    *,
    shaping: Mapping[str, bool] | None,
    origins: Origins,
) -> str | None:
    """A warning where no configuration that was looked at meets `bounds`; None where one does.

    known: the metrics of `bounds` that a configuration's network has; without those that could not be found out.
    shaping: as the task's. Raises `InputError` with the nearest figures where it is certain that none does.
    """
    if not bounds:
        return None
    most = MOST_TRACED if "flops" in bounds else MOST_BUILT
    candidates, all_of_them = _candidates(space, bounds, shaping, most)
    best: tuple[float, Mapping[str, float]] | None = None
    for configuration in candidates:
        metrics = known(configuration)
        if not all(name in metrics for name in bounds):
            continue  # its trial will tell why
        excess = violation(metrics, bounds)
        if excess == 0:
            return None
        if best is None or excess < best[0]:
            best = excess, metrics
    if best is None:
        return None
    asked = " and ".join(
        f"{name}{'>=' if side == 'min' else '<='}{bound:g} ({origins.whence(f'constraints.{name}')})"
        for name, of_metric in bounds.items()
        for side, bound in of_metric.items()
    )
    nearest = " and ".join(f"{name} = {best[1][name]:.6g}" for name in bounds)
    if all_of_them:
        raise InputError(
            f"no network of this space meets {asked}; the nearest has {nearest}: loosen the bound, or widen the space"
        )
    return f"none of the networks looked at meets {asked}; the nearest has {nearest}"


def _candidates(
    space: SearchSpace, bounds: Bounds, shaping: Mapping[str, bool] | None, most: int
) -> tuple[Iterator[Configuration], bool]:
    """Configurations to look at, and whether they decide for all: where none of them is feasible, none is."""
    sides = {side for of_metric in bounds.values() for side in of_metric}
    end = next(iter(sides)) if len(sides) == 1 else None
    axes = None if shaping is None else _axes(space, shaping, end)
    if axes is not None:
        decisive = list(islice(_combinations(space, axes), most + 1))
        if len(decisive) <= most:
            return _first_default(space, iter(decisive)), True
    number = SAMPLED if most == MOST_BUILT else SAMPLED // 4
    drawn = (space.decode(point) for point in sobol(number, len(space), seed=0))
    ends = (space.decode([gene] * len(space)) for gene in (0.0, 1.0))
    return _first_default(space, chain(ends, drawn)), False


def _first_default(space: SearchSpace, rest: Iterator[Configuration]) -> Iterator[Configuration]:
    yield space.default()
    yield from rest


def _axes(
    space: SearchSpace, shaping: Mapping[str, bool], end: str | None
) -> dict[str, Sequence[Any]] | None:
    """The values of each parameter that make a difference to the bounds; None where they cannot be listed.

    end: "max" where all bounds are upper ones, "min" where all are lower ones.
    """
    parents = {parent for parameter in space for parent in parameter.when}
    axes: dict[str, Sequence[Any]] = {}
    for parameter in space:
        if parameter.name not in shaping.keys() | parents:
            continue
        grows = shaping.get(parameter.name, False)
        values = _ends(parameter) if grows else _values(parameter)
        if values is None:
            return None
        if grows and end is not None and parameter.name not in parents:
            values = [min(values) if end == "max" else max(values)]
        elif grows and (values := _values(parameter)) is None:
            return None
        axes[parameter.name] = values
    return axes


def _combinations(space: SearchSpace, axes: Mapping[str, Sequence[Any]]) -> Iterator[Configuration]:
    """Every configuration that differs from another in a parameter of `axes`, with the defaults of all else."""

    def extended(chosen: Configuration, left: tuple[str, ...]) -> Iterator[Configuration]:
        ready = next((name for name in left if not set(space[name].when) & set(left)), None)
        if ready is None:
            yield space.completed(chosen)
            return
        rest = tuple(name for name in left if name != ready)
        active = ready in space.active({**chosen, ready: axes[ready][0]})
        for value in axes[ready] if active else (None,):
            yield from extended(chosen if value is None else {**chosen, ready: value}, rest)

    yield from extended({}, tuple(axes))


def _ends(parameter: Parameter) -> list[Any]:
    return list(parameter.choices) if isinstance(parameter, Choice) else [parameter.low, parameter.high]


def _values(parameter: Parameter) -> list[Any] | None:
    """All values of a parameter; None for one with too many to list."""
    if isinstance(parameter, Choice):
        return list(parameter.choices)
    if isinstance(parameter, Float):
        return [parameter.low] if parameter.low == parameter.high else None
    assert isinstance(parameter, Int)
    return list(islice(range(parameter.low, parameter.high + 1, parameter.step), MOST_BUILT + 1))
