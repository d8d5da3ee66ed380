"""Grams and litres against arithmetic by hand."""

import math

import pytest

from ecojax.energy.carbon import GRIDS, SOURCE, carbon
from ecojax.errors import InputError

KWH = 3.6e6


def test_a_kilowatt_hour_in_germany():
    """381 g/kWh in 2023, at a PUE of 1.2: 457.2 g."""
    found = carbon("de", pue=1.2)
    assert found.grams(KWH) == pytest.approx(457.2)
    assert found.litres(KWH) is None
    assert "2023" in found.source
    assert "CC BY" in SOURCE


def test_water_is_of_the_computers_alone():
    """WUE is litres per kWh of IT energy, so that PUE does not enter."""
    assert carbon("FR", pue=1.5, wue_l_per_kwh=1.8).litres(KWH / 2) == pytest.approx(0.9)


def test_an_intensity_of_ones_own_is_named_so():
    record = carbon(intensity_g_per_kwh=100).to_dict(36.0)
    assert record["grams_co2e"] == pytest.approx(1e-3)
    assert record["intensity_source"] == "as given"
    assert record["pue"] == 1.0
    assert "water_l" not in record


def test_the_table_is_plausible():
    """Between all wind (about 11 g, IPCC AR5) and all coal (820 g, the same)."""
    assert len(GRIDS) >= 20
    assert all(11 < grams < 820 for grams in GRIDS.values())
    assert GRIDS["NO"] < GRIDS["FR"] < GRIDS["US"] < GRIDS["WORLD"] < GRIDS["IN"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "one of --grid"),
        ({"grid": "DE", "intensity_g_per_kwh": 1}, "one of --grid"),
        ({"grid": "Atlantis"}, r"'Atlantis'.*--grid-intensity"),
        ({"grid": "DE", "pue": 0.9}, "--pue must be a number of at least 1"),
        ({"intensity_g_per_kwh": -1}, "--grid-intensity"),
        ({"intensity_g_per_kwh": math.nan}, "--grid-intensity"),
        ({"grid": "DE", "wue_l_per_kwh": math.inf}, "--wue"),
    ],
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(InputError, match=said):
        carbon(options.pop("grid", None), **options)
