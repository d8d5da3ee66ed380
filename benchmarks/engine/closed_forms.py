"""ZDT1-4, ZDT6 and DTLZ2, with true fronts in closed form or densely sampled from one.

Zitzler, Deb and Thiele, Evolutionary Computation 8(2), 2000; Deb, Thiele, Laumanns and Zitzler, CEC 2002.

Up to the literature's reference (1.1, 1.1) a search of 200 trials has a hypervolume of zero on most of these. The
reference here is therefore that of the tables, the 95 % quantile of each objective over the space (in every objective
at least 1.1); ratios up to 1.1 are recorded beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from benchmarks.engine.problem import REFERENCE_QUANTILE, Problem
from ecojax.space import Configuration, Float, SearchSpace

# ZDT1-3 in 12 dimensions, ZDT4 and ZDT6 in 6, DTLZ2 (three objectives) in 8
DIMENSIONS = {"zdt1": 12, "zdt2": 12, "zdt3": 12, "zdt4": 6, "zdt6": 6, "dtlz2": 8}
STRICT = 1.1
SAMPLES = 1 << 20


def zdt1(X: np.ndarray) -> np.ndarray:
    f, g = X[:, 0], 1 + 9 * X[:, 1:].mean(axis=1)
    return np.stack([f, g * (1 - np.sqrt(f / g))], axis=1)


def zdt2(X: np.ndarray) -> np.ndarray:
    f, g = X[:, 0], 1 + 9 * X[:, 1:].mean(axis=1)
    return np.stack([f, g * (1 - (f / g) ** 2)], axis=1)


def zdt3(X: np.ndarray) -> np.ndarray:
    f, g = X[:, 0], 1 + 9 * X[:, 1:].mean(axis=1)
    return np.stack([f, g * (1 - np.sqrt(f / g) - f / g * np.sin(10 * np.pi * f))], axis=1)


def zdt4(X: np.ndarray) -> np.ndarray:
    rest = X[:, 1:]
    f, g = X[:, 0], 1 + 10 * rest.shape[1] + (rest**2 - 10 * np.cos(4 * np.pi * rest)).sum(axis=1)
    return np.stack([f, g * (1 - np.sqrt(f / g))], axis=1)


def zdt6(X: np.ndarray) -> np.ndarray:
    f = 1 - np.exp(-4 * X[:, 0]) * np.sin(6 * np.pi * X[:, 0]) ** 6
    g = 1 + 9 * X[:, 1:].mean(axis=1) ** 0.25
    return np.stack([f, g * (1 - (f / g) ** 2)], axis=1)


def dtlz2(X: np.ndarray) -> np.ndarray:
    one, two = X[:, 0] * np.pi / 2, X[:, 1] * np.pi / 2
    radius = 1 + ((X[:, 2:] - 0.5) ** 2).sum(axis=1)
    return radius[:, None] * np.stack(
        [np.cos(one) * np.cos(two), np.cos(one) * np.sin(two), np.sin(one)], axis=1
    )


FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "zdt1": zdt1,
    "zdt2": zdt2,
    "zdt3": zdt3,
    "zdt4": zdt4,
    "zdt6": zdt6,
    "dtlz2": dtlz2,
}


def true_hypervolume(name: str, reference: np.ndarray) -> float:
    """Hypervolume of the true front (g = 1), up to a reference that no objective of it exceeds."""
    end = reference[0]
    if name in ("zdt1", "zdt4"):  # f2 = 1 - sqrt(f1)
        return float(reference[1] * end - 1 / 3)
    if name == "zdt2":  # f2 = 1 - f1²
        return float(reference[1] * end - 2 / 3)
    if name == "zdt6":  # f2 = 1 - f1² from the least f1 on
        least = zdt6_least_f1()
        return float(reference[1] * (end - least) - (1 - least) + (1 - least**3) / 3)
    if name == "dtlz2":  # the positive part of the unit ball is what cannot be dominated
        return float(np.prod(reference) - np.pi / 6)
    if name == "zdt3":  # disconnected: the integral under its staircase, by the trapezoidal rule
        f = np.linspace(0, 1, SAMPLES + 1)
        least_f2 = np.minimum.accumulate(zdt3(np.stack([f, np.zeros_like(f)], axis=1))[:, 1])
        return float(reference[1] * end - np.trapezoid(least_f2, f) - least_f2[-1] * (end - 1))
    raise KeyError(name)


@cache
def zdt6_least_f1() -> float:
    """By dense sampling around where it is, x = 0.0815."""
    x = np.linspace(0.08, 0.083, SAMPLES + 1)
    return float((1 - np.exp(-4 * x) * np.sin(6 * np.pi * x) ** 6).min())


@dataclass(frozen=True, kw_only=True)
class ClosedForm(Problem):
    function: Callable[[np.ndarray], np.ndarray] = field(repr=False)

    def objectives(self, configuration: Configuration) -> np.ndarray:
        return self.function(np.array([[configuration[p.name] for p in self.space]], float))[0]


def bounds(name: str) -> list[tuple[float, float]]:
    """The range of every variable."""
    n = DIMENSIONS[name]
    return [(0.0, 1.0)] + [(-5.0, 5.0) if name == "zdt4" else (0.0, 1.0)] * (n - 1)


@cache
def load(name: str) -> ClosedForm:
    low, high = np.array(bounds(name)).T
    X = np.random.default_rng(0).uniform(low, high, (SAMPLES // 8, len(low)))
    F = FUNCTIONS[name](X)
    reference = np.maximum(np.quantile(F, REFERENCE_QUANTILE, axis=0), STRICT)
    strict = np.full(F.shape[1], STRICT)
    return ClosedForm(
        name=name,
        space=SearchSpace(Float(f"x{i}", a, b) for i, (a, b) in enumerate(bounds(name))),
        reference=reference,
        true_hypervolume=true_hypervolume(name, reference),
        cheap=(False,) * F.shape[1],
        strict_reference=strict,
        strict_hypervolume=true_hypervolume(name, strict),
        function=FUNCTIONS[name],
    )
