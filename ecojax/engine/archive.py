"""What a search has seen so far, as arrays: repeats merged, failures and running trials kept apart.

Everything here is sorted by configuration, so that nothing depends on the order in which trials ended.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ecojax.engine.dominance import is_non_dominated
from ecojax.space import Configuration, SearchSpace


@dataclass(frozen=True)
class Observation:
    """What the engine knows of a trial: objectives, all minimised, or None where it failed or still runs. One that is
    no finite number is a failure too.

    `violation` is the sum by which constraints were exceeded, each relative to its bound; 0 where feasible.
    `pending` marks a trial that was proposed and has not ended. Several observations of one configuration are
    replicates: their objectives count by their mean.
    """

    configuration: Mapping[str, Any]
    objectives: Sequence[float] | None
    violation: float = 0.0
    pending: bool = False

    @property
    def succeeded(self) -> bool:
        return self.objectives is not None and bool(np.isfinite(self.objectives).all())


@dataclass(frozen=True)
class Encoded:
    """A configuration as the engine computes with it: its identity, genome `[genes]` and active genes `[genes]`."""

    key: str
    genome: np.ndarray
    active: np.ndarray


def encoded(space: SearchSpace, configuration: Mapping[str, Any]) -> Encoded:
    """`configuration` as it counts in `space`. Raises `InputError` as `SearchSpace.canonical` does."""
    canonical = space.canonical(configuration)
    active = np.array([parameter.name in canonical for parameter in space])
    return Encoded(space.key(canonical), space.encode(canonical), active)


class Encoder:
    """Encodes configurations of `space`, each once; what it has encoded it keeps."""

    def __init__(self, space: SearchSpace):
        self.space = space
        self._known: dict[tuple[tuple[str, str, Any], ...], Encoded] = {}

    def __call__(self, configuration: Mapping[str, Any]) -> Encoded:
        # type names part True from 1
        identity = tuple((name, type(value).__name__, value) for name, value in sorted(configuration.items()))
        if identity not in self._known:
            self._known[identity] = encoded(self.space, configuration)
        return self._known[identity]


class Archive:
    """The observations of a search in `space`, of `objectives` objectives.

    The arrays are of the configurations that succeeded, one row each, sorted by key.

    Attributes:
        genomes: float32 [n, genes]. active: bool [n, genes].
        objectives: [n, objectives], means over replicates. standard_errors: likewise, NaN for a single one.
        replicates: int [n], successes. attempts: int [n], with those that failed or still run. violation: [n], the
            mean.
    """

    def __init__(self, encoder: Encoder, observations: Sequence[Observation], objectives: int):
        succeeded: dict[str, tuple[Encoded, list[Observation]]] = {}
        attempts: Counter[str] = Counter()
        self._failed: dict[str, Encoded] = {}
        self._pending: dict[str, Encoded] = {}
        self._configurations: dict[str, Configuration] = {}
        for observation in observations:
            encoded = encoder(observation.configuration)
            attempts[encoded.key] += 1
            self._configurations[encoded.key] = dict(observation.configuration)
            if observation.succeeded:
                succeeded.setdefault(encoded.key, (encoded, []))[1].append(observation)
            elif observation.pending:
                self._pending[encoded.key] = encoded
            else:
                self._failed[encoded.key] = encoded
        self._attempts = attempts
        rows = [succeeded[key] for key in sorted(succeeded)]
        genes = len(encoder.space)
        self.row_keys = sorted(succeeded)
        self.genomes = np.array([encoded.genome for encoded, _ in rows], np.float32).reshape(-1, genes)
        self.active = np.array([encoded.active for encoded, _ in rows], bool).reshape(-1, genes)
        means = [mean_of(group) for _, group in rows]
        self.objectives = np.array([mean.objectives for mean in means], float).reshape(-1, objectives)
        self.standard_errors = np.array([mean.standard_errors for mean in means], float).reshape(
            -1, objectives
        )
        self.replicates = np.array([len(group) for _, group in rows], int)
        self.attempts = np.array([attempts[key] for key in self.row_keys], int)
        self.violation = np.array([mean.violation for mean in means], float)

    def __len__(self) -> int:
        """The number of different configurations that succeeded."""
        return len(self.row_keys)

    @property
    def tried(self) -> int:
        """The number of different configurations that were proposed, whatever came of it."""
        return len(self._attempts)

    def was_tried(self, key: str) -> bool:
        return key in self._attempts

    def configuration(self, row: int) -> Configuration:
        return self._configurations[self.row_keys[row]]

    @cached_property
    def failed(self) -> list[Encoded]:
        """Failed configurations that never succeeded, by key."""
        return [self._failed[key] for key in sorted(set(self._failed) - set(self.row_keys))]

    @cached_property
    def pending(self) -> list[Encoded]:
        """Running configurations that have not succeeded before, by key."""
        return [self._pending[key] for key in sorted(set(self._pending) - set(self.row_keys))]

    @cached_property
    def front(self) -> np.ndarray:
        """int [k]: the rows that are feasible and non-dominated."""
        if not len(self):
            return np.zeros(0, int)
        feasible = np.flatnonzero(self.violation <= 0)
        if not len(feasible):
            return feasible
        return feasible[np.asarray(is_non_dominated(self.objectives[feasible]))]


class Mean(NamedTuple):
    """Of replicates: objectives and standard errors `[objectives]`, NaN for a single one, and violation."""

    objectives: np.ndarray
    standard_errors: np.ndarray
    violation: float


def mean_of(successes: Sequence[Observation]) -> Mean:
    """The mean of observations that succeeded, to the bit the same in whatever order they come."""
    values = np.array(sorted(_floats(observation) for observation in successes), float)
    n = len(values)
    spread = values.std(0, ddof=1) / np.sqrt(n) if n > 1 else np.full(values.shape[1], np.nan)
    return Mean(values.mean(0), spread, float(np.mean(sorted(o.violation for o in successes))))


def _floats(observation: Observation) -> tuple[float, ...]:
    assert observation.objectives is not None
    return tuple(map(float, observation.objectives))
