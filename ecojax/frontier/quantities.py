"""Figures as people write them: digits, units, and the prefix that suits their size."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ecojax.study import Metric

_ROUNDING = 1 + 5e-4  # what is shown with three digits as 1000 counts as 1000
_PREFIXES = {-12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}


@dataclass(frozen=True)
class Scale:
    """What to multiply a metric by, and the unit that it is in then."""

    factor: float
    unit: str


def scale(metric: Metric, values: Iterable[float]) -> Scale:
    """One unit for many values of `metric`: the one that puts their median between 1 and 1000."""
    words = metric.said
    sizes = sorted(abs(value) * words.unit_size for value in values if math.isfinite(value) and value)
    power = _power(sizes[len(sizes) // 2]) if words.prefixed and sizes else 0
    return Scale(words.unit_size * 10.0**-power, _PREFIXES[power] + words.unit)


def digits(value: float) -> int:
    """The decimals with which `value` shows three significant digits."""
    return max(0, 2 - math.floor(math.log10(abs(value) * _ROUNDING))) if value else 0


def written(metric: Metric, value: float) -> str:
    """A value of `metric` to three digits in a unit that suits it: "41.3 µJ", "97.4 %"."""
    unit = scale(metric, [value])
    return _written(value * unit.factor, unit.unit)


def times(ratio: float) -> str:
    """A ratio: "1.20 times", "12.3 times", "1,130 times"."""
    return f"{ratio:,.{digits(ratio)}f} times"


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
