"""Grams of CO2 and litres of water of an energy, on request only. Nothing is looked up online.

A joule measured is a fact of this machine; a gram is that joule times a yearly average of a country's grid. Only the
ratio of two grids is as good as the table, and no figure here is of the hour in which the inference ran.
"""

import math
from dataclasses import dataclass
from typing import Any

from ecojax.errors import InputError

JOULES_PER_KWH = 3.6e6
YEAR = 2023
SOURCE = f"Ember and Energy Institute, processed by Our World in Data, {YEAR}, CC BY 4.0"

GRIDS = {
    "AT": 111, "AU": 549, "BE": 138, "BR": 98, "CA": 170, "CH": 35, "CN": 582, "CZ": 450, "DE": 381, "DK": 152,
    "ES": 174, "FI": 79, "FR": 56, "GB": 238, "IE": 291, "IN": 713, "IT": 331, "JP": 485, "KR": 431, "NL": 268,
    "NO": 30, "NZ": 113, "PL": 662, "PT": 166, "SE": 41, "SG": 471, "TW": 642, "US": 369, "WORLD": 481, "ZA": 708,
}  # fmt: skip
"""Life-cycle grams of CO2 equivalents per kWh generated, by ISO 3166 code, of `YEAR`, from `SOURCE`
(https://ourworldindata.org/grapher/carbon-intensity-electricity, as retrieved in 2024)."""


@dataclass(frozen=True)
class Carbon:
    """What turns joules at the device into grams and litres.

    intensity_g_per_kwh: grams of CO2 equivalents per kWh from the grid. source: where that number is from.
    pue: power usage effectiveness: energy of the whole building per energy of its computers; 1 counts none of the rest.
    wue_l_per_kwh: water usage effectiveness: litres evaporated on site per kWh of computers; None where not asked.
    """

    intensity_g_per_kwh: float
    source: str
    pue: float = 1.0
    wue_l_per_kwh: float | None = None

    def grams(self, joules: float) -> float:
        """Grams of CO2 equivalents: joules / 3.6e6 × PUE × intensity."""
        return joules / JOULES_PER_KWH * self.pue * self.intensity_g_per_kwh

    def litres(self, joules: float) -> float | None:
        """Litres of water on site: joules / 3.6e6 × WUE, which already is per kWh of computers; None without a WUE."""
        return None if self.wue_l_per_kwh is None else joules / JOULES_PER_KWH * self.wue_l_per_kwh

    def to_dict(self, joules: float) -> dict[str, Any]:
        """The result for `joules`, with everything it rests on, units in the names."""
        record = {
            "grams_co2e": self.grams(joules),
            "intensity_g_per_kwh": self.intensity_g_per_kwh,
            "intensity_source": self.source,
            "pue": self.pue,
        }
        if self.wue_l_per_kwh is not None:
            record |= {"water_l": self.litres(joules), "wue_l_per_kwh": self.wue_l_per_kwh}
        return record


def carbon(
    grid: str | None = None,
    *,
    intensity_g_per_kwh: float | None = None,
    pue: float = 1.0,
    wue_l_per_kwh: float | None = None,
) -> Carbon:
    """The factors of `grid`, a code in `GRIDS`, or of an intensity of your own.

    Raises InputError where both or neither are given, a grid is not in the table, or a number cannot be.
    """
    if (grid is None) == (intensity_g_per_kwh is None):
        raise InputError(
            "Carbon takes one of --grid (a country's yearly average) and --grid-intensity (your own grams per kWh)."
        )
    _require("--pue", pue, least=1.0)
    if wue_l_per_kwh is not None:
        _require("--wue", wue_l_per_kwh, least=0.0)
    if intensity_g_per_kwh is not None:
        _require("--grid-intensity", intensity_g_per_kwh, least=0.0)
        return Carbon(intensity_g_per_kwh, "as given", pue, wue_l_per_kwh)
    code = str(grid).strip().upper()
    if code not in GRIDS:
        raise InputError(
            f"--grid {grid!r} is not in the table, which has {', '.join(sorted(GRIDS))}; give your grid's grams per "
            "kWh with --grid-intensity."
        )
    return Carbon(GRIDS[code], f"{code}: {SOURCE}", pue, wue_l_per_kwh)


def _require(option: str, value: float, *, least: float) -> None:
    if not (math.isfinite(value) and value >= least):
        raise InputError(f"{option} must be a number of at least {least:g}, not {value:g}.")
