"""What a user believes of a parameter's good values, as a map of its gene in [0, 1].

A uniform gene becomes one that follows the belief: the map is the inverse of the belief's distribution function.
Only sampled genomes pass through it; encoding, decoding and the canonical form know nothing of priors.

    Float, Int            { mean = 32, sd = 8 }: a normal distribution, cut off at the range
    Float, Int, log scale { mean = 0.01, factor = 3 }: a normal distribution of the logarithm; one standard
                          deviation is a factor of 3
    Choice                { relu = 3, gelu = 0.5 }: weights by value as text; what is not named weighs 1
"""

import math
from collections.abc import Callable, Iterable
from itertools import accumulate
from statistics import NormalDist

import numpy as np

from ecojax.errors import InputError
from ecojax.space.parameters import Choice, Float, Parameter, Value

Prior = Callable[[np.ndarray], np.ndarray]

NARROWEST = 1e-6  # standard deviations that the range spans; below, the belief is as good as uniform
BELOW_ONE = 1 - 1e-9  # a share of a level that float rounding does not carry into the next


def prior_map(space: Iterable[Parameter]) -> Prior | None:
    """The map of genomes `[genes]` that the priors of the parameters of `space` make; None where none has one."""
    parameters = tuple(space)
    if not any(parameter.prior for parameter in parameters):
        return None
    maps = [_gene_map(parameter) for parameter in parameters]

    def mapped(genome: np.ndarray) -> np.ndarray:
        return np.array([gene_map(float(gene)) for gene_map, gene in zip(maps, genome, strict=True)])

    return mapped


def check_prior(parameter: Parameter) -> None:
    """Raises `InputError` when the prior of `parameter` is none that its kind and scale can have."""
    prior, what = dict(parameter.prior), f"parameter '{parameter.name}': prior"
    if not prior:
        return
    for key, value in prior.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise InputError(f"{what}.{key} = {value!r} must be a finite number")
    if isinstance(parameter, Choice):
        texts = [_text(value) for value in parameter.choices]
        for key, weight in prior.items():
            if key not in texts:
                raise InputError(f"{what} names '{key}'; the choices are {', '.join(texts)}")
            if weight < 0:
                raise InputError(f"{what}.{key} = {weight} must not be negative")
        if not sum(_weights(parameter)):
            raise InputError(f"{what} gives every choice the weight 0; give one of them more")
        return
    spread, least = ("factor", 1) if parameter.log else ("sd", 0)
    if set(prior) != {"mean", spread}:
        scale = "log" if parameter.log else "linear"
        raise InputError(
            f"{what} has the keys {', '.join(sorted(prior))}; on a {scale} scale it takes mean and {spread}"
        )
    if prior[spread] <= least:
        raise InputError(f"{what}.{spread} = {prior[spread]} must be above {least}")
    if not parameter.low <= prior["mean"] <= parameter.high:
        raise InputError(
            f"{what}.mean = {prior['mean']} lies outside; it takes {parameter.low} to {parameter.high}"
        )


def _gene_map(parameter: Parameter) -> Callable[[float], float]:
    if not parameter.prior:
        return lambda gene: gene
    if isinstance(parameter, Choice):
        return _by_weight(_weights(parameter))
    mean, (low, high) = float(parameter.prior["mean"]), _edges(parameter)
    spread = parameter.prior["factor" if parameter.log else "sd"]
    if parameter.log:
        mean, low, high, spread = (math.log(value) for value in (mean, low, high, spread))
    return _by_normal((low - mean) / spread, (high - mean) / spread)


def _edges(parameter: Parameter) -> tuple[float, float]:
    """The values, between members where need be, at the genes 0 and 1."""
    if isinstance(parameter, Float):
        return float(parameter.low), float(parameter.high)
    assert not isinstance(parameter, Choice)
    half = min(parameter.step, parameter.low) / 2 if parameter.log else parameter.step / 2
    return parameter.low - half, parameter.high + parameter.step / 2


def _by_normal(start: float, end: float) -> Callable[[float], float]:
    """The standard normal distribution, cut off at `start` and `end`, as a map of [0, 1]."""
    normal = NormalDist()
    if end - start < NARROWEST:
        return lambda gene: gene
    below, within = normal.cdf(start), normal.cdf(end) - normal.cdf(start)

    def mapped(gene: float) -> float:
        share = min(max(below + gene * within, 1e-300), 1 - 1e-16)
        return min(max((normal.inv_cdf(share) - start) / (end - start), 0.0), 1.0)

    return mapped


def _by_weight(weights: list[float]) -> Callable[[float], float]:
    """Levels with shares by weight, as a map to levels with equal shares."""
    total = sum(weights)
    ends = list(accumulate(weight / total for weight in weights))
    last = max(level for level, weight in enumerate(weights) if weight)

    def mapped(gene: float) -> float:
        level = next((level for level, end in enumerate(ends) if gene < end), last)
        share = weights[level] / total
        within = (gene - (ends[level] - share)) / share
        return (level + min(max(within, 0.0), BELOW_ONE)) / len(weights)

    return mapped


def _weights(parameter: Choice) -> list[float]:
    return [float(parameter.prior.get(_text(value), 1.0)) for value in parameter.choices]


def _text(value: Value) -> str:
    """A value as a TOML key: true, not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)
