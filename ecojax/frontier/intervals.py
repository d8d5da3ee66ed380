"""The 95 % intervals of a trial's figures: one rule for table, plot, model card and picks."""

import math
from collections.abc import Mapping

from ecojax.frontier.quantities import Scale, digits, scale

NORMAL_95 = 1.959964  # standard errors to half of a 95 % interval


def half_width_95(metric: str, metrics: Mapping[str, float]) -> float | None:
    """Half of the 95 % interval of `metric`, in its unit; None where `metrics` does not hold its spread.

    The interval that was recorded as such (`..._ci95`), else the standard error (`..._se`): over repeats, by Student's
    t; of one trial, by the normal distribution.
    """
    if f"{metric}_ci95" in metrics:
        return metrics[f"{metric}_ci95"]
    error = metrics.get(f"{metric}_se")
    if error is None:
        return None
    repeats = int(metrics.get("repeats", 1))
    if repeats < 2:
        return NORMAL_95 * error
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    return float(stdtrit(repeats - 1, 0.975)) * error


def with_interval(metric: str, metrics: Mapping[str, float], unit: Scale | None = None) -> str:
    """A figure and half of its 95 % interval, in `unit` or the one that suits it: "41.3 ± 0.6", without the unit.

    The interval never rounds to nothing, and is left out where there is none or it is infinite.
    """
    if not math.isfinite(metrics[metric]):
        return "–"
    unit = unit or scale(metric, [metrics[metric]])
    value = metrics[metric] * unit.factor
    decimals = 1 if unit.unit == "%" else digits(value)
    half = half_width_95(metric, metrics)
    width = math.nan if half is None else half * unit.factor
    if 0 < width < 10.0**-decimals:
        decimals = -math.floor(math.log10(width))
    spread = f" ± {width:.{decimals}f}" if math.isfinite(width) else ""
    return f"{value:.{decimals}f}{spread}"
