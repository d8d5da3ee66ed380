"""Image classification: a dataset, the families that may learn it, and the recipe they are trained by."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from ecojax.data import ImageDataset
from ecojax.errors import InputError
from ecojax.models import FAMILIES, family
from ecojax.origins import Origins
from ecojax.space import Choice, SearchSpace
from ecojax.space.tables import explain
from ecojax.tasks.composition import compose_space, family_parameters
from ecojax.tasks.supervised.task import Supervised, largest
from ecojax.train.recipe import ALWAYS_ACTIVE, recipe_parameters, widest_recipe
from ecojax.wording import option

if TYPE_CHECKING:
    from ecojax.models.network import Network
    from ecojax.train.program import TrainingProgram


@dataclass(frozen=True)
class ImageInputs:
    """What is left of a dataset in a network: with a configuration, it is enough to build it again.

    `image_shape` is (height, width, channels); `mean` and `std` are per channel, in units of 0..1.
    """

    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def network(self, configuration: Mapping[str, Any], precision: str) -> "Network":
        """The network of a configuration. Those that differ in training only have equal ones."""
        from ecojax.models.network import Network

        if "family" not in configuration:
            raise InputError("the configuration names no model family")
        chosen = family(str(configuration["family"]))
        return Network(
            family=chosen.name,
            architecture=tuple(chosen.architecture(configuration, self.image_shape).items()),
            input_shape=self.image_shape,
            outputs=len(self.class_names),
            mean=self.mean,
            std=self.std,
            precision=precision,
        )

    def to_record(self) -> dict[str, Any]:
        """As JSON holds it; `from_record` reads it back."""
        return {field.name: list(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_record(cls, record: Any) -> "ImageInputs":
        """Raises `InputError` for what `to_record` does not give."""
        try:
            given = TypeAdapter(cls).validate_json(json.dumps(record), strict=True)
        except ValidationError as error:
            raise InputError(f"the study's inputs are damaged: {explain(error, prefix='inputs')}") from None
        return given


@dataclass(frozen=True)
class ImageClassification(Supervised):
    """The task of telling `dataset`'s classes apart, in `precision` ("float32" or "bfloat16").

    `epochs` are the passes over the training images, `inference_batch` the images of one metered call.
    `tables` and `pins` change the default space, as a configuration file's `[space]` and `[pin]` do; `source`
    says where they came from, in errors.
    """

    dataset: ImageDataset
    families: Sequence[str]
    precision: str = "float32"
    epochs: int = 10
    inference_batch: int = 64
    tables: Mapping[str, Any] | None = None
    pins: Mapping[str, Any] | None = None
    source: str | Origins = "the search settings"

    samples = "images"

    @cached_property
    def space(self) -> SearchSpace:
        """Architecture and recipe in one space. Raises `InputError` for tables and pins that do not fit."""
        shape, images = self.dataset.image_shape, len(self.dataset.x_train)
        origins = Origins.of(self.source)
        for name in self.families:
            try:
                family(name)
            except InputError as error:
                raise InputError(f"{origins.named('families', name)}: {error}") from None
        recipe = recipe_parameters(shape, images)
        parameters = [*family_parameters(self.families, shape), *recipe]
        widest = [*widest_recipe(shape), *(one for name in FAMILIES for one in FAMILIES[name].widest)]
        tables, pins = dict(self.tables or {}), dict(self.pins or {})
        of_others = (tables.keys() | pins.keys()) - {parameter.name for parameter in parameters}
        if (
            of_others
        ):  # a file may speak of several families: right in the space of all, they are left out of this one
            self._require_from_a_file(of_others, origins)
            everything = [*family_parameters(tuple(FAMILIES), shape), *recipe]
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
            if not isinstance(size, int) or not 1 <= size <= images:
                of_pin = "pin.batch_size"
                place = origins.place(of_pin) if of_pin in origins else origins.source
                raise InputError(
                    f"{place}: batch_size reaches {size!r}; with {images} training images it is a whole number "
                    f"from 1 to {images}: change [space.batch_size] or {option('train_size')}"
                )
        return space

    def _require_from_a_file(self, names: Collection[str], origins: Origins) -> None:
        """Raises `InputError` where an option speaks of a parameter of families that are not searched."""
        for key in (f"{table}.{name}" for table in ("space", "pin") for name in sorted(names)):
            name = key.partition(".")[2]
            owners = [
                other.name
                for other in FAMILIES.values()
                if name in {parameter.name for parameter in other.parameters(self.dataset.image_shape)}
            ]
            if key in origins and owners:
                raise InputError(
                    f"{origins.place(key)}: '{name}' is a parameter of {' and '.join(owners)}, and this search is over "
                    f"{' and '.join(self.families)}; leave it out, or add {option('families', owners[0])}"
                )

    @cached_property
    def inputs(self) -> "ImageInputs":
        """What a network of this task needs to know of the data."""
        data = self.dataset
        return ImageInputs(
            image_shape=data.image_shape,
            class_names=data.class_names,
            mean=tuple(float(value) for value in data.mean),
            std=tuple(max(float(value), 1e-3) for value in data.std),  # a constant channel stays finite
        )

    @property
    def searched(self) -> str:
        return ", ".join(dict.fromkeys(self.families))

    @property
    def shaping(self) -> dict[str, bool]:
        parameter, shape = self.space["family"], self.dataset.image_shape
        assert isinstance(parameter, Choice)
        found = {parameter.name: False}
        for chosen in (family(str(name)) for name in parameter.choices):
            for one in chosen.parameters(shape):
                found[one.name] = one.name in chosen.grows and found.get(one.name, True)
        return found

    def in_precision(self, precision: str) -> "ImageClassification":
        return replace(self, precision=precision)

    def facts(self) -> dict[str, Any]:
        return {
            "dataset_title": self.dataset.title,
            "dataset_version": self.dataset.version,
            "dataset_source": self.dataset.source,
            "splits": self.dataset.splits,
            "chance_accuracy": self.dataset.chance_accuracy,
            "digests": self.dataset.digests,
            "inputs": self.inputs.to_record(),
            "space_records": self.space.to_records(),
        }

    def network(self, configuration: Mapping[str, Any]) -> "Network":
        """The network of a configuration. Those that differ in training only have equal ones."""
        return self.inputs.network(configuration, self.precision)

    def program(self, configuration: Mapping[str, Any]) -> "TrainingProgram":
        """The program that trains a configuration; equal programs share one compilation."""
        from ecojax.train.loss import Classification
        from ecojax.train.program import TrainingProgram

        recipe = self.recipe(configuration)
        return TrainingProgram(
            self.network(configuration),
            recipe.optimizer,
            recipe.batch_size,
            max_shift=math.ceil(largest(self.space, "crop")),
            loss=Classification(len(self.dataset.class_names)),
            absent=frozenset(
                name for name in ("flip", "crop", "cutout", "dropout") if not largest(self.space, name)
            ),
        )
