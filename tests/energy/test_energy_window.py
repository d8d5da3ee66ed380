"""Properties of the window arithmetic, and Student's interval against published quantiles."""

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ecojax.energy.meters.scripted import ScriptedDevice
from ecojax.energy.readings import Reading
from ecojax.energy.sampling import ticking_window
from ecojax.energy.window import Window, half_width_95
from ecojax.errors import MeterError

seconds = st.floats(1e-3, 1e6)
joules = st.floats(0, 1e9)
readings = st.builds(Reading, st.floats(0, 1e6), joules)


@given(readings, readings)
def test_a_window_is_never_negative(start, end):
    try:
        window = Window(start, end)
    except MeterError:
        assert end.time_s <= start.time_s or end.energy_j < start.energy_j
    else:
        assert window.joules >= 0
        assert window.seconds > 0
        assert window.power_w >= 0


@given(readings, seconds, joules, seconds, joules)
def test_adjacent_windows_add_up(start, s1, j1, s2, j2):
    middle = Reading(start.time_s + s1, start.energy_j + j1)
    end = Reading(middle.time_s + s2, middle.energy_j + j2)
    first, second, both = Window(start, middle), Window(middle, end), Window(start, end)
    assert first.joules + second.joules == pytest.approx(both.joules, abs=1e-6)
    assert first.seconds + second.seconds == pytest.approx(both.seconds)


@given(readings, seconds, joules, st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_the_origins_of_time_and_energy_do_not_matter(start, s, j, shift_s, shift_j):
    end = Reading(start.time_s + s, start.energy_j + j)
    assume(s > 0.1)
    here = Window(start, end)
    there = Window(*(Reading(r.time_s + shift_s, r.energy_j + shift_j) for r in (start, end)))
    assert there.seconds == pytest.approx(here.seconds, rel=1e-6)
    assert there.joules == pytest.approx(here.joules, rel=1e-6, abs=1e-6)


def test_nan_makes_no_window():
    with pytest.raises(MeterError):
        Window(Reading(0, 0), Reading(1, math.nan))


@pytest.mark.parametrize(("n", "quantile"), [(2, 12.706), (3, 4.303), (5, 2.776), (31, 2.042)])
def test_the_interval_has_students_quantiles(n, quantile):
    samples = [float(k) for k in range(n)]
    spread = math.sqrt(n * (n + 1) / 12)  # standard deviation of 0..n-1
    assert half_width_95(samples) == pytest.approx(quantile * spread / math.sqrt(n), rel=1e-3)


def test_one_window_has_no_interval():
    assert half_width_95([1.0]) == math.inf


@given(readings, st.lists(st.tuples(seconds, joules), min_size=1, max_size=20))
def test_any_number_of_adjacent_windows_add_up(start, steps):
    ticks = [start]
    for seconds_more, joules_more in steps:
        ticks.append(Reading(ticks[-1].time_s + seconds_more, ticks[-1].energy_j + joules_more))
    parts = [Window(a, b) for a, b in pairwise(ticks)]
    whole = Window(ticks[0], ticks[-1])
    assert sum(part.joules for part in parts) == pytest.approx(whole.joules, rel=1e-9, abs=1e-5)
    assert min(part.power_w for part in parts) <= whole.power_w * (1 + 1e-6) + 1e-6
    assert whole.power_w <= max(part.power_w for part in parts) * (1 + 1e-6) + 1e-6


@given(st.floats(0, 0.5), st.floats(0.02, 0.5), st.floats(10, 700), st.floats(1e-4, 0.2), st.floats(0.5, 3.0))
@settings(max_examples=60, deadline=None)
def test_a_window_on_ticks_never_depends_on_where_the_ticks_fall(phase, tick_s, watts, call_s, window_s):
    """Whatever tick, phase and load: power within what polling each millisecond can be late by."""
    device = ScriptedDevice(tick_s=tick_s, phase_s=phase, resolution_j=1e-6)
    load = device.load(call_s, watts)
    sample = ticking_window(device.meter(), load, max(1, int(0.1 / call_s)), window_s, device.host)
    assert sample.call_j == pytest.approx(watts * call_s, rel=2e-3 / window_s)
    assert sample.call_j > 0
