"""Packs of candidates: their records are those of the evaluator that trains alone."""

import os
import re
import time

import numpy as np
import pytest

from ecojax.energy import ModeledMeter
from ecojax.study import Status
from ecojax.train.packing import PackedProgram
from ecojax.trial.compilation import Executables
from ecojax.trial.packs import Member, Progress, lowered, train

RATES = (0.1, 0.05, 0.2)
EPOCHS = 2


class StopAt(Progress):
    def __init__(self, epoch: int):
        self.epoch, self.seen = epoch, []

    def reached(self, epoch: int, accuracy: float) -> bool:
        self.seen.append(epoch)
        return epoch >= self.epoch


@pytest.fixture(scope="module")
def evaluator(make_evaluator):
    return make_evaluator(epochs=EPOCHS, rungs=(1,), norm="none")


@pytest.fixture(scope="module")
def configurations(evaluator):
    return [evaluator.task.space.default() | {"sgd_learning_rate": rate} for rate in RATES]


@pytest.fixture(scope="module")
def packed(evaluator, configurations):
    """Trains a pack of those three; `rates` and `progress` change some."""
    pack = PackedProgram(evaluator.task.program(configurations[0]), 3, "map")
    data = evaluator._images, evaluator._labels, evaluator._validation
    recipes = [evaluator.task.recipe(configuration).numbers for configuration in configurations]
    programs = lowered(pack, recipes[0].keys(), *data)
    run = Executables(*(getattr(programs, name).compile() for name in ("init", "epoch", "evaluate")))

    def trained(*, rates=RATES, progress=(), epochs=EPOCHS, meter=None, rungs=(1,)):
        members = [
            Member(numbers | {"learning_rate": rate}, seed)
            for seed, (numbers, rate) in enumerate(zip(recipes, rates, strict=True))
        ]
        members = [
            Member(m.numbers, m.seed, dict(progress)[i]) if i in dict(progress) else m
            for i, m in enumerate(members)
        ]
        return train(pack, run, members, *data, epochs=epochs, rungs=rungs, meter=meter or ModeledMeter(10.0))

    return trained


@pytest.fixture(scope="module")
def trainings(packed):
    return packed()


@pytest.mark.usefixtures("unmetered")
def test_the_record_is_that_of_the_evaluator_alone(evaluator, configurations, trainings) -> None:
    for seed, (configuration, training) in enumerate(zip(configurations, trainings, strict=True)):
        alone = evaluator(configuration, seed)
        assert alone.status is Status.COMPLETE
        assert training.epochs == alone.metrics["epochs"]
        assert training.verdict.accuracy == pytest.approx(alone.metrics["accuracy"], abs=0.005)
        assert training.verdict.standard_error == pytest.approx(alone.metrics["accuracy_se"], rel=0.02)
        assert training.verdict.loss == pytest.approx(alone.metrics["validation_loss"], rel=1e-3)
        assert list(map(list, training.rungs.items())) == pytest.approx(
            np.array(alone.details["rungs"]), abs=0.005
        )
        assert training.arrays.keys() == alone.arrays.keys()
        for name, array in training.arrays.items():
            assert type(array) is np.ndarray
            np.testing.assert_allclose(array, alone.arrays[name], rtol=1e-3, atol=1e-4, err_msg=name)


def test_members_that_end_early_leave_the_others_as_they_were(packed, trainings) -> None:
    """One diverges, one is beaten at its first rung; each says so, and the third is the same to the bit."""
    beaten = StopAt(1)
    diverged, stopped, whole = packed(rates=(1e30, *RATES[1:]), progress=[(1, beaten)], rungs=(1, 2))
    assert re.fullmatch(r"the training loss is (nan|inf) in epoch 1 of 2", diverged.diverged)
    assert (diverged.epochs, diverged.rungs, diverged.arrays) == (1, {}, None)
    assert (stopped.beaten, stopped.epochs, beaten.seen) == (True, 1, [1])
    assert (stopped.arrays, stopped.verdict) == (None, None)
    assert stopped.rungs == trainings[1].rungs
    assert whole.epochs == EPOCHS
    assert whole.rungs.keys() == {1}  # the end is no rung
    for name, array in whole.arrays.items():
        np.testing.assert_array_equal(array, trainings[2].arrays[name])


def test_a_pack_ends_when_nobody_is_left(packed) -> None:
    """Nine epochs are asked for, and one is trained."""
    lone = StopAt(1)
    trainings = packed(progress=[(i, lone) for i in range(3)], epochs=9, rungs=(1, 2, 3))
    assert [training.epochs for training in trainings] == [1, 1, 1]
    assert lone.seen == [1, 1, 1]


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
    pack = PackedProgram(evaluator.task.program(configurations[0]), 3, "map")
    data = evaluator._images, evaluator._labels, evaluator._validation
    members = [Member(evaluator.task.recipe(configurations[0]).numbers, 0)] * 2
    with pytest.raises(ValueError, match="a pack of 3 was given 2 members"):
        train(pack, pack.jitted, members, *data, epochs=1, meter=ModeledMeter(10.0))
