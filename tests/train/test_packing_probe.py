"""The probe: what a scripted clock says is fastest is chosen, and what it costs is bounded."""

import itertools
import json

import jax
import numpy as np
import pytest

from ecojax.models import family
from ecojax.models.network import Network
from ecojax.train import packing_probe
from ecojax.train.images.augmentation import ImageAugmentation
from ecojax.train.loss import Classification
from ecojax.train.packing_probe import Probe, Speed, probe
from ecojax.train.program import TrainingProgram

BATCH = 16
NUMBERS = dict.fromkeys(
    (
        *("weight_decay", "warmup", "label_smoothing", "dropout", "flip", "crop", "cutout", "reflect"),
        *("linear_decay", "schedule_start", "schedule_end", "bias_decay", "momentum"),
    ),
    0.0,
)
NUMBERS |= {"learning_rate": 0.01, "adamw_learning_rate": 0.01, "norm_rate": 1.0}


@pytest.fixture(scope="module")
def program() -> TrainingProgram:
    architecture = tuple(family("linear").architecture({}, (4, 4, 1)).items())
    network = Network("linear", architecture, (4, 4, 1), 10, (0.5,), (0.5,))
    return TrainingProgram(network, "sgd", BATCH, Classification(10), ImageAugmentation(1))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (320, 4, 4, 1), np.uint8), rng.integers(0, 10, 320, np.int32)


class Script:
    """A clock that is read before and after whatever takes `seconds`, in turn."""

    def __init__(self, *seconds: float):
        self._steps = itertools.chain.from_iterable((0.0, taken) for taken in seconds)
        self.now = 0.0

    def __call__(self) -> float:
        self.now += next(self._steps)
        return self.now

    def over(self) -> bool:
        return next(self._steps, None) is None


def speeds(found: Probe) -> dict[str, float | None]:
    return {str(speed): speed.samples_per_s for speed in found.speeds}


# Of the pilot's two steps, every one runs for longer than its share: a compilation, then a run, of each in turn.
SECONDS = 0.5


def test_the_fastest_by_the_clock_is_chosen(program, data) -> None:
    """Two steps of sixteen images: 32 alone in 1 s, 64 in 1.9, 128 in 2, 64 in 1, 128 in 1.5; 32 alone again in 1.1."""
    clock = Script(9.0, 1.0, 8.0, 1.9, 8.0, 2.0, 7.0, 1.0, 7.0, 1.5, 1.1)
    found = probe(program, NUMBERS, *data, sizes=(4, 2), seconds=SECONDS, clock=clock)
    assert clock.over()
    assert found.steps == 2
    assert speeds(found) == pytest.approx(
        {"alone": 32.0, "map×2": 64 / 1.9, "map×4": 64.0, "vmap×2": 64.0, "vmap×4": 128 / 1.5}
    )
    assert [speed.compile_s for speed in found.speeds] == pytest.approx([9, 8, 8, 7, 7])
    assert (found.best.way, found.best.size) == ("vmap", 4)
    assert str(found) == (
        "packing linear (170 parameters, sgd, batch 16): alone 32 samples/s, map×2 33.7, map×4 64, vmap×2 64, "
        "vmap×4 85.3: vmap×4"
    )
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["chosen"] == {"way": "vmap", "size": 4}
    assert [row["way"] for row in record["speeds"]] == ["alone", "map", "map", "vmap", "vmap"]


def test_a_way_that_grows_slower_is_given_up_unless_asked_to_be_thorough(program, data) -> None:
    """No larger pack is compiled then: compiling is what a probe costs most."""
    found = probe(
        program, NUMBERS, *data, sizes=(2, 4), ways=("vmap",), seconds=SECONDS, clock=Script(1, 1, 1, 2.1)
    )
    assert speeds(found) == {"alone": 32.0, "vmap×2": pytest.approx(64 / 2.1), "vmap×4": None}
    assert found.speeds[-1].why == "a pack of 2 was no faster than a smaller one"
    assert found.best.way == "alone"
    clock = Script(1, 1, 1, 2.1, 1, 1, 1)
    found = probe(
        program, NUMBERS, *data, sizes=(2, 4), ways=("vmap",), seconds=SECONDS, thorough=True, clock=clock
    )
    assert (found.best.way, found.best.size) == ("vmap", 4)


