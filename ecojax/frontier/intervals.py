"""The 95 % intervals of a trial's figures: one rule for table, plot, model card and picks."""

import math
from collections.abc import Mapping

from ecojax.frontier.quantities import Scale, digits, scale
from ecojax.study import Metric

NORMAL_95 = 1.959964  # standard errors to half of a 95 % interval


def half_width_95(metric: Metric, figures: Mapping[str, float]) -> float | None:
    """Half of the 95 % interval of `metric`, in its unit; None where `figures` do not hold its spread.

    The interval that was recorded as such (`..._ci95`), else the standard error (`..._se`): over repeats, by Student's
    t; of one trial, by the normal distribution.
    """
    name = next((name for name in metric.spread if name in figures), None)
    if name is None:
        return None
    error = figures[name]
    if not name.endswith("_se"):
        return error
    repeats = int(figures.get("repeats", 1))
    if repeats < 2:
        return NORMAL_95 * error
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    return float(stdtrit(repeats - 1, 0.975)) * error


def with_interval(metric: Metric, figures: Mapping[str, float], unit: Scale | None = None) -> str:
    """A figure and half of its 95 % interval, in `unit` or the one that suits it: "41.3 ± 0.6", without the unit.

    The interval never rounds to nothing, and is left out where there is none or it is infinite.
    """
    if not math.isfinite(figures[metric.name]):
        return "–"
    unit = unit or scale(metric, [figures[metric.name]])
    value = figures[metric.name] * unit.factor
    decimals = 1 if unit.unit == "%" else digits(value)
    half = half_width_95(metric, figures)
    width = math.nan if half is None else half * unit.factor
    if 0 < width < 10.0**-decimals:
        decimals = -math.floor(math.log10(width))
    spread = f" ± {width:.{decimals}f}" if math.isfinite(width) else ""
    return f"{value:.{decimals}f}{spread}"
