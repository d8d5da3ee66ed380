"""What a search needs of whatever is tuned: the Task protocol. Imports neither JAX nor the engine.

A task turns a configuration into a candidate. The evaluator meters the candidate's inference, runs its training in
steps, and judges it; it knows nothing else of what is trained.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np

    from ecojax.space import SearchSpace
    from ecojax.study import Metric, Trial

if TYPE_CHECKING:
    default = property
else:

    class default:  # noqa: N801 - stands where property would
        """A property that a class, or its `__init__`, may replace with a plain value."""

        def __init__(self, get):
            self._get = get

        def __get__(self, instance, kind=None):
            if instance is None:
                raise AttributeError("it is of an instance")
            return self._get(instance)


Configuration = Mapping[str, Any]
Arrays = Mapping[str, "np.ndarray"]
Split = Literal["validation", "test"]
# told of a step, the quality after it, and other metrics whose end is known by then: whether going on is hopeless
Reached = Callable[[int, float, Mapping[str, float]], bool]


@dataclass(frozen=True)
class Inference:
    """A program whose energy is metered: `fn(state, batch)`, called on every batch of `ring` in turn.

    ring: arrays `[ring, ...]`, at least two different batches. unit: what a call handles `count` of, as in "sample"
    or "token"; the energy metric is named after it.
    """

    fn: Callable[[Any, Any], Any]
    state: Any
    ring: Any
    unit: str
    count: int


@dataclass(frozen=True)
class Parent:
    """A finished trial in plain values: its number, configuration, and trained weights by name."""

    trial: int
    configuration: Configuration
    arrays: Arrays


class Training(Protocol):
    """A training that can be cut after any step. It computes only in `start`, `advance`, `judge` and `arrays`.

    A class of one's own derives from it and gives `steps`, `start`, `advance` and `judge`.

    Attributes:
        steps: of the whole training. pass_steps: of one pass over the data; rungs fall on whole passes where they can.
        program: equal for trainings that share their compiled programs; None where nothing is compiled ahead.
    """

    @default
    def steps(self) -> int: ...

    @default
    def pass_steps(self) -> int:
        return self.steps

    @default
    def program(self) -> Hashable | None:
        return None

    def lowered(self) -> Mapping[str, Any]:
        """The programs to compile, by name, the longest compilation first; `start` among them."""
        return {}

    def use(self, compiled: Mapping[str, Any]) -> None:
        """Takes the compiled programs of `lowered`, by the same names, for all calls that follow."""

    def start(self, seed: int, parent: Parent | None = None) -> Any:
        """The state before the first step; with a parent, its weights where they fit."""
        ...

    def advance(self, state: Any, first: int, end: int) -> tuple[Any, float]:
        """The state after the steps from `first` to before `end`, and their mean loss. `state` is used up."""
        ...

    def judge(self, state: Any) -> Mapping[str, float]:
        """The metrics of the state on the validation split."""
        ...

    def arrays(self, state: Any) -> dict[str, "np.ndarray"]:
        """The state's weights by name, to be stored."""
        return {}

    def packing(self) -> "Packing | None":
        """How trainings of this program can be run together; None where they cannot."""
        return None


class Packing(Protocol):
    """How trainings that share a program are run together."""

    def probe(self) -> Any:
        """Tries the ways of packing and gives the speeds found, an `ecojax.train.packing_probe.Probe`.

        Raises MemoryError where even one training does not fit.
        """
        ...

    def pack(self, way: str, trainings: Sequence[Training]) -> "Pack":
        """The trainings, of one program, as one. Raises MemoryError where they do not fit together."""
        ...


class Pack(Protocol):
    """Several trainings as one: the methods of a `Training`, with a value a member."""

    size: int
    way: str
    steps: int
    pass_steps: int

    def start(self, seeds: Sequence[int]) -> Any: ...

    def advance(self, state: Any, first: int, end: int) -> tuple[Any, "np.ndarray"]: ...

    def judge(self, state: Any) -> Sequence[Mapping[str, float]]: ...

    def arrays(self, state: Any) -> Sequence[dict[str, "np.ndarray"]]: ...


