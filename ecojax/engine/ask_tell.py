"""Ask and tell: the engine for a program that evaluates for itself, whatever it is that it evaluates.

    search = ecojax.ask_tell(space, {"error": "minimize", "energy_j": "minimize"}, seed=0)
    for _ in range(50):
        for trial in search.ask():
            search.tell(trial, evaluate(trial.configuration))  # {"error": ..., "energy_j": ...}, None where it failed
    search.front()

Nothing else of ecojax is needed. A search is its space, its options and what it was told: `to_json` writes all of
that, and what `from_json` reads proposes what the original would have.
"""

import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import index
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ecojax.engine.archive import Archive, Encoder, Observation
from ecojax.engine.engine import Engine
from ecojax.engine.hypervolume import hypervolume
from ecojax.errors import InputError
from ecojax.space import Configuration, Float, Parameter, SearchSpace
from ecojax.space.migration import difference, migrated
from ecojax.space.priors import prior_map

if TYPE_CHECKING:
    from ecojax.study import Metric

FORMAT, VERSION = "ecojax ask/tell", 1
MOST_OBJECTIVES = 6
MOST_PARENTS = 1 << 16  # each generation is drawn whole

Direction = Literal["minimize", "maximize"]
Values = Mapping[str, float] | Sequence[float] | float
Known = Callable[[Configuration], Values]


@dataclass(frozen=True)
class Asked:
    """A configuration to evaluate. `origin` says where it came from, as `ecojax.engine.engine.Proposal` does."""

    id: int
    configuration: Configuration
    origin: str


@dataclass(frozen=True)
class Member:
    """A configuration of the front.

    `values` are means over `replicates` evaluations, by objective, as they were told. `standard_errors` are those of
    the means, None for a single evaluation.
    """

    configuration: Configuration
    values: dict[str, float]
    standard_errors: dict[str, float] | None
    replicates: int


@dataclass(frozen=True)
class _Trial:
    origin: str
    observation: Observation

    @property
    def status(self) -> str:
        if self.observation.objectives is not None:
            return "complete"
        return "pending" if self.observation.pending else "failed"


