"""Amounts as people write them, `2h`, `50Wh`, `40M`, `90%`, read as numbers in one unit."""

import math
import re
from collections.abc import Mapping

_AMOUNT = re.compile(
    r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z\u00b5\u03bc%]*)\s*"
)

SECONDS = {
    "ns": 1e-9,
    "µs": 1e-6,
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
JOULES = {
    "nJ": 1e-9,
    "µJ": 1e-6,
    "uJ": 1e-6,
    "mJ": 1e-3,
    "J": 1.0,
    "kJ": 1e3,
    "MJ": 1e6,
    "mWh": 3.6,
    "Wh": 3600.0,
    "kWh": 3.6e6,
}
COUNTS = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
SHARES = {"%": 0.01}


def amount(text: str, units: Mapping[str, float]) -> float:
    """The number in `text` times the factor of its unit; without a unit, as it stands.

    Raises `ValueError` where the text is no finite number, or its unit none of `units`.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is no number")
    unit = match[2].replace("\u03bc", "\u00b5")  # the Greek letter looks like the sign
    if unit and unit not in units:
        raise ValueError(f"'{match[2]}' is none of the units {', '.join(units)}")
    # 90 % is 0.9, not 90 times the nearest number to 0.01
    value = float(match[1]) / 100 if unit == "%" else float(match[1]) * units.get(unit, 1.0)
    if not math.isfinite(value):
        raise ValueError(f"'{text}' is further than numbers reach")
    return value
