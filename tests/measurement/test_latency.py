"""Quantiles of latencies against closed forms and against chance."""

import random

import pytest

from ecojax.measurement.latency import quantiles


def test_quantiles_of_a_hundred_known_calls():
    found = quantiles([float(k) for k in range(100, 0, -1)])
    assert (found.p50_s, found.p99_s, found.calls) == (50, 99, 100)
    assert found.p50_s_ci95 == (
        41,
        61,
    )  # the 41st and the 61st of 100: 50 ± 1.96 · 5, as in any table of the binomial
    assert found.p99_s_ci95[1] == 100


def test_a_single_call_is_all_of_its_quantiles():
    assert quantiles([2.0]).p99_s_ci95 == (2.0, 2.0)


@pytest.mark.parametrize(("share", "name"), [(0.5, "p50_s_ci95"), (0.99, "p99_s_ci95")])
def test_intervals_of_quantiles_cover(share, name):
    """Uniform latencies, whose quantile is the share itself; 400 samples of 1,000 calls."""
    chance = random.Random(0)
    covered = 0
    for _ in range(400):
        low, high = getattr(quantiles([chance.random() for _ in range(1000)]), name)
        covered += low <= share <= high
    assert 0.92 <= covered / 400 <= 0.985