class AskTell:
    """A search of `space` that is told what came of its proposals.

    Args:
        space: a search space, or its parameters.
        objectives: the direction of each objective by name, "minimize" or "maximize", or an `ecojax.Metric`, on whose
            scale its gains are weighed then; or names, all minimised. At least one and at most six. Values are told and
            given as they are in any case.
        seed: decides all proposals, together with what is told.
        population, proposer, replicate: as `ecojax.engine.engine.Engine` takes them.
        queue: configurations to try first; what they do not name takes its default.
        known: the objectives that are known without an evaluation, as a function of a configuration; by name, or in
            order with NaN for those that are not. Called once a configuration.
        priors: by parameter, in place of the parameters' own (see `ecojax.space.priors`).

    Attributes:
        left_out: how many trials of a checkpoint were not taken over when it was migrated.

    Raises:
        InputError: naming what is wrong with any of these.
    """

    def __init__(
        self,
        space: SearchSpace | Iterable[Parameter],
        objectives: "Mapping[str, Direction | Metric] | Sequence[str]",
        seed: int = 0,
        *,
        population: int = 16,
        proposer: str = "assisted",
        queue: Sequence[Mapping[str, Any]] = (),
        known: Known | None = None,
        replicate: int = 0,
        priors: Mapping[str, Mapping[str, float]] | None = None,
    ):
        self.space = _with_priors(
            space if isinstance(space, SearchSpace) else SearchSpace(space), priors or {}
        )
        self._metrics = _metrics(objectives)
        self.objectives = _directions(objectives)
        seed = _whole("seed", seed, 0, 2**32 - 1)
        population = _whole("population", population, 2, MOST_PARENTS)
        replicate = _whole("replicate", replicate, 0, MOST_PARENTS)
        self.seed = seed
        self.left_out = 0
        self._signs = np.array([-1.0 if way == "maximize" else 1.0 for way in self.objectives.values()])
        self._known, self._known_values = known, dict[str, list[float]]()
        self._engine = Engine(
            self.space,
            objectives=len(self.objectives),
            population=population,
            seed=seed,
            proposer=proposer,
            known=None if known is None else self._known_weighed,
            scaled=[
                name in self._metrics and self._metrics[name].scale is not None for name in self.objectives
            ],
            queue=[self.space.completed(_plain(configuration)) for configuration in queue],
            replicate=replicate,
            prior=prior_map(self.space),
            before_compiling=_announce_compiling,
        )
        self._encoder = Encoder(self.space)
        self._trials: dict[int, _Trial] = {}
        self._exhausted = False

    # The search

    def ask(self, n: int = 1) -> list[Asked]:
        """`n` configurations to evaluate, fewer where the space holds no more; `exhausted` says so then.

        They count as pending until they are told, and are not proposed again. The first proposal by model compiles for
        some seconds, which the logger "ecojax" announces. Raises `InputError` for `n` below 1.
        """
        n = _whole("n", n, 1, MOST_PARENTS)
        asked: list[Asked] = []
        while len(asked) < n and not self._exhausted:
            observations = [self._as_weighed(observation) for observation in self._observations()]
            proposal = self._engine.propose(self._next_id, observations)
            if proposal is None:
                self._exhausted = True
            else:
                asked.append(self._add(proposal.configuration, proposal.origin))
        return asked

    def tell(
        self,
        trial: Asked | int | Mapping[str, Any],
        values: Values | None,
        *,
        constraints: Mapping[str, float] | Sequence[float] | None = None,
    ) -> int:
        """Records what came of a trial, and gives back its id.

        A configuration that was never asked for is taken too. One that was told already is a replicate: its values
        count by their mean.

        Args:
            trial: what `ask` gave, its id, or a configuration.
            values: the objectives by name or in order; a number where there is one objective. None, or any NaN or
                infinite value, says that the evaluation failed.
            constraints: by how much each constraint is exceeded, in units that compare; 0 and less is feasible.

        Raises:
            InputError: an id that was never given out, a configuration outside the space, values or constraints of
                the wrong number, name or kind. Nothing is recorded then.
        """
        if isinstance(trial, Asked):
            trial = trial.id
        told = None if values is None else self._signs * self._values(values)
        excess = _excess(constraints)
        if isinstance(trial, int | np.integer) and not isinstance(trial, bool):
            trial = int(trial)
            if trial not in self._trials:
                raise InputError(f"trial {trial} was never asked for; there are {len(self._trials)} trials")
            configuration, id_ = dict(self._trials[trial].observation.configuration), trial
        elif isinstance(trial, Mapping):
            configuration = self._rounded(self.space.canonical(_plain(trial)))
            key = self._encoder(configuration).key
            ids = [i for i, t in self._trials.items() if self._key(t) == key]
            id_ = next((i for i in ids if self._trials[i].observation.pending), ids[-1] if ids else -1)
            if ids:  # which may have been queued, or is a default, with more digits
                configuration = dict(self._trials[id_].observation.configuration)
        else:
            raise InputError(f"cannot tell of {trial!r}; give what ask() gave, its id, or a configuration")
        if id_ < 0:
            id_ = self._add(configuration, "queued").id
        elif not self._trials[id_].observation.pending:
            id_ = self._add(configuration, "replicate").id
        succeeded = told is not None and np.isfinite(told).all() and math.isfinite(excess)
        observation = Observation(
            configuration,
            tuple(told.tolist()) if told is not None and succeeded else None,
            excess if succeeded else 0.0,
        )
        self._trials[id_] = replace(self._trials[id_], observation=observation)
        return id_

    # What is known

    def __len__(self) -> int:
        """The number of trials, pending and failed ones included."""
        return len(self._trials)

    @property
    def pending(self) -> list[Asked]:
        """What was asked for and not told yet."""
        return [self._asked(id_) for id_, trial in self._trials.items() if trial.observation.pending]

    @property
    def exhausted(self) -> bool:
        """Whether every configuration of the space has been asked for or told of."""
        return self._exhausted or len({self._key(t) for t in self._trials.values()}) >= self.space.size()

    def front(self) -> list[Member]:
        """The feasible configurations that no other dominates in the means, best first by the first objective.

        Empty while no feasible evaluation has succeeded.
        """
        archive = self._archive()
        members = [
            Member(
                archive.configuration(row),
                dict(zip(self.objectives, (self._signs * archive.objectives[row]).tolist(), strict=True)),
                None
                if archive.replicates[row] < 2
                else dict(zip(self.objectives, archive.standard_errors[row].tolist(), strict=True)),
                int(archive.replicates[row]),
            )
            for row in archive.front.tolist()
        ]
        return sorted(members, key=lambda m: (self._signs * np.array(list(m.values.values()))).tolist())

    def hypervolume(self, reference: Mapping[str, float] | Sequence[float] | float) -> float:
        """The volume between the front and `reference`, which is given as values are. 0 where there is no front."""
        archive = self._archive()
        return hypervolume(archive.objectives[archive.front], self._signs * self._values(reference))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All trials as arrays: `id` [n], `genome` [n, genes], `values` [n, objectives] with NaN where there are none,
        `violation` [n], `status` [n] (complete, failed or pending)."""
        trials = list(self._trials.values())
        nothing = [math.nan] * len(self.objectives)
        values = [trial.observation.objectives or nothing for trial in trials]
        genomes = [self._encoder(trial.observation.configuration).genome for trial in trials]
        return {
            "id": np.array(list(self._trials), int),
            "genome": np.array(genomes, np.float32).reshape(-1, len(self.space)),
            "values": self._signs * np.array(values, float).reshape(-1, len(self.objectives)),
            "violation": np.array([trial.observation.violation for trial in trials], float),
            "status": np.array([trial.status for trial in trials], "U8"),
        }

    # Checkpoints

    def to_json(self) -> str:
        """The search as JSON text, from which `from_json` goes on."""
        record = {
            "format": FORMAT,
            "version": VERSION,
            "space": self.space.to_records(),
            "objectives": {
                name: self._metrics[name].to_record() if name in self._metrics else way
                for name, way in self.objectives.items()
            },
            "seed": self.seed,
            "population": self._engine.population,
            "proposer": self._engine.proposer,
            "replicate": self._engine.replicate,
            "queue": self._engine.queue,
            "known": self._known is not None,
            "trials": [self._record(id_) for id_ in self._trials],
        }
        return json.dumps(record, indent=1, allow_nan=False)

    @classmethod
    def from_json(
        cls,
        text: str,
        *,
        space: SearchSpace | Iterable[Parameter] | None = None,
        migrate: bool = False,
        known: Known | None = None,
    ) -> "AskTell":
        """The search that `to_json` wrote.

        Args:
            space: the space to search on, by default the checkpoint's. One that differs is refused, unless
                `migrate`. Its priors and those of the checkpoint need not agree.
            migrate: keep the trials whose configurations are still in `space`, and count the others in `left_out`. A
                new parameter takes its default in the trials before it; of a parameter that is gone, the trials at
                its default stay.
            known: the function that the search was begun with, which JSON cannot hold.

        Raises:
            InputError: the text is no checkpoint, the space has changed (naming a parameter that differs), or
                `known` is missing.
        """
        try:
            record = json.loads(text)
            if record["format"] != FORMAT:
                raise ValueError(f"its format is {record['format']!r}")
            if record["version"] != VERSION:
                raise ValueError(f"it has version {record['version']}, this ecojax reads {VERSION}")
            written = SearchSpace.from_records(record["space"])
            now = space if isinstance(space, SearchSpace) else SearchSpace(space or written)
            if known is None and record["known"]:
                raise InputError("the search was begun with known objectives; give from_json the same known=")
            changed = difference(written, now)
            if changed and not migrate:
                raise InputError(
                    f"the checkpoint's space is another: {changed}; give the space it was written with, "
                    "or migrate=True"
                )
            queue = [migrated(configuration, written, now) for configuration in record["queue"]]
            search = cls(
                now,
                _objectives_of(record["objectives"]),
                record["seed"],
                queue=[configuration for configuration in queue if configuration is not None],
                known=known,
                **{name: record[name] for name in ("population", "proposer", "replicate")},
            )
            for trial in record["trials"]:
                configuration = migrated(trial["configuration"], written, now)
                if configuration is None:
                    search.left_out += 1
                else:
                    search._restore(trial, configuration)
        except InputError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise InputError(f"the text is no checkpoint of an ask/tell search: {what}") from None
        return search

    def _record(self, id_: int) -> dict[str, Any]:
        trial = self._trials[id_]
        values = trial.observation.objectives
        return {
            "id": id_,
            "configuration": trial.observation.configuration,
            "origin": trial.origin,
            "status": trial.status,
            "values": None if values is None else (self._signs * np.array(values)).tolist(),
            "violation": trial.observation.violation,
        }

    def _restore(self, record: Mapping[str, Any], configuration: Configuration) -> None:
        values, id_, violation = record["values"], int(record["id"]), float(record["violation"])
        told = None if values is None else self._signs * self._values(values)
        if not (0 <= id_ < 2**32 and math.isfinite(violation) and (told is None or np.isfinite(told).all())):
            raise ValueError(f"its trial {id_} has a number that none has")
        self._trials[id_] = _Trial(
            str(record["origin"]),
            Observation(
                configuration,
                None if told is None else tuple(told.tolist()),
                violation,
                record["status"] == "pending",
            ),
        )

    # Within

    @property
    def _next_id(self) -> int:
        """Also the engine's step: it never comes twice, not even where a migration left trials out."""
        return max(self._trials, default=-1) + 1

    def _add(self, configuration: Configuration, origin: str) -> Asked:
        id_ = self._next_id
        self._trials[id_] = _Trial(origin, Observation(dict(configuration), None, pending=True))
        return self._asked(id_)

    def _asked(self, id_: int) -> Asked:
        trial = self._trials[id_]
        return Asked(id_, dict(trial.observation.configuration), trial.origin)

    def _rounded(self, configuration: Mapping[str, Any]) -> Configuration:
        """With its reals as they would be proposed, so that one told with digits that got lost or added is the same."""
        rounded = dict(configuration)
        for parameter in self.space:
            if isinstance(parameter, Float) and parameter.name in rounded:
                rounded[parameter.name] = parameter.rounded(float(rounded[parameter.name]))
        return rounded

    def __reduce__(self) -> tuple[Any, ...]:
        """As its checkpoint, the `known` function and what was left out; compiled programs are made anew."""
        return _restored, (self.to_json(), self._known, self.left_out, self._exhausted)

    def _key(self, trial: _Trial) -> str:
        """What a configuration that is told has in common with it."""
        return self._encoder(self._rounded(trial.observation.configuration)).key

    def _observations(self) -> list[Observation]:
        return [trial.observation for trial in self._trials.values()]

    def _archive(self) -> Archive:
        return Archive(self._encoder, self._observations(), len(self.objectives))

    def _values(self, values: Values) -> np.ndarray:
        """`[objectives]`, in their order and as they were given."""
        if isinstance(values, Mapping):
            for name in values:
                if name not in self.objectives:
                    raise InputError(f"'{name}' is no objective; there are {', '.join(self.objectives)}")
            missing = [name for name in self.objectives if name not in values]
            if missing:
                raise InputError(
                    f"the values lack the objective '{missing[0]}'; a failed trial is told with None"
                )
            values = [values[name] for name in self.objectives]
        numbers = _numbers(values, "values")
        if numbers.shape != (len(self.objectives),):
            raise InputError(
                f"{len(numbers)} values do not fit the objectives {', '.join(self.objectives)}: give one for each"
            )
        return numbers

    def _as_weighed(self, observation: Observation) -> Observation:
        """As the engine is told of it."""
        if not self._metrics or observation.objectives is None:
            return observation
        return replace(observation, objectives=self._weighed(observation.objectives))

    def _weighed(self, minimised: Sequence[float]) -> tuple[float, ...]:
        """Minimised objectives, those that have a metric on its scale."""
        return tuple(
            float(self._metrics[name].weighed(sign * value)) if name in self._metrics else value
            for name, sign, value in zip(self.objectives, self._signs.tolist(), minimised, strict=True)
        )

    def _known_weighed(self, configuration: Configuration) -> Sequence[float]:
        return self._weighed(self._known_minimised(configuration))

    def _known_minimised(self, configuration: Configuration) -> list[float]:
        assert self._known is not None
        key = self.space.key(configuration)
        if key not in self._known_values:
            values = self._known(dict(configuration))
            if isinstance(values, Mapping):
                values = dict.fromkeys(self.objectives, math.nan) | dict(values)
            self._known_values[key] = (self._signs * self._values(values)).tolist()
        return self._known_values[key]


