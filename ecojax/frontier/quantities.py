"""How a metric is written for people: its name in words, its unit, and the prefix that suits its size."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ecojax.study import METRICS

_ROUNDING = 1 + 5e-4  # what is shown with three digits as 1000 counts as 1000
_PREFIXES = {-12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}


@dataclass(frozen=True)
class Quantity:
    """A metric in words.

    short: for the head of a column. long: for an axis. `unit_size` is one of the metric's own units in `unit`.
    """

    short: str
    long: str
    unit: str = ""
    unit_size: float = 1.0
    prefixed: bool = True


@dataclass(frozen=True)
class Scale:
    """What to multiply a metric by, and the unit that it is in then."""

    factor: float
    unit: str


_QUANTITIES = {
    "accuracy": Quantity("accuracy", "validation accuracy", "%", 100, prefixed=False),
    "test_accuracy": Quantity("test", "test accuracy", "%", 100, prefixed=False),
    "energy_per_sample_j": Quantity("energy", "energy per inference", "J"),
    "latency_ms": Quantity("latency", "latency of a batch", "s", 1e-3),
    "parameters": Quantity("params", "parameters"),
    "flops": Quantity("compute", "compute per inference", "FLOP"),
    "train_energy_j": Quantity("training", "energy of training", "J"),
    "train_seconds": Quantity("training", "time of training", "s", prefixed=False),
}


def quantity(metric: str) -> Quantity:
    """How `metric` is written; one that has no words of its own keeps its name and unit."""
    unit = METRICS[metric].unit if metric in METRICS else ""
    return _QUANTITIES.get(metric, Quantity(metric, metric.replace("_", " "), unit, prefixed=False))


def scale(metric: str, values: Iterable[float]) -> Scale:
    """One unit for many values of `metric`: the one that puts their median between 1 and 1000."""
    words = quantity(metric)
    sizes = sorted(abs(value) * words.unit_size for value in values if math.isfinite(value) and value)
    power = _power(sizes[len(sizes) // 2]) if words.prefixed and sizes else 0
    return Scale(words.unit_size * 10.0**-power, _PREFIXES[power] + words.unit)


def digits(value: float) -> int:
    """The decimals with which `value` shows three significant digits."""
    return max(0, 2 - math.floor(math.log10(abs(value) * _ROUNDING))) if value else 0


def written(metric: str, value: float) -> str:
    """A value of `metric` to three digits in a unit that suits it: "41.3 µJ", "97.4 %"."""
    unit = scale(metric, [value])
    return _written(value * unit.factor, unit.unit)


def joules(value: float) -> str:
    """An energy to three digits: "41.3 µJ"."""
    power = _power(abs(value)) if value and math.isfinite(value) else 0
    return _written(value * 10.0**-power, _PREFIXES[power] + "J")


def _written(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:.{digits(value)}f} {unit}".rstrip()


def _power(size: float) -> int:
    power = 3 * math.floor(math.log10(size * _ROUNDING) / 3)
    return min(max(power, min(_PREFIXES)), max(_PREFIXES))


def duration(seconds: float) -> str:
    """Seconds in words: `0.039 s`, `7.3 s`, `42 s`, `3 min 05 s`, `2 h 30 min`."""
    if 0 < seconds < 9.95:
        return f"{seconds:.2g} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
