"""The settings of one search: what a TOML file and the command line may say, checked before anything happens.

Precedence, lowest first: the defaults here, the configuration of that dataset in `configs/`, the file given
with `--config` (in place of the former), the command line.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ecojax.errors import InputError
from ecojax.search.budget import Budget, seconds_of
from ecojax.space.tables import explain
from ecojax.study.bounds import bounds_of
from ecojax.study.bounds import parse_constraint as parse_constraint  # what others read bounds by
from ecojax.study.metrics import METRICS, objective, selectable

Positive = Annotated[int, Field(ge=1)]

MAX_BYTES = 4 << 20  # of a file of settings
MAX_KEY_PARTS = 32  # of a dotted key; Python's parser takes the square of their number, and more, in time
_LONG_KEY = re.compile(
    rf"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{MAX_KEY_PARTS}}}""", re.ASCII
)


def share(given: Any) -> Any:
    """A share as a number or as text, 0.05 or "5%"; what is neither stays as it is, to be refused by who asked."""
    if isinstance(given, str):
        with suppress(ValueError):
            return float(given.removesuffix("%")) / (100 if given.endswith("%") else 1)
    return given


class Bounds(BaseModel):
    """The bounds of one constrained metric, in its unit."""

    model_config = ConfigDict(extra="forbid")

    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)


class SearchSettings(BaseModel):
    """Everything that decides what a search does. Stored in the study, so that `--resume` needs nothing else."""

    model_config = ConfigDict(extra="forbid")

    dataset: str = "digits"
    data_dir: str | None = None
    train_size: Positive | None = None
    validation_size: Positive | None = None

    families: list[str] = Field(default=["convnet"], min_length=1)
    space: dict[str, dict[str, Any]] = {}
    pin: dict[str, bool | int | float | str] = {}

    objectives: list[str] = Field(default=["accuracy", "energy_per_sample_j"], min_length=1)
    constraints: Annotated[dict[str, Bounds], BeforeValidator(bounds_of)] = {}

    evaluations: Positive = 36
    budget: str | None = None
    patience: Positive | None = None
    proposer: Literal["assisted", "nsga2", "local", "sobol", "random"] = "assisted"  # engine.PROPOSERS
    population: Annotated[int, Field(ge=2)] = 12
    enqueue: list[dict[str, Any]] = []
    start_from: list[str] = []
    replicate: Annotated[int, Field(ge=0)] = 0
    epochs: Positive = 10
    early_stop: bool = True
    inherit: bool = False
    pack: bool = False
    lead: Annotated[int, Field(ge=0)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    meter: str = "auto"
    watts_per_core: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    inference_batch: Positive = 64
    energy_ci: Annotated[float, BeforeValidator(share), Field(gt=0, lt=1)] = 0.05
    frontier_energy_ci: Annotated[float, BeforeValidator(share), Field(ge=0, lt=1)] = 0.02

    executor: Literal["local", "inline", "ray"] = "local"
    workers: Positive | None = None
    ray_address: str | None = None
    trial_timeout: str | None = None
    meter_device: str | None = None

    def bounds(self) -> dict[str, dict[str, float]]:
        """The constraints as plain numbers, by metric."""
        return {name: bounds.model_dump(exclude_none=True) for name, bounds in self.constraints.items()}


def resolve(config: str | Path | None, overrides: Mapping[str, Any]) -> tuple[SearchSettings, str]:
    """The settings of a search and the name of the file they came from (or "the command line").

    `overrides` are the options given; None means not given. Raises `InputError` naming the key, the file or
    option, and what would be right.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    if "constraints" in given:
        given["constraints"] = bounds_of(given["constraints"])
    dataset = given.get("dataset")
    path = Path(config) if config is not None else find_config(str(dataset or SearchSettings().dataset))
    table = {} if path is None else read_config(path)
    if config is None and path is not None:
        table = {"dataset": dataset} | table
    source = "the command line" if path is None else str(path if config is not None else path.name)
    _validated(table, source=source)
    for name in ("pin", "constraints"):  # an option adds to the file's, and replaces those of the same name
        if name in given:
            given[name] = table.get(name, {}) | given[name]
    return _validated(table | given, source=source, options=set(given)), source


def check(values: Mapping[str, Any], *, source: str) -> None:
    """Raises `InputError` naming `source` and the key for what is no setting, or no value of it."""
    _validated(values, source=source)


def restore(record: Mapping[str, Any], changes: Mapping[str, Any], *, source: str) -> SearchSettings:
    """The settings that a study stored, with `changes`. Raises `InputError` when they are not settings."""
    stored = {name: value for name, value in record.items() if name in SearchSettings.model_fields}
    return _validated(stored | dict(changes), source=source, options=set(changes))


def find_config(name: str) -> Path | None:
    """The configuration that ecojax brings for dataset `name[/config][:version]`: `configs/<name>.toml`, or None."""
    name = re.split("[/:]", name)[0]
    package = Path(__file__).resolve().parent
    for folder in (package / "configs", package.parent / "configs"):  # installed, or in a clone
        path = folder / f"{name}.toml"
        if path.is_file():
            return path
    return None


def read_config(path: Path) -> dict[str, Any]:
    """A TOML file as nested tables. Raises `InputError` when it is not there or not TOML."""
    raw = _read(path, "configuration")
    try:
        text = raw.decode("utf-8").replace("\r\n", "\n")
        if _LONG_KEY.search(text):
            raise ValueError(f"a key has more than {MAX_KEY_PARTS} parts")
        table = tomllib.loads(text)
        _require_64_bits(table)
        return table
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is not valid TOML: {error}") from None


def read_configurations(path: Path) -> list[dict[str, Any]]:
    """The configurations that `--enqueue` names.

    A TOML file holds `[[enqueue]]` tables, or the parameters of one configuration; a JSON file an object or a list
    of them. Raises `InputError` naming the file when it is neither.
    """
    if path.suffix.lower() == ".json":
        raw = _read(path, "configurations")
        try:
            content: Any = json.loads(raw.decode("utf-8"))
            _require_64_bits(content)
        except (ValueError, RecursionError) as error:
            raise InputError(f"'{path}' is not valid JSON: {error}") from None
    else:
        content = read_config(path)
    if isinstance(content, dict):
        content = content.get("enqueue", [content])  # one configuration may stand alone
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise InputError(
            f"'{path}' holds no configurations; write [[enqueue]] tables, or a list of JSON objects"
        )
    _require_plain(content, source=str(path))
    return content


def _read(path: Path, what: str) -> bytes:
    """The bytes of a file, were it a pipe that nobody writes to or one without an end: neither is waited for."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise InputError(f"cannot read the {what} '{path}': it is no ordinary file; write it to one")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the {what} '{path}': {getattr(error, 'strerror', error)}") from None
    if len(raw) > MAX_BYTES:
        raise InputError(f"cannot read the {what} '{path}': it is larger than {MAX_BYTES >> 20} MiB")
    return raw


