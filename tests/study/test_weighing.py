"""The scales on which gains are weighed: closed forms, and the order of the values themselves."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecojax.errors import InputError
from ecojax.study import METRICS, Metric

ACCURACY = replace(METRICS["accuracy"], chance=0.1, count=300)
ERROR = Metric("error", "minimize", most=1, link="logit", chance=0.9, count=300)
LOSS = Metric("loss", "minimize", link="log")
SPEED = Metric("speed", "maximize", link="log")
SCORE = Metric("score", "maximize", least=-math.inf)
SHARES = [
    replace(ACCURACY, chance=chance, count=count)
    for chance in (None, 0.0, 0.5, 1.0)
    for count in (None, 1, 10**6)
]
ALL = [*SHARES, ERROR, LOSS, SPEED, SCORE, METRICS["r2"], METRICS["rmse"], METRICS["energy_per_sample_j"]]


@pytest.mark.parametrize("metric", ALL, ids=repr)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_it_keeps_the_order_and_is_finite_from_end_to_end(metric: Metric, values: list[float]) -> None:
    low, high = (float(metric.weighed(value)) for value in sorted(values))
    assert math.isfinite(low)
    assert math.isfinite(high)
    assert (low >= high) if metric.direction == "maximize" else (low <= high)


@pytest.mark.parametrize("metric", [ACCURACY, ERROR], ids=lambda metric: metric.name)
def test_no_two_counts_of_right_answers_fall_together(metric: Metric) -> None:
    weighed = metric.weighed(np.arange(301) / 300)
    assert len(np.unique(weighed)) == 301


def test_a_share_in_closed_form() -> None:
    """Halfway between chance and perfection; at both ends the samples' resolution; an error is its complement."""
    at = lambda share: float(ACCURACY.weighed(share))  # noqa: E731
    of_a_guess = math.sqrt(300 * 0.1 * 0.9)
    assert at(0.55) == pytest.approx(math.log((135 + 2) / (135 + of_a_guess)))
    assert at(0.1) == pytest.approx(math.log((270 + 2) / of_a_guess))
    assert at(1.0) == pytest.approx(math.log(2 / (270 + of_a_guess)))
    shares = np.linspace(0, 1, 7)
    assert ERROR.weighed(1 - shares) == pytest.approx(ACCURACY.weighed(shares))
    # where a guess is worth nothing, it is the scale that learning curves are extrapolated on
    assert replace(ACCURACY, chance=None).weighed(shares) == pytest.approx(
        -ACCURACY.linked(shares), abs=1e-12
    )


def test_what_noise_cannot_tell_apart_weighs_little_and_the_way_to_perfection_much() -> None:
    gain = lambda a, b: float(ACCURACY.weighed(a) - ACCURACY.weighed(b))  # noqa: E731
    assert gain(0.976, 0.993) > gain(0.85, 0.90)  # 97.6 to 99.3 % is worth more than 85 to 90 %
    assert gain(0.05, 0.10) < 0.1 < gain(0.10, 0.15)  # below chance nothing is learnt
    assert gain(0.997, 1.0) < gain(0.90, 0.95)  # one image of 300


def test_costs_and_losses_by_ratios_wherever_they_are() -> None:
    for name in (
        "energy_per_sample_j",
        "latency_ms",
        "parameters",
        "flops",
        "train_energy_j",
        "train_seconds",
        "rmse",
    ):
        steps = np.diff(METRICS[name].weighed(np.array([1e-6, 1e-3, 1.0, 1e3])))
        assert steps == pytest.approx(math.log(1e3)), name
    assert SPEED.weighed(10.0) == pytest.approx(-math.log(10.0))
    assert SCORE.weighed(3.0) == -3.0


def test_r2_by_ratios_of_what_is_not_explained() -> None:
    """Halving the root mean squared error is one step, wherever it begins."""
    r2, spread = METRICS["r2"], 7.0
    rmse = np.array([8.0, 4.0, 2.0, 1.0, 0.5])
    assert np.diff(r2.weighed(1 - (rmse / spread) ** 2)) == pytest.approx(-2 * math.log(2))
    assert r2.weighed(0.0) == 0.0
    assert r2.unlinked(r2.linked(np.array([-3.0, 0.0, 0.99]))) == pytest.approx([-3.0, 0.0, 0.99])
    assert np.all(np.diff(r2.linked(np.array([-3.0, 0.0, 0.99, 1.0]))) > 0)


@pytest.mark.parametrize("metric", [ACCURACY, ERROR, LOSS, SPEED, SCORE, METRICS["r2"]], ids=lambda m: m.name)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_has_no_place_on_a_scale(metric: Metric, value: float) -> None:
    assert math.isnan(metric.weighed(value))


def test_who_declares_nothing_is_weighed_as_it_is_but_in_joules_and_seconds() -> None:
    assert SCORE.scale is Metric("depth", "minimize", when="built").scale is None
    for unit, when in (("J", "trained"), ("s", "trained"), ("ms", "metered")):
        assert Metric("own", "minimize", unit, when=when).scale == "log"
        assert Metric("own", "minimize", unit, when=when, link="identity").scale == "identity"
    assert Metric("gain", "maximize", "J").scale is None
    with pytest.raises(InputError, match="link of the metric 'own' is 'cubic'; write one of identity, log, "):
        Metric("own", "minimize", link="cubic")  # type: ignore[arg-type]


def test_the_end_of_a_scale() -> None:
    """Perfection; a millionth of the reference where a logarithm has none; infinite where there is no end."""
    assert ACCURACY.ideal(0.1) == 1.0
    assert ERROR.ideal(0.9) == 0.0
    assert LOSS.ideal(5.0) == pytest.approx(5e-6)
    assert replace(LOSS, least=1.0).ideal(30.0) == 1.0
    assert SPEED.ideal(2.0) == 2e6
    assert METRICS["r2"].ideal(0.0) == pytest.approx(1 - 1e-6)
    assert SCORE.ideal(0.0) == math.inf


def test_scales_in_words() -> None:
    names = ("accuracy", "energy_per_sample_j", "r2", "rmse", "repeats")
    assert [METRICS[name].said_on_scale for name in names] == [
        "logit accuracy",
        "log energy",
        "log (1 − R²)",
        "log rmse",
        "repeats",
    ]
