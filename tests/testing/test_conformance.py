"""The published checks: every member of a shelf passes them, a tiny one of each kind does, and faults are named."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from tiny import PLUG, TINY_METER, TINY_PROPOSER, TinyTask, TinyTraining

from ecojax.energy import Provenance, Reading, open_meter
from ecojax.energy.meters.shelf import METERS
from ecojax.engine.engine import Engine
from ecojax.engine.proposers import PROPOSERS, Proposal, Proposer
from ecojax.errors import EcojaxError
from ecojax.space import Int, SearchSpace
from ecojax.testing import check_meter, check_proposer, check_task


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
    monkeypatch.setitem(METERS, "plug", TINY_METER)
    monkeypatch.setitem(PROPOSERS, "tiny", TINY_PROPOSER)
    with open_meter("plug", device=PLUG) as meter:
        check_meter(meter)
    check_proposer(PROPOSERS["tiny"])
    engine = Engine(SearchSpace([Int("width", 1, 40)]), objectives=1, population=2, seed=0, proposer="tiny")
    assert engine.propose(0, []) is not None
    check_task(TinyTask())


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
