"""The stop rule: an upper bound that holds, and nobody stopped who is not beaten at it."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from ecojax.study import METRICS, Metric
from ecojax.trial.rungs import LEAST_CURVES, Curve, Rival, Rivals, can_stop, extrapolate

IMAGES = 1000
ACCURACY = replace(METRICS["accuracy"], count=IMAGES)
share = st.integers(0, IMAGES).map(lambda right: right / IMAGES)
curves = st.lists(st.tuples(share, share).map(lambda ends: Curve({1: ends[0]}, ends[1])), max_size=30)


def test_only_accuracy_at_costs_known_before_training_can_be_beaten_early() -> None:
    costs = ("energy_per_sample_j", "latency_ms", "parameters", "flops")
    for n in range(len(costs) + 1):
        for some in itertools.combinations(costs, n):
            assert can_stop(["accuracy", *some], METRICS)
            assert not can_stop(["accuracy", *some, "train_energy_j"], METRICS)
            assert not can_stop(some, METRICS)


@given(share, curves)
def test_a_bound_lies_between_what_was_reached_and_perfection(accuracy, curves) -> None:
    found = extrapolate(ACCURACY, accuracy, 1, curves)
    assert accuracy <= found.expected <= found.bound
    assert found.bound <= 1 or found.bound == np.inf
    assert extrapolate(ACCURACY, accuracy, 1, curves[::-1]).bound == pytest.approx(found.bound)


@given(share, curves)
def test_no_curve_that_stood_no_higher_came_to_more_than_the_bound(accuracy, curves) -> None:
    bound = extrapolate(ACCURACY, accuracy, 1, curves).bound
    assert all(curve.final <= bound + 1e-9 for curve in curves if curve.rungs[1] <= accuracy)


@given(share, curves.filter(lambda curves: len(curves) < LEAST_CURVES))
def test_with_few_curves_anything_may_happen(accuracy, curves) -> None:
    assert extrapolate(ACCURACY, accuracy, 1, curves).bound == np.inf
    others = [Curve({2: 0.1}, 0.1)] * 50  # of other rungs
    assert extrapolate(ACCURACY, accuracy, 1, [*curves, *others]).bound == np.inf


@given(share, curves)
def test_who_stands_higher_than_all_before_may_become_anything(accuracy, curves) -> None:
    lower = [curve for curve in curves if curve.rungs[1] < accuracy]
    assert extrapolate(ACCURACY, accuracy, 1, lower).bound == np.inf


@pytest.mark.parametrize("n", [LEAST_CURVES, 40])
def test_hardly_a_trial_of_the_same_kind_ends_above_the_bound(n) -> None:
    """At most its nominal half a per cent (and its binomial error), where log odds are linear with Gaussian scatter."""
    rng = np.random.default_rng(n)
    runs = 3000

    def draw(size) -> tuple[np.ndarray, np.ndarray]:
        x = rng.normal(0.0, 1.0, size)
        y = 1.5 + 0.6 * x + rng.normal(0, 0.4, size)
        return expit(x), expit(y)

    exceeded = says_something = 0
    for _ in range(runs):
        at_rung, final = draw(n + 1)
        known = [Curve({1: a}, f) for a, f in zip(at_rung[1:], final[1:], strict=True)]
        bound = extrapolate(ACCURACY, at_rung[0], 1, known).bound
        exceeded += final[0] > bound
        says_something += bound < 0.999
    assert exceeded / runs < 0.005 + 3 * np.sqrt(0.005 / runs)
    assert says_something / runs > 0.9 * n / (n + 1)  # one in n + 1 stands higher than all others


def test_the_most_accurate_of_those_that_beat_it_is_named() -> None:
    rivals = Rivals(
        [
            Rival(0, 0.9, {"flops": 10.0, "parameters": 5.0}),
            Rival(1, 0.95, {"flops": 10.0, "parameters": 5.0}),
            Rival(2, 0.99, {"flops": 10.0, "parameters": 6.0}),
        ]
    )
    own = {"flops": 10.0, "parameters": 5.0, "latency_ms": 1.0}
    assert rivals.beating(ACCURACY, 0.9, own).trial == 1
    assert rivals.beating(ACCURACY, 0.95, own).trial == 1
    assert rivals.beating(ACCURACY, 0.96, own) is None
    assert rivals.beating(ACCURACY, 0.9, own | {"flops": 9.9}) is None
    assert Rivals().beating(ACCURACY, 0.0, own) is None


@given(share, curves)
def test_a_loss_is_extrapolated_as_what_it_is_the_mirror_image_of(accuracy, curves) -> None:
    """On a linear scale a quantity to minimise is one to maximise with its sign turned."""
    up = Metric("score", "maximize", "", "", least=-10.0)
    down = Metric("error", "minimize", "", "", least=-10.0)
    turned = [Curve({1: -curve.rungs[1]}, -curve.final) for curve in curves]
    more, less = extrapolate(up, accuracy, 1, curves), extrapolate(down, -accuracy, 1, turned)
    assert less.expected == pytest.approx(-more.expected)
    assert less.bound == (-np.inf if more.bound == np.inf else pytest.approx(max(-more.bound, -10.0)))
    rival = Rivals([Rival(3, -accuracy, {"flops": 1.0})])
    assert rival.beating(down, -accuracy, {"flops": 1.0}) is not None
    assert rival.beating(down, -accuracy - 0.1, {"flops": 1.0}) is None


def test_a_loss_that_falls_by_halves_is_extrapolated_on_its_logarithm() -> None:
    """Ends are a tenth of what stood at the rung, exactly; so will be the next."""
    loss = Metric("loss", "minimize", "", "", link="log")
    known = [Curve({0.5: 10.0**-k}, 10.0 ** -(k + 1)) for k in range(LEAST_CURVES)]
    found = extrapolate(loss, 3e-3, 0.5, known)
    assert found.expected == pytest.approx(3e-4, rel=1e-6)