def _restored(text: str, known: Known | None, left_out: int, exhausted: bool) -> AskTell:
    search = AskTell.from_json(text, known=known)
    search.left_out, search._exhausted = left_out, exhausted
    return search


def ask_tell(
    space: SearchSpace | Iterable[Parameter],
    objectives: "Mapping[str, Direction | Metric] | Sequence[str]",
    seed: int = 0,
    *,
    population: int = 16,
    proposer: str = "assisted",
    queue: Sequence[Mapping[str, Any]] = (),
    known: Known | None = None,
    replicate: int = 0,
    priors: Mapping[str, Mapping[str, float]] | None = None,
) -> AskTell:
    """A search of `space` that asks what to evaluate and is told what came of it: `AskTell`, which says what each
    argument is."""
    return AskTell(
        space,
        objectives,
        seed,
        population=population,
        proposer=proposer,
        queue=queue,
        known=known,
        replicate=replicate,
        priors=priors,
    )


def _announce_compiling() -> None:
    """A warning, though nothing is wrong, for Python shows no lesser message unless told to."""
    logging.getLogger("ecojax").warning(
        "ask_tell compiles its model of the objectives, which takes some seconds; later proposals take a tenth of one"
    )


def _metrics(objectives: "Mapping[str, Direction | Metric] | Sequence[str]") -> "dict[str, Metric]":
    """The metrics among the objectives."""
    values = objectives if isinstance(objectives, Mapping) else {}
    if all(isinstance(value, str) for value in values.values()):
        return {}
    from ecojax.study import Metric

    return {name: value for name, value in values.items() if isinstance(value, Metric)}


