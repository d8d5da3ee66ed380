"""Training in turns: every step once, in stretches that last about as long as a turn."""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecojax.trial import pace as pace_module
from ecojax.trial.pace import FIRST, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace_module, "time", clock)
    return clock


def trained(pace: Pace, clock: Clock, first: int, end: int, step_s: float) -> list[tuple[int, int]]:
    parts = []
    for part in pace.stretches(first, end):
        with pace.timed(*part):
            clock.now += step_s * (part[1] - part[0])
        parts.append(part)
    return parts


@given(st.integers(0, 50), st.integers(1, 400), st.floats(1e-6, 10.0), st.sampled_from([0.7, math.inf]))
def test_every_step_is_taken_once_and_in_order(first, steps, step_s, turn_s) -> None:
    pace = Pace(turn_s)
    taken: list[int] = []
    for part in pace.stretches(first, first + steps):
        with pace.timed(*part):
            pass
        pace._step_s = step_s
        assert part[0] < part[1]
        taken += range(*part)
    assert taken == list(range(first, first + steps))


@pytest.mark.parametrize("step_s", [0.001, 0.05, 0.3, 2.0])
def test_a_stretch_lasts_no_longer_than_a_turn_or_a_step(clock, step_s) -> None:
    pace = Pace(0.7)
    parts = trained(pace, clock, 0, 300, step_s)
    assert parts[0] == (0, FIRST)
    lengths = {end - first for first, end in parts[1:]}
    assert max(lengths) * step_s <= max(0.7, step_s) + 1e-9
    # and hardly shorter: a dispatch has its price
    assert len(parts) <= 2 + math.ceil(300 / max(1, int(0.7 / step_s)))


def test_without_a_neighbour_nothing_is_cut(clock) -> None:
    assert trained(Pace(math.inf), clock, 3, 90, 1.0) == [(3, 90)]


def test_time_is_real() -> None:
    pace = Pace(0.7)
    with pace.timed(0, 2):
        time.sleep(0.02)
    assert pace._step_s is not None
    assert 0.01 <= pace._step_s < 0.7
