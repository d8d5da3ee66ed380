"""A tiny one of each kind: all that one more takes, but for its line on the shelf."""

import time
from types import SimpleNamespace
from typing import Literal

import numpy as np

from ecojax.data.kinds import Kind
from ecojax.data.memory import AvailableMemory
from ecojax.data.source import Source
from ecojax.energy import Meter, Provenance, Rank, Reading
from ecojax.energy.meters.shelf import Instrument
from ecojax.engine.proposers import Proposal, Proposer
from ecojax.models.architectures import Family
from ecojax.space import Int, SearchSpace
from ecojax.study import METRICS
from ecojax.tasks.shelf import TaskKind
from ecojax.tasks.tables import Tabular
from ecojax.tasks.tables.description import TableDescription

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


def _scaled():
    from ecojax.models.linear import Linear

    class Scaled(Linear):
        """A linear model of inputs that are multiplied by a whole number."""

        def __init__(self, input_shape, outputs, *, scale, dtype, rngs):
            super().__init__(input_shape, outputs, dtype=dtype, rngs=rngs)
            self.scale = scale

        def __call__(self, x, **keywords):
            return super().__call__(self.scale * x, **keywords)

    return Scaled


TINY_FAMILY = Family(
    "tiny",
    lambda input_shape: (Int("scale", 1, 4, default=2),),
    _scaled,
    (Int("scale", 1, 8),),
    takes_rows=True,
)


class TinyDescription(TableDescription):
    """A model of rows that is exported under a name of its own."""

    task: Literal["tiny"] = "tiny"

    @property
    def purpose(self) -> str:
        return "Tells tiny rows apart."


class TinyRows(Tabular):
    description = TinyDescription


def _signs(rest: str, available_memory: AvailableMemory) -> Source:
    def read(split, on_progress):
        x = np.random.default_rng(0).normal(size=(int(rest), 3)).astype(np.float32)
        return x, (x[:, 0] > 0).astype(np.int32)

    return Source(
        name=f"tiny:{rest}",
        title="signs",
        version="1",
        origin="a generator",
        class_names=("minus", "plus"),
        shape=(3,),
        sizes={"train": int(rest)},
        read=read,
        dtype="float32",
        samples="rows",
        feature_names=("a", "b", "c"),
        target_name="sign",
    )


TINY_DATA = Kind("tiny", _signs, of_files=False)


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


TINY_TASK = TaskKind("tiny", "a line", lambda asked: TinyTask())