def test_the_shortest_of_several_runs_counts_and_epochs_are_as_long_as_time_allows(program, data) -> None:
    """1.6 s are 0.8 s for each of two contenders, and 0.27 s for each of 2 × (1 + 2) trainings."""
    pilot = (1.0, *(0.2, 0.1, 0.3, 0.3))  # 320 images a second: five batches of sixteen in 0.27 s
    clock = Script(*pilot, 2.0, *(0.2, 0.5, 0.3), 3.0, 0.9)
    found = probe(program, NUMBERS, *data, sizes=(2,), ways=("map",), seconds=1.6, clock=clock)
    assert clock.over()
    assert found.steps == 5
    assert speeds(found) == pytest.approx({"alone": 80 / 0.2, "map×2": 160 / 0.9})
    assert [speed.compile_s for speed in found.speeds] == pytest.approx([2, 3])


def test_alone_has_a_second_chance_where_it_would_not_be_chosen(program, data) -> None:
    """Held up for a second at first, it takes half of that: packing would gain nothing."""
    clock = Script(1.0, 1.0, 1.0, 1.0, 0.5)
    found = probe(program, NUMBERS, *data, sizes=(2,), ways=("vmap",), seconds=SECONDS, clock=clock)
    assert clock.over()
    assert speeds(found) == {"alone": 64.0, "vmap×2": 64.0}
    assert found.best.way == "alone"


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ({("map", 2): 109.9, ("vmap", 2): 105.0}, ("alone", 1)),
        ({("map", 2): 110.1}, ("map", 2)),
        ({("map", 2): 150.0, ("map", 4): 150.0, ("vmap", 2): 150.0}, ("map", 2)),
        ({("map", 4): 150.0, ("vmap", 2): 150.0}, ("vmap", 2)),
        ({("map", 2): 120.0, ("vmap", 8): None}, ("map", 2)),
        ({}, ("alone", 1)),
    ],
)
def test_alone_unless_a_tenth_is_gained_and_the_smaller_of_equals(others, chosen) -> None:
    rows = [Speed("alone", 1, 100.0), *(Speed(way, size, speed) for (way, size), speed in others.items())]
    best = Probe("", "", 2, tuple(rows)).best
    assert (best.way, best.size) == chosen


def test_what_does_not_fit_is_left_out_and_says_so(program, data, monkeypatch) -> None:
    state_bytes = 4 * 170 * 2  # weights and momentum
    monkeypatch.setattr(packing_probe, "needed_bytes", lambda _: 0)
    monkeypatch.setattr(packing_probe, "free_bytes", lambda _: 3 * state_bytes)
    found = probe(
        program, NUMBERS, *data, sizes=(2, 4), ways=("vmap",), seconds=SECONDS, clock=Script(1, 1, 1, 1, 1, 1)
    )
    assert speeds(found) == {"alone": 32.0, "vmap×2": 64.0, "vmap×4": None}
    assert "a pack of 4 by vmap needs" in found.speeds[-1].why
    monkeypatch.setattr(packing_probe, "free_bytes", lambda _: 1)
    with pytest.raises(MemoryError, match="one training"):
        probe(program, NUMBERS, *data, seconds=SECONDS, clock=Script(1))


def test_an_error_that_is_not_of_memory_is_not_hidden(program, data, monkeypatch) -> None:
    def fails(_: object) -> int:
        raise jax.errors.JaxRuntimeError("INTERNAL: the device is lost")

    probe_of_one = {"sizes": (2,), "ways": ("map",), "seconds": SECONDS}
    monkeypatch.setattr(packing_probe, "needed_bytes", lambda _: 0)
    calls = itertools.count()
    monkeypatch.setattr(packing_probe, "free_bytes", lambda _: fails(_) if next(calls) else None)
    with pytest.raises(jax.errors.JaxRuntimeError, match="the device is lost"):
        probe(program, NUMBERS, *data, **probe_of_one, clock=Script(1, 1, 1))


def test_by_the_real_clock_it_keeps_to_its_time(program, data) -> None:
    found = probe(program, NUMBERS, *data, sizes=(2,), seconds=0.2)
    assert found.steps == 20  # all of 320 images: a step takes far less than a millisecond
    assert all(speed.samples_per_s > 1000 for speed in found.speeds if speed.why is None)
    assert found.speeds[0].compile_s > 0