def _objectives_of(record: Any) -> Any:
    """The objectives of a checkpoint, with their metrics."""
    if not isinstance(record, Mapping) or all(isinstance(value, str) for value in record.values()):
        return record
    from ecojax.study import Metric

    return {
        name: value if isinstance(value, str) else Metric.from_record(value) for name, value in record.items()
    }


def _directions(objectives: "Mapping[str, Direction | Metric] | Sequence[str]") -> dict[str, Direction]:
    if isinstance(objectives, str):
        objectives = [objectives]
    if isinstance(objectives, set | frozenset):
        raise InputError(
            f"objectives = {objectives!r} is a set, whose order is not the same in every process; give a list or a dict"
        )
    given: Mapping[str, Any] = (
        objectives if isinstance(objectives, Mapping) else dict.fromkeys(objectives, "minimize")
    )
    named: dict[str, Direction] = {name: getattr(way, "direction", way) for name, way in given.items()}
    if len(named) < len(objectives):
        raise InputError(f"objectives = {list(objectives)} names one twice")
    if not 1 <= len(named) <= MOST_OBJECTIVES:
        raise InputError(f"a search has 1 to {MOST_OBJECTIVES} objectives, got {len(named)}")
    for name, direction in named.items():
        if not isinstance(name, str) or direction not in ("minimize", "maximize"):
            raise InputError(
                f"objective {name!r}: {direction!r} is no direction; write 'minimize' or 'maximize'"
            )
    return named


