"""The arithmetic of the busy shares that `scripts/benchmark_scale.py` prints."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.scale.sleeper import Sleeper
from benchmarks.scale.utilisation import utilisation
from ecojax.trial.worker import Evaluate


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_schedule_by_hand_has_the_shares_that_one_counts_on_paper() -> None:
    # one worker rests from 3 s to 4 s and is done at 7 s, the other is busy throughout and ends at 10 s
    found = utilisation([(0.0, 3.0), (0.0, 5.0), (5.0, 10.0), (4.0, 7.0)], 2)
    assert found.supplied == pytest.approx((3 + 1 + 5) / (2 * 5))
    assert found.whole == pytest.approx((3 + 5 + 5 + 3) / (2 * 10))


def test_workers_who_never_rest_are_wholly_busy_until_the_work_runs_out(rng: np.random.Generator) -> None:
    free, trials = np.zeros(8), []
    for seconds in rng.exponential(1.0, 200):
        worker = int(free.argmin())
        trials.append((free[worker], free[worker] + seconds))
        free[worker] += seconds
    found = utilisation(trials, 8)
    assert found.supplied == pytest.approx(1.0)
    assert found.whole == pytest.approx(free.sum() / (8 * free.max()))


def test_generations_of_exponential_times_are_busy_for_the_inverse_of_a_harmonic_number(
    rng: np.random.Generator,
) -> None:
    # the mean of the largest of n is the n-th harmonic number
    workers = 4
    times = rng.exponential(1.0, (4000, workers))
    begins = np.concatenate([[0.0], np.cumsum(times.max(axis=1))[:-1]])
    trials = [(b, b + t) for b, row in zip(begins, times, strict=True) for t in row]
    found = utilisation(trials, workers)
    expected = 1 / sum(1 / k for k in range(1, workers + 1))
    assert found.supplied == pytest.approx(expected, rel=0.03)
    assert found.whole == pytest.approx(expected, rel=0.03)


def test_trials_that_all_began_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="more of them than workers"):
        utilisation([(1.0, 2.0), (1.0, 3.0)], 2)


def test_sleeping_times_have_the_mean_and_a_coefficient_of_variation_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("benchmarks.scale.sleeper.time.sleep", slept.append)
    sleeper = Sleeper(0.5)
    metrics = [sleeper.evaluate(Evaluate({}, seed)).metrics for seed in range(4000)]
    assert slept == [m["trial_seconds"] for m in metrics]
    assert np.mean(slept) == pytest.approx(0.5, rel=4 / math.sqrt(4000))
    assert np.std(slept) / np.mean(slept) == pytest.approx(1.0, abs=0.1)
