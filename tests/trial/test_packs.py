"""Packs of candidates: their records are those of the evaluator that trains alone."""

import os
import re
import time

import numpy as np
import pytest

from ecojax.energy import ModeledMeter
from ecojax.study import Status
from ecojax.trial.packs import Member, Progress, train
from ecojax.trial.rungs import rungs
from ecojax.trial.worker import Evaluate

RATES = (0.1, 0.05, 0.2)
EPOCHS = 2
HALF = {6: 0.5}  # after the first of two epochs of six steps


class StopAt(Progress):
    def __init__(self, share: float):
        self.share, self.seen = share, []

    def reached(self, share: float, quality: float) -> bool:
        self.seen.append(share)
        return share >= self.share


@pytest.fixture(scope="module")
def evaluator(make_evaluator):
    return make_evaluator(epochs=EPOCHS, early_stop=True, norm="none")


@pytest.fixture(scope="module")
def configurations(evaluator):
    return [evaluator.task.space.default() | {"sgd_learning_rate": rate} for rate in RATES]


@pytest.fixture(scope="module")
def packed(make_evaluator, evaluator, configurations):
    """Trains a pack of those three; `rates` and `progress` change some."""

    def trained(*, rates=RATES, progress=(), epochs=EPOCHS, meter=None, rungs=HALF):
        task = evaluator.task if epochs == EPOCHS else make_evaluator(epochs=epochs, norm="none").task
        changed = [one | {"sgd_learning_rate": rate} for one, rate in zip(configurations, rates, strict=True)]
        trainings = [task.candidate(configuration).training() for configuration in changed]
        pack = trainings[0].packing().pack("map", trainings)
        members = [Member(seed, dict(progress).get(seed, Progress())) for seed in range(len(rates))]
        return train(pack, members, quality="accuracy", rungs=rungs, meter=meter or ModeledMeter(10.0))

    return trained


@pytest.fixture(scope="module")
def trainings(packed):
    return packed(rungs=rungs(12, 6))


@pytest.mark.usefixtures("unmetered")
def test_the_record_is_that_of_the_evaluator_alone(evaluator, configurations, trainings) -> None:
    for seed, (configuration, training) in enumerate(zip(configurations, trainings, strict=True)):
        alone = evaluator(Evaluate(configuration, seed))
        assert alone.status is Status.COMPLETE
        assert training.steps == EPOCHS * (200 // 32)
        assert training.verdict["accuracy"] == pytest.approx(alone.metrics["accuracy"], abs=0.005)
        assert training.verdict["accuracy_se"] == pytest.approx(alone.metrics["accuracy_se"], rel=0.02)
        assert training.verdict["validation_loss"] == pytest.approx(
            alone.metrics["validation_loss"], rel=1e-3
        )
        assert list(map(list, training.rungs.items())) == pytest.approx(
            np.array(alone.details["rungs"]), abs=0.005
        )
        assert training.arrays.keys() == alone.arrays.keys()
        for name, array in training.arrays.items():
            assert type(array) is np.ndarray
            np.testing.assert_allclose(array, alone.arrays[name], rtol=1e-3, atol=1e-4, err_msg=name)


def test_members_that_end_early_leave_the_others_as_they_were(packed, trainings) -> None:
    """One diverges, one is beaten at its first rung; each says so, and the third is the same to the bit."""
    beaten = StopAt(0.5)
    diverged, stopped, whole = packed(rates=(1e11, *RATES[1:]), progress=[(1, beaten)])
    assert re.fullmatch(r"the training loss is (nan|inf) by step 6 of 12", diverged.diverged)
    assert (diverged.steps, diverged.rungs, diverged.arrays) == (6, {}, None)
    assert (stopped.beaten, stopped.steps, beaten.seen) == (True, 6, [0.5])
    assert (stopped.arrays, stopped.verdict) == (None, None)
    assert stopped.rungs == {0.5: trainings[1].rungs[0.5]}
    assert whole.steps == 12
    assert whole.rungs.keys() == {0.5}
    for name, array in whole.arrays.items():
        np.testing.assert_array_equal(array, trainings[2].arrays[name])


def test_a_pack_ends_when_nobody_is_left(packed) -> None:
    """Nine epochs are asked for, and one is trained."""
    lone = StopAt(0.1)
    trainings = packed(progress=[(i, lone) for i in range(3)], epochs=9, rungs=rungs(54, 6))
    assert [training.steps for training in trainings] == [6, 6, 6]
    assert lone.seen == [pytest.approx(1 / 9, abs=1e-6)] * 3


def test_members_share_what_the_pack_took(packed) -> None:
    """The parts are equal, and add up to no more than the process can have used."""
    began = time.perf_counter()
    trainings = packed(epochs=4)
    seconds = time.perf_counter() - began
    assert len({training.train_energy_j for training in trainings}) == 1
    assert 0 < sum(training.train_seconds for training in trainings) <= seconds
    total_j = sum(training.train_energy_j for training in trainings)
    assert 0 < total_j <= 1.1 * 10 * os.cpu_count() * seconds + 0.2


def test_arrays_of_a_member_are_its_own(trainings) -> None:
    assert all(array.base is None for training in trainings for array in training.arrays.values())


def test_a_pack_that_is_not_full_is_refused(evaluator, configurations) -> None:
    trainings = [evaluator.task.candidate(configuration).training() for configuration in configurations]
    pack = trainings[0].packing().pack("map", trainings)
    with pytest.raises(ValueError, match="a pack of 3 was given 2 members"):
        train(pack, [Member(0)] * 2, quality="accuracy", rungs={}, meter=ModeledMeter(10.0))
