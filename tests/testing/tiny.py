"""A tiny meter, proposer and task: all that one more of each kind takes."""

import time
from types import SimpleNamespace

import numpy as np

from ecojax.energy import Meter, Provenance, Rank, Reading
from ecojax.energy.meters.shelf import Instrument
from ecojax.engine.proposers import Proposal, Proposer
from ecojax.space import Int, SearchSpace
from ecojax.study import METRICS

PLUG = SimpleNamespace(platform="cpu")


class Plug(Meter):
    provenance = Provenance("modeled", "42 W while it runs", "the whole machine", None)
    tick_s = 0.0

    def read(self) -> Reading:
        now = time.perf_counter()
        return Reading(now, 42.0 * now)

    def close(self) -> None: ...


TINY_METER = Instrument("a plug", lambda device: Plug(), lambda device: True, Rank.SENSOR, "plug it in")


def _widest(tools, step, archive, hurried):
    yield Proposal(tools.space.decode(np.ones(len(tools.space))), "tiny")


TINY_PROPOSER = Proposer(_widest)


class TinyTraining:
    """Every step adds a hundredth to the accuracy."""

    steps, pass_steps, program = 4, 2, None

    def start(self, seed, parent=None):
        return 0

    def advance(self, state, first, end):
        return state + end - first, 1.0 / end

    def judge(self, state):
        return {"accuracy": 0.5 + state / 100}

    def arrays(self, state):
        return {"steps": np.array(state)}

    def packing(self):
        return None


class TinyCandidate:
    def __init__(self, width, training):
        self.signature, self._training = width, training

    def __str__(self):
        return f"a line of width {self.signature}"

    def known(self, names=None):
        return {"parameters": float(self.signature)}

    def inference(self, state=None, arrays=None):
        return None

    def training(self):
        return self._training()

    def judge(self, arrays, split):
        return {"accuracy": 0.5 + float(arrays["steps"]) / 100}


class TinyTask:
    metrics = (METRICS["accuracy"], METRICS["parameters"])
    space = SearchSpace([Int("width", 1, 8)])
    provenance: dict[str, str] = {}  # noqa: RUF012
    searched, summary, shaping = "lines", "no data", None
    made = TinyTraining

    def candidate(self, configuration):
        return TinyCandidate(configuration["width"], self.made)

    def parent(self, configuration, finished):
        return None

    def in_precision(self, precision):
        return self

    def facts(self):
        return {"dataset": "none"}

    def portable(self, configuration):
        return {}
