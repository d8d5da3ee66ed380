"""A search space: parameters with conditions, and the one canonical form of each configuration.

A configuration is *canonical* when it names exactly the parameters that are active in it. Decoding a genome
gives a canonical configuration, so two genomes that differ only in an inactive gene decode to equal ones, and
`SearchSpace.key` is the identity by which a configuration is never evaluated twice.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from ecojax.errors import InputError
from ecojax.space.identity import identity
from ecojax.space.parameters import Choice, Float, Int, Parameter, Value, describe_domain
from ecojax.space.priors import check_prior

Configuration = dict[str, Value]


class SearchSpace:
    """Parameters in order; genome dimension = number of parameters.

    Raises `InputError` when a name occurs twice, a condition names an unknown parameter or a value it never
    takes, when conditions form a circle, when no value of its parents can ever make a parameter active, or when a
    prior does not fit its parameter.
    """

    def __init__(self, parameters: Iterable[Parameter]):
        self.parameters: tuple[Parameter, ...] = tuple(parameters)
        self._by_name = {parameter.name: parameter for parameter in self.parameters}
        if "" in self._by_name:
            raise InputError("a parameter has no name; write it first, as in Int('width', 8, 64)")
        if not self.parameters:
            raise InputError("the search space is empty; give it at least one parameter")
        if len(self._by_name) < len(self.parameters):
            names = [parameter.name for parameter in self.parameters]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise InputError(f"the search space names {', '.join(map(repr, twice))} twice; rename one")
        self._evaluation_order = self._order_parents_first()
        self._check_conditions()
        for parameter in self.parameters:
            check_prior(parameter)

    # The space as a collection

    def __len__(self) -> int:
        return len(self.parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __getitem__(self, name: str) -> Parameter:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SearchSpace) and self.parameters == other.parameters

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def levels(self) -> np.ndarray:
        """`[genes]` int32: how many values each gene tells apart, 0 for a continuous one.

        A log-scaled integer counts as continuous: its levels have unequal shares of the gene.
        """
        return np.array([0 if parameter.log else parameter.levels for parameter in self.parameters], np.int32)

    @cached_property
    def categorical(self) -> np.ndarray:
        """`[genes]` bool: the genes whose values have no order."""
        return np.array([parameter.categorical for parameter in self.parameters], bool)

    # Configurations

    def default(self) -> Configuration:
        """The configuration of the parameters' defaults; a parameter without one takes its middle value."""
        return self.completed({})

    def completed(self, partial: Mapping[str, Value]) -> Configuration:
        """`partial` with the defaults of what it does not name, canonical. Raises `InputError` as `canonical` does."""
        defaults = {
            parameter.name: parameter.decode(0.5) if parameter.default is None else parameter.default
            for parameter in self.parameters
        }
        return self.canonical({**defaults, **partial})

    def active(self, configuration: Mapping[str, Value]) -> set[str]:
        """The names of the parameters that matter, given the values of the others."""
        active: set[str] = set()
        for parameter in self._evaluation_order:
            for parent, values in parameter.when.items():
                if parent not in active or not _among(configuration.get(parent), values):
                    break
            else:
                active.add(parameter.name)
        return active

    def canonical(self, configuration: Mapping[str, Value]) -> Configuration:
        """`configuration` without its inactive parameters, in the order of the space.

        Raises `InputError` for an unknown name, a missing active parameter, or a value outside its parameter.
        """
        unknown = sorted(set(configuration) - set(self._by_name))
        if unknown:
            raise InputError(
                f"configuration names unknown parameter '{unknown[0]}'; the space has {', '.join(self._by_name)}"
            )
        active = self.active(configuration)
        result: Configuration = {}
        for parameter in self.parameters:
            if parameter.name not in active:
                continue
            if parameter.name not in configuration:
                raise InputError(f"configuration lacks parameter '{parameter.name}'; give it a value")
            value = configuration[parameter.name]
            if not parameter.contains(value):
                raise InputError(
                    f"parameter '{parameter.name}' = {value!r} lies outside the space; "
                    f"it takes {describe_domain(parameter)}"
                )
            result[parameter.name] = _plain(parameter, value)
        return result

    def key(self, configuration: Mapping[str, Value]) -> str:
        """The identity of a configuration: the same text for every way of writing the same phenotype."""
        return identity(self.canonical(configuration))

    def size(self, limit: int = 100_000) -> float:
        """How many different configurations there are; infinite when a float has room.

        Exact up to `limit` combinations of the parameters that conditions refer to; beyond that an upper
        bound, which counts inactive parameters too.
        """
        if any(
            isinstance(parameter, Float) and parameter.low < parameter.high for parameter in self.parameters
        ):
            return math.inf
        parents = [self._by_name[name] for name in sorted(self._parents())]
        if math.prod(_count(parent) for parent in parents) > limit:
            return float(math.prod(_count(parameter) for parameter in self.parameters))
        seen: dict[str, int] = {}
        for values in product(*(_values(parent) for parent in parents)):
            assignment = dict(zip((parent.name for parent in parents), values, strict=True))
            active = self.active(assignment)
            effective = {name: value for name, value in assignment.items() if name in active}
            rest = (p for p in self.parameters if p.name in active and p.name not in assignment)
            seen[repr(sorted(effective.items()))] = math.prod(_count(parameter) for parameter in rest)
        return float(sum(seen.values()))

    # Genomes

    def encode(self, configuration: Mapping[str, Value]) -> np.ndarray:
        """`[genes]` float32 in [0, 1]; inactive genes rest at 0.5. Inverse of `decode` on canonical forms."""
        canonical = self.canonical(configuration)
        return np.array(
            [
                parameter.encode(canonical[parameter.name]) if parameter.name in canonical else 0.5
                for parameter in self.parameters
            ],
            np.float32,
        )

    def decode(self, genome: Sequence[float] | np.ndarray) -> Configuration:
        """The canonical configuration of a genome `[genes]`; values outside [0, 1] are clipped.

        Raises `InputError` when the genome has another length or holds NaN.
        """
        genes = np.asarray(genome, np.float64)
        if genes.shape != (len(self),):
            raise InputError(f"genome of shape {genes.shape} does not fit a space of {len(self)} parameters")
        if np.isnan(genes).any():
            raise InputError(f"genome holds NaN for '{self.parameters[int(np.isnan(genes).argmax())].name}'")
        values = {
            parameter.name: parameter.decode(float(gene))
            for parameter, gene in zip(self.parameters, np.clip(genes, 0.0, 1.0), strict=True)
        }
        active = self.active(values)
        return {name: value for name, value in values.items() if name in active}

    # Plain records

    def to_records(self) -> list[dict[str, Any]]:
        """One JSON-ready table a parameter; `from_records` reads it back."""
        return [{"name": parameter.name} | table_of(parameter) for parameter in self.parameters]

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]]) -> "SearchSpace":
        """The space that `to_records` described. Raises `InputError` for anything else."""
        from ecojax.space.tables import parameter_from_table

        records = list(records) if isinstance(records, Iterable) else [records]
        if not all(isinstance(record, Mapping) for record in records):
            raise InputError("the space's records are no list of tables; restore them from a copy")
        parameters = []
        for record in records:
            table = dict(record)
            name = str(table.pop("name", ""))
            parameters.append(parameter_from_table(name, table, source="the space's records"))
        return cls(parameters)

    @classmethod
    def from_tables(cls, tables: Mapping[str, Any], *, source: str) -> "SearchSpace":
        """The space of a file's `[space]` section that names all parameters. Raises `InputError` naming `source`."""
        from ecojax.space.tables import parameter_from_table

        parameters = [parameter_from_table(name, table, source=source) for name, table in tables.items()]
        try:
            return cls(parameters)
        except InputError as error:
            raise InputError(f"{source}: {error}") from None

    # Conditions

    def _parents(self) -> set[str]:
        return {name for parameter in self.parameters for name in parameter.when}

    def _order_parents_first(self) -> list[Parameter]:
        ordered: list[Parameter] = []
        waiting = list(self.parameters)
        while waiting:
            placed = {parameter.name for parameter in ordered}
            ready = [
                p for p in waiting if all(name in placed or name not in self._by_name for name in p.when)
            ]
            if not ready:
                circle = ", ".join(repr(parameter.name) for parameter in waiting)
                raise InputError(f"the conditions of {circle} form a circle; drop one 'when'")
            ordered += ready
            waiting = [parameter for parameter in waiting if parameter not in ready]
        return ordered

    def _check_conditions(self) -> None:
        for parameter in self._evaluation_order:
            for name, values in parameter.when.items():
                parent = self._by_name.get(name)
                if parent is None:
                    raise InputError(
                        f"parameter '{parameter.name}' is conditional on '{name}', which is not in the space; "
                        f"it has {', '.join(self._by_name)}"
                    )
                if not values:
                    raise InputError(f"parameter '{parameter.name}': when.{name} lists no value")
                for value in values:
                    if not parent.contains(value):
                        raise InputError(
                            f"parameter '{parameter.name}' can never be active: when.{name} = {value!r}, "
                            f"but '{name}' takes {describe_domain(parent)}"
                        )
            self._check_reachable(parameter)

    def _check_reachable(self, parameter: Parameter) -> None:
        """Every ancestor's demands, gathered, must leave each parent at least one value."""
        demands: dict[str, set[tuple[bool, Value]]] = {}
        waiting = [parameter]
        while waiting:
            for name, values in waiting.pop().when.items():
                allowed = {(isinstance(value, bool), value) for value in values}
                demands[name] = demands[name] & allowed if name in demands else allowed
                if not demands[name]:
                    raise InputError(
                        f"parameter '{parameter.name}' can never be active: its conditions ask "
                        f"contradictory values of '{name}'"
                    )
                waiting.append(self._by_name[name])


