"""What a meter must keep to."""

import math
import time

from ecojax.energy.conditions import Conditions
from ecojax.energy.meter import Meter
from ecojax.energy.provenance import Provenance
from ecojax.energy.readings import Reading
from ecojax.testing.claim import require

PAUSE_S = 0.01  # between readings
KINDS = ("measured", "modeled", "sourced")


def check_meter(meter: Meter, *, readings: int = 5) -> None:
    """Reads a meter, and closes it twice. Raises `AssertionError` for what a search could not live with."""
    try:
        _check(meter, readings)
    finally:
        meter.close()
    meter.close()  # closing twice is harmless


def _check(meter: Meter, readings: int) -> None:
    by = meter.provenance
    require(isinstance(by, Provenance), f"provenance is {by!r}; give an ecojax.energy.Provenance")
    require(by.kind in KINDS, f"provenance.kind is {by.kind!r}; it is {', '.join(KINDS)}")
    require(by.by, "provenance.by is empty; say what the figures come from")
    require(by.scope, "provenance.scope is empty; say whose energy is counted")
    require(_number(meter.tick_s) and meter.tick_s >= 0, f"tick_s is {meter.tick_s!r}; give seconds, or 0")
    before = _reading(meter.read(), "read()")
    for _ in range(readings - 1):
        time.sleep(PAUSE_S)
        before = _later(before, _reading(meter.read(), "read()"), "read()")
    _later(before, _reading(meter.read_on_tick(), "read_on_tick()"), "read_on_tick()")
    power = meter.read_power()
    require(
        power is None or (_number(power.watts) and power.watts >= 0 and _number(power.time_s)),
        f"read_power() gives {power!r}; give a PowerReading, or None where there is no second channel",
    )
    conditions = meter.conditions()
    require(isinstance(conditions, Conditions), f"conditions() gives {conditions!r}; give a Conditions")


def _reading(found: Reading, what: str) -> Reading:
    fine = isinstance(found, Reading) and _number(found.time_s) and _number(found.energy_j)
    require(fine, f"{what} gives {found!r}; give a Reading of two finite numbers, or raise MeterError")
    return found


def _later(before: Reading, now: Reading, what: str) -> Reading:
    require(
        now.time_s >= before.time_s, f"{what}: time_s went back, from {before.time_s:g} to {now.time_s:g}"
    )
    require(
        now.energy_j >= before.energy_j,
        f"{what}: energy_j fell from {before.energy_j:g} to {now.energy_j:g}; it is a sum that only grows",
    )
    return now


def _number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