def _whole(name: str, number: Any, least: int, most: int) -> int:
    """`number` as an int, NumPy's integers too."""
    try:
        whole = None if isinstance(number, bool | np.bool_) else index(number)
    except TypeError:
        whole = None
    if whole is None or not least <= whole <= most:
        raise InputError(f"{name} = {number!r} must be a whole number from {least} to {most}")
    return whole


def _with_priors(space: SearchSpace, priors: Mapping[str, Mapping[str, float]]) -> SearchSpace:
    for name in priors:
        if name not in space:
            raise InputError(
                f"priors: '{name}' is no parameter; there are {', '.join(p.name for p in space)}"
            )
    if not priors:
        return space
    return SearchSpace(
        replace(parameter, prior=dict(priors.get(parameter.name, parameter.prior))) for parameter in space
    )


def _excess(constraints: Mapping[str, float] | Sequence[float] | None) -> float:
    """What exceeds the constraints, summed."""
    if constraints is None:
        return 0.0
    given = list(constraints.values()) if isinstance(constraints, Mapping) else constraints
    return float(np.maximum(_numbers(given, "constraints"), 0.0).sum())


def _numbers(values: Any, what: str) -> np.ndarray:
    """`[n]` float64. Text is no number, even where it looks like one."""
    try:
        if isinstance(values, list | tuple):  # of which NumPy takes no scalars of JAX
            values = [value.item() if hasattr(value, "item") else value for value in values]
        numbers = np.atleast_1d(np.asarray(values))
        kind = numbers.dtype.kind
        if kind in "SUcMm" or (
            kind == "O" and not all(hasattr(number, "__float__") for number in numbers.flat)
        ):
            raise ValueError
        numbers = numbers.astype(np.float64)  # of bfloat16 and the like, too
    except (ValueError, TypeError):
        raise InputError(f"{what} = {values!r} must be numbers") from None
    if numbers.ndim != 1:
        raise InputError(f"{what} = {values!r} must be a list of numbers")
    return numbers


def _plain(configuration: Mapping[str, Any]) -> Configuration:
    """NumPy's scalars as Python's."""
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in configuration.items()}
