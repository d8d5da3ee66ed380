"""What a search asks of a worker: the requests as plain records that cross a process border, and who answers them.

A request is called with the worker's object and gives its answer, so that an executor need not know what it is about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypedDict

from ecojax.tasks.task import Arrays, Configuration, Parent
from ecojax.trial.metered import Metered
from ecojax.trial.outcome import Outcome
from ecojax.trial.rungs import Rivals

if TYPE_CHECKING:
    from ecojax.energy import Energy

TrainedCandidates = Mapping[
    int, tuple[Configuration, Arrays]
]  # configuration and weights of candidates, by any number


class Upcoming(NamedTuple):
    """A configuration that is certain to be evaluated next, and the seed that it will be trained from."""

    configuration: Configuration
    seed: int


class Description(TypedDict):
    """What the figures of a worker depend on: stored with the study."""

    resolved_precision: str
    energy_provenance: str  # for show
    energy_provenance_record: dict[str, Any]
    device_kind: str
    jax_switches: str
    host: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Required:
    """What a worker must be for its figures to compare with the study's; None where it does not matter.

    device_kind: as `Description` has it. provenance: the record of one, of its energy.
    """

    device_kind: str | None = None
    provenance: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Describe:
    """What figures of this worker depend on."""

    def __call__(self, worker: "Worker") -> Description:
        return worker.describe()


@dataclass(frozen=True)
class Lower:
    """Whether the programs of a configuration can be built; nothing is compiled."""

    configuration: Configuration

    def __call__(self, worker: "Worker") -> str:
        return worker.lower(self.configuration)


@dataclass(frozen=True)
class TryOut:
    """Whether a configuration can be built, trained for a step and judged."""

    configuration: Configuration

    def __call__(self, worker: "Worker") -> str:
        return worker.try_out(self.configuration)


@dataclass(frozen=True)
class Evaluate:
    """A trial.

    rivals: the finished trials that it is held against at its rungs; without any, nothing is stopped early.
    upcoming: what follows it, some of which is compiled or trained along. metered: the figures of the same inference,
    which is not metered again then. parent: a trial whose weights it inherits as far as they fit.
    """

    configuration: Configuration
    seed: int
    rivals: Rivals = field(default_factory=Rivals)
    upcoming: Sequence[Upcoming] = ()
    metered: Metered | None = None
    parent: Parent | None = None
    required: Required = field(default_factory=Required)

    def __call__(self, worker: "Worker") -> Outcome:
        return worker.evaluate(self)


@dataclass(frozen=True)
class MeterAlone:
    """The energy of an inference and nothing else, for a training elsewhere."""

    configuration: Configuration

    def __call__(self, worker: "Worker") -> Outcome:
        return worker.meter_alone(self.configuration)


@dataclass(frozen=True)
class Compare:
    """The energy of several trained candidates, measured in turns to within `confidence_target` of each."""

    trained: TrainedCandidates
    confidence_target: float
    required: Required = field(default_factory=Required)

    def __call__(self, worker: "Worker") -> "Mapping[int, Energy]":
        return worker.compare(self)


@dataclass(frozen=True)
class Test:
    """The metrics of trained candidates on the test split."""

    trained: TrainedCandidates

    def __call__(self, worker: "Worker") -> Mapping[int, Mapping[str, float]]:
        return worker.test(self.trained)


class Worker(Protocol):
    """The object of a worker's process. What a method raises, the driver raises."""

    def describe(self) -> Description: ...

    def lower(self, configuration: Configuration) -> str:
        """Says what was built."""
        ...

    def try_out(self, configuration: Configuration) -> str:
        """Says what was built, once it has been trained for a step and judged."""
        ...

    def evaluate(self, request: Evaluate) -> Outcome: ...

    def meter_alone(self, configuration: Configuration) -> Outcome: ...

    def compare(self, request: Compare) -> "Mapping[int, Energy]": ...

    def test(self, trained: TrainedCandidates) -> Mapping[int, Mapping[str, float]]: ...
