"""The stop rule: an upper bound that holds, and nobody stopped who is not beaten at it."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from ecojax.trial.rungs import LEAST_CURVES, Curve, Rival, Rivals, can_stop, extrapolate, parts, rungs

IMAGES = 1000
share = st.integers(0, IMAGES).map(lambda right: right / IMAGES)
curves = st.lists(st.tuples(share, share).map(lambda ends: Curve({1: ends[0]}, ends[1])), max_size=30)


@pytest.mark.parametrize(
    ("epochs", "after"),
    [
        (1, (0.111111, 0.333333, 0.666667)),
        (2, (0.222222, 0.666667, 1)),
        (3, (0.333333, 1, 2)),
        (8, (0.888889, 2, 5)),
        (9, (1, 3, 6)),
        (10, (1, 3, 6)),
        (27, (3, 9, 18)),
        (90, (10, 30, 60)),
    ],
)
def test_rungs_are_a_ninth_a_third_and_two_thirds_in_whole_epochs_from_the_first_on(epochs, after) -> None:
    assert rungs(epochs) == after


@given(st.integers(1, 40), st.integers(1, 200))
def test_the_parts_of_all_epochs_are_every_step_once_and_end_at_the_rungs(epochs, steps) -> None:
    taken, reached = [], []
    for epoch in range(epochs):
        for first, end, rung in parts(epoch, steps, rungs(epochs)):
            taken += range(epoch * steps + first, epoch * steps + end)
            if rung is not None:
                reached.append(rung)
                assert abs(epoch * steps + end - rung * steps) <= max(0.5, 1 - rung * steps) + 1e-5 * steps
    assert taken == list(range(epochs * steps))
    assert reached == list(rungs(epochs))


def test_only_accuracy_at_costs_known_before_training_can_be_beaten_early() -> None:
    costs = ("energy_per_sample_j", "latency_ms", "parameters", "flops")
    for n in range(len(costs) + 1):
        for some in itertools.combinations(costs, n):
            assert can_stop(["accuracy", *some])
            assert not can_stop(["accuracy", *some, "train_energy_j"])
            assert not can_stop(some)


@given(share, curves)
def test_a_bound_lies_between_what_was_reached_and_perfection(accuracy, curves) -> None:
    found = extrapolate(accuracy, 1, curves, IMAGES)
    assert accuracy <= found.expected <= found.bound
    assert found.bound <= 1 or found.bound == np.inf
    assert extrapolate(accuracy, 1, curves[::-1], IMAGES).bound == pytest.approx(found.bound)


@given(share, curves)
def test_no_curve_that_stood_no_higher_came_to_more_than_the_bound(accuracy, curves) -> None:
    bound = extrapolate(accuracy, 1, curves, IMAGES).bound
    assert all(curve.final <= bound + 1e-9 for curve in curves if curve.accuracies[1] <= accuracy)


@given(share, curves.filter(lambda curves: len(curves) < LEAST_CURVES))
def test_with_few_curves_anything_may_happen(accuracy, curves) -> None:
    assert extrapolate(accuracy, 1, curves, IMAGES).bound == np.inf
    others = [Curve({2: 0.1}, 0.1)] * 50  # of other rungs
    assert extrapolate(accuracy, 1, [*curves, *others], IMAGES).bound == np.inf


@given(share, curves)
def test_who_stands_higher_than_all_before_may_become_anything(accuracy, curves) -> None:
    lower = [curve for curve in curves if curve.accuracies[1] < accuracy]
    assert extrapolate(accuracy, 1, lower, IMAGES).bound == np.inf


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
        bound = extrapolate(at_rung[0], 1, known, IMAGES).bound
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
    assert rivals.beating(0.9, own).trial == 1
    assert rivals.beating(0.95, own).trial == 1
    assert rivals.beating(0.96, own) is None
    assert rivals.beating(0.9, own | {"flops": 9.9}) is None
    assert Rivals().beating(0.0, own) is None
