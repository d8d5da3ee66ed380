"""Tasks whose networks are of ecojax's own families: architecture and recipe in one space."""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ecojax.errors import InputError
from ecojax.models import FAMILIES, family
from ecojax.origins import Origins
from ecojax.space import Choice, Parameter, SearchSpace
from ecojax.tasks.composition import compose_space, family_parameters
from ecojax.tasks.description import PORTABLE_AS
from ecojax.tasks.supervised.description import FamilyDescription
from ecojax.tasks.supervised.task import Supervised
from ecojax.train.recipe import ALWAYS_ACTIVE
from ecojax.wording import option

if TYPE_CHECKING:
    from ecojax.models.network import Network


class OfFamilies(Supervised):
    """A task of some `families`, of those that `possible` names: all that can learn from such inputs.

    Subclasses give these attributes, `recipe_parameters` and `widest_recipe`. `tables` and `pins` change the default
    space, as a configuration file's `[space]` and `[pin]` do; `source` says where they came from, in errors.
    """

    families: Sequence[str]
    tables: Mapping[str, Any] | None
    pins: Mapping[str, Any] | None
    source: str | Origins
    possible: Sequence[str]
    description: type[FamilyDescription]  # of its models

    @property
    def inputs(self) -> Any:
        """What a network of this task needs to know of the data."""
        raise NotImplementedError

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(self.dataset.x_train.shape[1:])

    def recipe_parameters(self) -> Sequence[Parameter]:
        """The parameters of training."""
        raise NotImplementedError

    def widest_recipe(self) -> Sequence[Parameter]:
        """The same with all that a training can take."""
        raise NotImplementedError

    @cached_property
    def space(self) -> SearchSpace:
        """Architecture and recipe in one space. Raises `InputError` for tables and pins that do not fit."""
        shape, samples = self.input_shape, len(self.dataset.x_train)
        origins = Origins.of(self.source)
        for name in self.families:
            try:
                family(name)
            except InputError as error:
                raise InputError(f"{origins.named('families', name)}: {error}") from None
            if name not in self.possible:
                raise InputError(
                    f"{origins.named('families', name)}: it does not learn from {self.samples} like those of "
                    f"{self.dataset.name!r}; choose among {', '.join(self.possible)}"
                )
        recipe = self.recipe_parameters()
        parameters = [*family_parameters(self.families, shape), *recipe]
        widest = [*self.widest_recipe(), *(one for name in self.possible for one in FAMILIES[name].widest)]
        tables, pins = dict(self.tables or {}), dict(self.pins or {})
        of_others = (tables.keys() | pins.keys()) - {parameter.name for parameter in parameters}
        if (
            of_others
        ):  # a file may speak of several families: right in the space of all, they are left out of this one
            self._require_from_a_file(of_others, origins)
            everything = [*family_parameters(tuple(self.possible), shape), *recipe]
            compose_space(everything, tables=tables, pins=pins, widest=widest, source=origins)
            tables, pins = (
                {name: value for name, value in given.items() if name not in of_others}
                for given in (tables, pins)
            )
        space = compose_space(parameters, tables=tables, pins=pins, widest=widest, source=origins)
        for name, parents in ALWAYS_ACTIVE.items():
            if name in space and set(space[name].when) - parents:
                raise InputError(
                    f"{self.source}: space.{name} cannot be conditional, every training needs it; drop its 'when'"
                )
        batch_size = space["batch_size"]
        sizes = batch_size.choices if isinstance(batch_size, Choice) else (batch_size.low, batch_size.high)
        for size in sizes:
            if not isinstance(size, int) or not 1 <= size <= samples:
                of_pin = "pin.batch_size"
                place = origins.place(of_pin) if of_pin in origins else origins.source
                raise InputError(
                    f"{place}: batch_size reaches {size!r}; with {samples} training {self.samples} it is a whole "
                    f"number from 1 to {samples}: change [space.batch_size] or {option('train_size')}"
                )
        return space

    def _require_from_a_file(self, names: Collection[str], origins: Origins) -> None:
        """Raises `InputError` where an option speaks of a parameter of families that are not searched."""
        for key in (f"{table}.{name}" for table in ("space", "pin") for name in sorted(names)):
            name = key.partition(".")[2]
            owners = [
                other
                for other in self.possible
                if name in {parameter.name for parameter in family(other).parameters(self.input_shape)}
            ]
            if key in origins and owners:
                raise InputError(
                    f"{origins.place(key)}: '{name}' is a parameter of {' and '.join(owners)}, and this search is over "
                    f"{' and '.join(self.families)}; leave it out, or add {option('families', owners[0])}"
                )

    @property
    def searched(self) -> str:
        return ", ".join(dict.fromkeys(self.families))

    @property
    def shaping(self) -> dict[str, bool]:
        parameter = self.space["family"]
        assert isinstance(parameter, Choice)
        found = {parameter.name: False}
        for chosen in (family(str(name)) for name in parameter.choices):
            for one in chosen.parameters(self.input_shape):
                found[one.name] = one.name in chosen.grows and found.get(one.name, True)
        return found

    def facts(self) -> dict[str, Any]:
        data = self.dataset
        return {
            "dataset_title": data.title,
            "dataset_version": data.version,
            "dataset_source": data.source,
            "splits": data.splits,
            **({"chance_accuracy": data.chance_accuracy} if data.class_names else {}),
            "digests": data.digests,
            PORTABLE_AS: self.description.kind(),
            "inputs": self.inputs.to_record(),
            "space_records": self.space.to_records(),
        }

    def portable(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        stored = {"inputs": self.inputs.to_record(), "resolved_precision": self.precision}
        return self.description.of_study(stored, configuration).to_record()

    def network(self, configuration: Mapping[str, Any]) -> "Network":
        """The network of a configuration. Those that differ in training only have equal ones."""
        network: Network = self.inputs.network(configuration, self.precision)
        return network
