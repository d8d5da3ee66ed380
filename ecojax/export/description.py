"""`model.json`: what it takes to build a network again, checked key by key before anything is built."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ecojax.errors import InputError
from ecojax.export.records import read_record, write_record
from ecojax.models import FAMILIES

if TYPE_CHECKING:
    from ecojax.models.network import Network

FILE, FORMAT, VERSION = "model.json", "ecojax-model", 1

# What no image classifier of ours comes near; it keeps a damaged file from asking for all the memory there is.
MAX_PIXELS = 1 << 26  # height × width × channels
MAX_CLASSES = 1 << 20

Size = Annotated[int, Field(ge=1, le=MAX_PIXELS)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Spread = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Description(BaseModel):
    """The fields of `model.json`; `image_shape` is (height, width, channels), `mean` and `std` are per channel."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    family: str
    architecture: dict[str, bool | int | float | str]
    image_shape: Annotated[list[Size], Field(min_length=3, max_length=3)]
    num_classes: Annotated[int, Field(ge=1, le=MAX_CLASSES)]
    mean: list[Finite]
    std: list[Spread]
    precision: Literal["float32", "bfloat16"]
    class_names: list[str]

    @classmethod
    def of(cls, network: "Network", class_names: Sequence[str]) -> "Description":
        """Raises `InputError` when the names do not fit the network, or a number is not finite."""
        try:
            return cls(
                family=network.family,
                architecture=dict(network.architecture),
                image_shape=list(network.input_shape),
                num_classes=network.outputs,
                mean=list(network.mean),
                std=list(network.std),
                precision=network.precision,  # type: ignore[arg-type]  # pydantic looks whether it is one of them
                class_names=list(class_names),
            )
        except ValidationError as error:
            raise InputError(f"this network cannot be exported: {_first(error)}") from None

    @classmethod
    def read(cls, folder: Path) -> "Description":
        """From `model.json` in `folder`. Raises `InputError` naming the file and the key."""
        record = read_record(folder / FILE, FORMAT, VERSION)
        try:
            return cls.model_validate(record)
        except ValidationError as error:
            raise InputError(f"'{folder / FILE}': {_first(error)}; export the model again") from None

    def write(self, folder: Path) -> None:
        write_record(folder / FILE, FORMAT, VERSION, self.model_dump())

    def network(self) -> "Network":
        """The network, without weights. Raises `InputError` when its parts do not fit together."""
        from ecojax.models.network import Network

        height, width, channels = self.image_shape
        names = [parameter.name for parameter in FAMILIES[self.family].parameters((height, width, channels))]
        network = Network(
            family=self.family,
            architecture=tuple((name, self.architecture[name]) for name in names),
            input_shape=(height, width, channels),
            outputs=self.num_classes,
            mean=tuple(self.mean),
            std=tuple(self.std),
            precision=self.precision,
        )
        try:
            network.abstract_weights  # noqa: B018 - shapes only; cached, so it costs nothing twice
        except Exception as error:
            raise InputError(f"{FILE} describes a network that cannot be built: {str(error)[:200]}") from None
        return network

    @model_validator(mode="after")
    def _check(self) -> "Description":
        height, width, channels = self.image_shape
        _require(
            height * width * channels <= MAX_PIXELS, f"image_shape = {self.image_shape} is absurdly large"
        )
        for key, length in (("mean", channels), ("std", channels), ("class_names", self.num_classes)):
            found = len(getattr(self, key))
            _require(found == length, f"{key} should have {length} values, it has {found}")
        _require(self.family in FAMILIES, f"family = {self.family!r} is none of {', '.join(FAMILIES)}")
        names = {one.name for one in FAMILIES[self.family].parameters((height, width, channels))}
        for name in sorted(names ^ set(self.architecture)):
            _require(name in self.architecture, f"architecture.{name} is missing")
            _require(name in names, f"architecture.{name} is unknown to the family '{self.family}'")
        problem = FAMILIES[self.family].misfit(self.architecture)
        _require(not problem, f"architecture: {problem}")
        return self


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ValueError(problem)


def _first(error: ValidationError) -> str:
    """The first problem in words, with its key."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    return f"{key}: {message}" if key else message
