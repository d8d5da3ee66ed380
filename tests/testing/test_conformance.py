"""The published checks: every member of a shelf passes them, a tiny one of each kind does, and faults are named."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from tiny import (
    PLUG,
    TINY_DATA,
    TINY_FAMILY,
    TINY_METER,
    TINY_PROPOSER,
    TINY_TASK,
    TinyDescription,
    TinyRows,
    TinyTask,
    TinyTraining,
)

import ecojax
from ecojax.data import load
from ecojax.data.kinds import KINDS
from ecojax.energy import Provenance, Reading, open_meter
from ecojax.energy.meters.shelf import METERS
from ecojax.engine.engine import Engine
from ecojax.engine.proposers import PROPOSERS, Proposal, Proposer
from ecojax.errors import EcojaxError
from ecojax.models import FAMILIES
from ecojax.settings import SearchSettings
from ecojax.space import Int, SearchSpace
from ecojax.tasks import Tabular
from ecojax.tasks.descriptions import DESCRIPTIONS, described_by
from ecojax.tasks.shelf import TASKS, load_task
from ecojax.testing import check_exporter, check_meter, check_proposer, check_task
from ecojax.trial import evaluator
from tests.trial.conftest import pretended_energy

SHELVES = (
    (FAMILIES, "tiny", TINY_FAMILY),
    (METERS, "tiny", TINY_METER),
    (PROPOSERS, "tiny", TINY_PROPOSER),
    (DESCRIPTIONS, "tiny", TinyDescription),
    (KINDS, "tiny", TINY_DATA),
    (TASKS, "tiny", TINY_TASK),
)


def test_the_checks_need_no_pytest():
    program = "import sys, ecojax.testing; assert 'pytest' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", METERS)
def test_every_meter_that_is_here_keeps_to_the_protocol(name):
    try:
        meter = (
            METERS[name].open(None) if not METERS[name].needs_device else pytest.skip("no such device here")
        )
    except EcojaxError as error:
        pytest.skip(str(error))
    check_meter(meter)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if PROPOSERS[name].evosax else ()) for name in PROPOSERS],
)
def test_every_proposer_keeps_to_the_protocol(name):
    check_proposer(PROPOSERS[name])


def test_a_tiny_one_of_each_kind_is_one_file_and_one_line(monkeypatch):
    for shelf, name, record in SHELVES:
        monkeypatch.setitem(shelf, name, record)
    with open_meter("tiny", device=PLUG) as meter:
        check_meter(meter)
    check_proposer(PROPOSERS["tiny"])
    engine = Engine(SearchSpace([Int("width", 1, 40)]), objectives=1, population=2, seed=0, proposer="tiny")
    assert engine.propose(0, []) is not None
    check_task(load_task(SearchSettings(task="tiny"), "a test", "float32"))
    data = load("tiny:64", validation_size=16)
    assert (len(data.x_train), data.class_names) == (35, ("minus", "plus"))  # a fifth of 64 is the test set
    rows = TinyRows(data, ["linear"], epochs=1, inference_batch=8)
    assert described_by(rows, rows.space.default()).purpose == "Tells tiny rows apart."
    check_exporter(rows)


@pytest.mark.slow
def test_a_search_of_tiny_ones_alone(monkeypatch, tmp_path):
    for shelf, name, record in SHELVES:
        monkeypatch.setitem(shelf, name, record)
    monkeypatch.setattr(Tabular, "possible", (*Tabular.possible, "tiny"))  # made of the shelf on import
    monkeypatch.setattr(evaluator, "per_inference", pretended_energy)
    study = ecojax.search(
        "tiny:64",
        families="tiny",
        proposer="tiny",
        meter="tiny",
        executor="inline",
        epochs=1,
        evaluations=3,
        population=2,
        inference_batch=8,
        frontier_energy_ci=0,
        out=tmp_path / "study",
    )
    assert [trial.origin for trial in study.trials] == ["default", "sobol", "tiny"]
    assert study.trials[-1].configuration["scale"] == 4
    assert all(trial.complete for trial in study.trials)
    model = ecojax.load(ecojax.export_model(study, to=tmp_path / "model"))
    assert model.network.family == "tiny"


class Falling(type(TINY_METER.open(None))):  # type: ignore[misc]
    def __init__(self):
        self.joules = 10.0

    def read(self):
        self.joules -= 1.0
        return Reading(0.0, self.joules)


class NotANumber(Falling):
    def read(self):
        return Reading(0.0, math.nan)


class Nameless(Falling):
    provenance = Provenance("measured", "", "here", None)


@pytest.mark.parametrize(
    ("meter", "says"),
    [
        (Falling, "energy_j fell from 9 to 8"),
        (NotANumber, "give a Reading of two finite numbers, or raise MeterError"),
        (Nameless, "provenance.by is empty"),
    ],
)
def test_what_is_wrong_with_a_meter_is_named(meter, says):
    with pytest.raises(AssertionError, match=says):
        check_meter(meter())


RNG = np.random.default_rng(0)


def _at_random(tools, step, archive, hurried):
    yield Proposal(tools.space.decode(RNG.random(len(tools.space))), "tiny")


def _beyond(tools, step, archive, hurried):
    yield Proposal({"width": 99}, "tiny")


@pytest.mark.parametrize(
    ("propose", "says"),
    [(_at_random, "is proposed differently when it is asked again"), (_beyond, "which is not of the space")],
)
def test_what_is_wrong_with_a_proposer_is_named(propose, says):
    with pytest.raises(AssertionError, match=says):
        check_proposer(Proposer(propose))


class WithoutFacts(TinyTask):
    def facts(self):
        return {"data": object()}


class WithoutQuality(TinyTask):
    metrics = tuple(replace(metric, when="built") for metric in TinyTask.metrics)


class Diverging(TinyTraining):
    def advance(self, state, first, end):
        return state, math.nan


class Uncut(TinyTraining):
    def advance(self, state, first, end):
        return state + 1, 0.0  # whatever the number of steps


class Unstorable(TinyTask):
    def portable(self, configuration):
        return {"task": "images", "mean": np.zeros(3)}


class Silent(TinyTraining):
    def judge(self, state):
        return {}


def of(training):
    class Task(TinyTask):
        made = training

    return Task


@pytest.mark.parametrize(
    ("task", "says"),
    [
        (WithoutFacts, r"facts\(\) cannot be stored as JSON"),
        (WithoutQuality, "no metric is known after training"),
        (Unstorable, r"portable\(\) cannot be stored as JSON"),
        (of(Diverging), "gives the loss nan after step 2"),
        (of(Uncut), "a training can be cut anywhere"),
        (of(Silent), "gives no accuracy"),
    ],
)
def test_what_is_wrong_with_a_task_is_named(task, says):
    with pytest.raises(AssertionError, match=says):
        check_task(task())