def _among(value: Value | None, values: Iterable[Value]) -> bool:
    return any(isinstance(value, bool) == isinstance(other, bool) and value == other for other in values)


def _plain(parameter: Parameter, value: Any) -> Value:
    if isinstance(parameter, Float):
        return float(value)
    return int(value) if isinstance(parameter, Int) else value


def _count(parameter: Parameter) -> int:
    return max(parameter.levels, 1)


def _values(parameter: Parameter) -> list[Value]:
    if isinstance(parameter, Choice):
        return list(parameter.choices)
    if isinstance(parameter, Int):
        return list(range(parameter.low, parameter.high + 1, parameter.step))
    return [float(parameter.low)]


def table_of(parameter: Parameter) -> dict[str, Any]:
    """A parameter as the table that `ecojax.space.tables` reads, without its name; what is not stated is left out."""
    table: dict[str, Any] = {"type": type(parameter).__name__.lower()}
    if isinstance(parameter, Choice):
        table |= {"choices": list(parameter.choices), "ordered": parameter.ordered}
    else:
        table |= {"low": parameter.low, "high": parameter.high, "log": parameter.log}
    if isinstance(parameter, Int):
        table["step"] = parameter.step
    if parameter.default is not None:
        table["default"] = parameter.default
    if parameter.when:
        table["when"] = {name: list(values) for name, values in parameter.when.items()}
    if parameter.prior:
        table["prior"] = dict(parameter.prior)
    return table


def tables_of(parameters: Any) -> Any:
    """Parameters, a space of them or one alone, as tables by name; anything else as it is.

    Raises `InputError` where two have one name, or a list holds something that is no parameter.
    """
    if isinstance(parameters, Parameter):
        parameters = [parameters]
    if isinstance(parameters, Mapping | str) or not isinstance(parameters, Iterable):
        return parameters
    tables: dict[str, Any] = {}
    for parameter in parameters:
        if not isinstance(parameter, Parameter):
            raise InputError(f"space holds {parameter!r}, which is no parameter; give Int, Float or Choice")
        if parameter.name in tables:
            raise InputError(f"space names the parameter '{parameter.name}' twice; drop one")
        tables[parameter.name] = table_of(parameter)
    return tables