class Candidate(Protocol):
    """One configuration, built.

    As text it says what was built: "mlp of 2410 parameters". A class of one's own derives from it and gives what it
    has: `training` or, where nothing is trained, `judge`; `inference` where energy is to be measured.

    Attributes:
        signature: equal for candidates whose inferences are one program; they share one energy figure.
    """

    @default
    def signature(self) -> Hashable:
        return id(self)

    def known(self, names: Iterable[str] | None = None) -> Mapping[str, float]:
        """The metrics that are known once the candidate is built, or those of them that are named."""
        return {}

    def inference(self, state: Any = None, arrays: Arrays | None = None) -> Inference | None:
        """What is metered, with the weights of a training's `state`, stored `arrays` or fresh ones; None for nothing.

        Give one of the two, or neither.
        """
        return None

    def training(self) -> Training | None:
        """The training; None where there is nothing to train."""
        return None

    def judge(self, arrays: Arrays, split: Split) -> Mapping[str, float]:
        """The metrics of stored weights on a split, named as on the validation split; none of a split there is not."""
        return {}

    def work(self, reached: Reached) -> Mapping[str, float] | None:
        """The metrics where there is no training, found in one go; None where it ended as `reached` asked for."""
        return self.judge({}, "validation")


class Task(Protocol):
    """What is tuned.

    A class of one's own derives from it and gives `space`, `metrics` and `candidate`.

    Attributes:
        metrics: what its trials record besides what every trial does. The first that is known only after training is
            the quality, by which rungs stop trials and displays show progress.
        objectives: what is optimised where nobody says otherwise.
        space: the configurations. searched: what the space ranges over, in a few words: "convnet, mlp".
        summary: the data or what else is judged on, in a line.
        provenance: where the task's own figures come from, by metric: "measured (288 validation images)".
        shaping: the parameters that shape a candidate, and whether its size and FLOPs only ever grow with them; None
            where that is not known. Candidates that differ in other parameters only have equal `known` metrics.
        foretold: the metrics known only after training, besides the quality, that a candidate without a training may
            tell as it works; a trial can be held against others at them. can_be_tried: whether a candidate can be
            tried out for less than a trial costs.
    """

    @default
    def metrics(self) -> Sequence["Metric"]: ...

    @default
    def space(self) -> "SearchSpace": ...

    @default
    def objectives(self) -> Sequence[str]:
        return quality(self).name, "energy_per_sample_j"

    @default
    def provenance(self) -> Mapping[str, str]:
        return {}

    @default
    def searched(self) -> str:
        return type(self).__name__

    @default
    def summary(self) -> str:
        return type(self).__name__

    @default
    def shaping(self) -> Mapping[str, bool] | None:
        return None

    @default
    def foretold(self) -> Collection[str]:
        return ()

    @default
    def can_be_tried(self) -> bool:
        return True

    def candidate(self, configuration: Configuration) -> Candidate:
        """The candidate of a configuration. Raises whatever is wrong with the configuration; the trial is `invalid`."""
        ...

    def parent(self, configuration: Configuration, finished: Iterable["Trial"]) -> "Trial | None":
        """The finished trial to inherit weights from; None where none fits."""
        return None

    def in_precision(self, precision: str) -> "Task":
        """The same task, computed in "float32" or "bfloat16"."""
        return self

    def facts(self) -> Mapping[str, Any]:
        """What the figures depend on, in plain values: stored with the study, and compared when it goes on."""
        return {}

    def portable(self, configuration: Configuration) -> Mapping[str, Any]:
        """What an export needs to build the configuration's model again, but for its weights: plain values.

        `task` among them names the kind of description (`ecojax.tasks.descriptions`); without it nothing is exported.
        """
        return {}


def quality(task: Task) -> "Metric":
    """The metric that is known only after training and comes first."""
    return next(metric for metric in task.metrics if metric.when == "trained")


def metrics_of(task: Task) -> "dict[str, Metric]":
    """All that trials of the task record, by name, the quality first."""
    from ecojax.study.declarations import declared

    return declared(task.metrics)