def _require_64_bits(value: Any) -> None:
    """Raises `ValueError` for integers that TOML does not have, and that Python may not even be able to print."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _require_64_bits(item)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("an integer has more than 64 bits")


def _require_plain(configurations: list[dict[str, Any]], *, source: str) -> None:
    for number, configuration in enumerate(configurations, 1):
        for name, value in configuration.items():
            if not isinstance(value, bool | int | float | str):
                raise InputError(
                    f"{source}: enqueue, table {number}: {name} = {value!r} must be a number, text, true or false"
                )


def option_name(key: str) -> str:
    """The option of `ecojax search` that sets `key`: one that repeats is named in the singular."""
    names = {
        "families": "family",
        "objectives": "objective",
        "constraints": "constraint",
        "start_from": "from",
        "early_stop": "no-early-stop",
    }
    return f"--{names.get(key, key).replace('_', '-')}"


def _validated(values: Mapping[str, Any], *, source: str, options: set[str] | None = None) -> SearchSettings:
    try:
        settings = SearchSettings.model_validate(dict(values))
    except ValidationError as error:
        key = str(error.errors()[0]["loc"][0])
        by_option = options is not None and key in options
        where = f"{option_name(key)}: " if by_option else f"{source}: "
        raise InputError(where + explain(error)) from None
    for name in settings.objectives:
        objective(name)
    if len(set(settings.objectives)) < len(settings.objectives):
        raise InputError(f"objectives = {settings.objectives} names one twice")
    for name, bounds in settings.constraints.items():
        selectable(name, f"{source}: constraints.{name}")
        if bounds.min is None and bounds.max is None:
            raise InputError(f"{source}: constraints.{name} is empty; give it min, max or both")
        if bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
            raise InputError(
                f"{source}: constraints.{name} asks for at least {bounds.min} and at most {bounds.max}"
            )
        for sign, bound in ((">=", bounds.min), ("<=", bounds.max)):
            try:
                if bound is not None:
                    METRICS[name].require_in_range(bound, sign)
            except ValueError as error:
                raise InputError(f"{source}: constraint '{name}{sign}{bound:g}': {error}") from None
    _require_plain(settings.enqueue, source=source)
    Budget.of(settings.evaluations, settings.budget)
    if settings.trial_timeout is not None:
        seconds_of(settings.trial_timeout)
    return settings
