"""The settings of one search: what a TOML file and the command line may say, checked before anything happens.

Precedence, lowest first: the defaults here, the configuration of that dataset in `configs/`, the file given
with `--config` (in place of the former), the command line.
"""

import codecs
import json
import os
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ecojax.budget import Budget, seconds_of
from ecojax.errors import InputError
from ecojax.origins import Origins, keys_of
from ecojax.space.tables import explain, objection
from ecojax.spelling import did_you_mean
from ecojax.study.bounds import bounds_of
from ecojax.study.bounds import parse_constraint as parse_constraint  # what others read bounds by
from ecojax.study.metrics import METRICS, objective, selectable
from ecojax.wording import option, speaks_of_options

Positive = Annotated[int, Field(ge=1)]

MAX_BYTES = 4 << 20  # of a file of settings
_MARKS = {  # of files that Windows editors and PowerShell write; the longer one first, which begins like the other
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
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


def absolute(given: Any) -> Any:
    """A path as text from the root on; what is no path stays as it is, to be refused by who asked."""
    if not isinstance(given, str | os.PathLike) or not os.fspath(given):
        return given
    return str(Path(os.path.expanduser(os.fsdecode(given))).absolute())


def absolute_log(given: Any) -> Any:
    """A meter, `external:FILE` with its file from the root on."""
    if not isinstance(given, str) or not given.startswith("external:"):
        return given
    return f"external:{absolute(given.removeprefix('external:'))}"


# Where a search is told to look stays the same wherever `--resume` or a worker is started.
AbsolutePath = Annotated[str, BeforeValidator(absolute)]


class Bounds(BaseModel):
    """The bounds of one constrained metric, in its unit."""

    model_config = ConfigDict(extra="forbid")

    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)


class SearchSettings(BaseModel):
    """Everything that decides what a search does. Stored in the study, so that `--resume` needs nothing else."""

    model_config = ConfigDict(extra="forbid")

    dataset: str = "digits"
    data_dir: AbsolutePath | None = None
    train_size: Positive | None = None
    validation_size: Positive | None = None

    families: list[str] = Field(default=["convnet"], min_length=1)
    space: dict[str, dict[str, Any]] = {}
    pin: dict[str, bool | int | float | str] = {}

    objectives: list[str] = Field(default=["accuracy", "energy_per_sample_j"], min_length=1)
    constraints: Annotated[dict[str, Bounds], BeforeValidator(bounds_of)] = {}

    constraints_on: dict[
        Literal["cpu", "gpu", "tpu"], Annotated[dict[str, Bounds], BeforeValidator(bounds_of)]
    ] = {}

    evaluations: Positive = 36
    budget: str | None = None
    patience: Positive | None = None
    proposer: Literal["assisted", "nsga2", "local", "sobol", "random"] = "assisted"  # engine.PROPOSERS
    population: Annotated[int, Field(ge=2)] = 12
    enqueue: list[dict[str, Any]] = []
    start_from: list[AbsolutePath] = []
    replicate: Annotated[int, Field(ge=0)] = 0
    epochs: Positive = 10
    early_stop: bool = True
    inherit: bool = False
    pack: bool = False
    lead: Annotated[int, Field(ge=0)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    meter: Annotated[str, BeforeValidator(absolute_log)] = "auto"
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


def resolve(config: str | Path | None, overrides: Mapping[str, Any]) -> tuple[SearchSettings, Origins]:
    """The settings of a search, and where each came from.

    `overrides` are the options given; None means not given. Families that nobody names are those of the dataset's own
    configuration, with `config` as without. Raises `InputError` naming the key, the file or option, and what would be
    right.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    given_keys = frozenset(keys_of(given))
    if "constraints" in given:
        given["constraints"] = bounds_of(given["constraints"])
        given_keys |= frozenset(keys_of({"constraints": given["constraints"]}))
    dataset = given.get("dataset")
    path = Path(config) if config is not None else find_config(str(dataset or SearchSettings().dataset))
    table = {} if path is None else read_config(path)
    if config is None and path is not None:
        table = {"dataset": dataset} | table
    source = "the defaults" if path is None else str(path if config is not None else path.name)
    stated = frozenset(keys_of(table))
    from_file = Origins(source, stated=stated)
    if "constraints" in table:
        table["constraints"] = _bounds_of(table["constraints"], from_file)
    of_file = _validated(table, from_file)
    if "families" not in stated and config is not None:
        own = find_config(of_file.dataset if dataset is None else str(dataset))
        table |= {} if own is None else _families_of(own)
    for name in ("pin", "constraints"):  # an option adds to the file's, and replaces those of the same name
        if isinstance(given.get(name), Mapping):
            given[name] = table.get(name, {}) | given[name]
    origins = Origins(source, given_keys, stated)
    return _validated(table | given, origins), origins


def check(values: Mapping[str, Any], *, source: str) -> None:
    """Raises `InputError` naming `source` and the key for what is no setting, or no value of it."""
    _validated(values, Origins(source))


def restore(
    record: Mapping[str, Any], changes: Mapping[str, Any], *, source: str
) -> tuple[SearchSettings, Origins]:
    """The settings that a study stored, with `changes`. Raises `InputError` when they are not settings."""
    stored = {name: value for name, value in record.items() if name in SearchSettings.model_fields}
    origins = Origins(source, frozenset(keys_of(changes)), frozenset(keys_of(stored)))
    return _validated(stored | dict(changes), origins), origins


def _families_of(path: Path) -> dict[str, Any]:
    return {name: value for name, value in read_config(path).items() if name == "families"}


def _bounds_of(constraints: Any, origins: Origins) -> Any:
    try:
        return bounds_of(constraints)
    except InputError as error:
        raise InputError(f"{origins}: {error}") from None


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
        text = _decoded(raw).replace("\r\n", "\n")
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
            content: Any = json.loads(_decoded(raw))
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


def _decoded(raw: bytes) -> str:
    """The text of a file in UTF-8, with or without a byte order mark. Raises `ValueError` naming another encoding."""
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            raise ValueError(f"it is written in {encoding}; save it as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8 ({error.reason}); save it as UTF-8") from None


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


def _validated(values: Mapping[str, Any], origins: Origins) -> SearchSettings:
    try:
        settings = SearchSettings.model_validate(dict(values))
    except ValidationError as error:
        raise InputError(_complaint(error, origins)) from None
    for name in settings.objectives:
        try:
            objective(name)
        except InputError as error:
            raise InputError(f"{origins.named('objectives', name)}: {error}") from None
    if len(set(settings.objectives)) < len(settings.objectives):
        raise InputError(f"{origins.named('objectives', settings.objectives)} names one twice")
    of_hosts = [(f"constraints_on.{host}", bounds) for host, bounds in settings.constraints_on.items()]
    for table, name, bounds in (
        (table, name, bounds)
        for table, all_bounds in [("constraints", settings.constraints), *of_hosts]
        for name, bounds in all_bounds.items()
    ):
        place = origins.place(f"{table}.{name}")
        selectable(name, place)
        if bounds.min is None and bounds.max is None:
            raise InputError(f"{place} is empty; give it min, max or both")
        if bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
            raise InputError(f"{place} asks for at least {bounds.min} and at most {bounds.max}")
        for sign, bound in ((">=", bounds.min), ("<=", bounds.max)):
            try:
                if bound is not None:
                    METRICS[name].require_in_range(bound, sign)
            except ValueError as error:
                raise InputError(f"{place}: '{name}{sign}{bound:g}': {error}") from None
    _require_plain(settings.enqueue, source=str(origins))
    for key, check_text in (("budget", partial(Budget.of, 1)), ("trial_timeout", seconds_of)):
        text = getattr(settings, key)
        if text is not None:
            check_text(text, named=origins.named(key, text))
    return settings


def _complaint(error: ValidationError, origins: Origins) -> str:
    """The first complaint, naming the setting as whoever gave it wrote it."""
    complaint = error.errors(include_url=False)[0]
    path = [str(part) for part in complaint["loc"]]
    key = path[0]
    if key not in origins:
        return f"{origins}: {explain(error, known=SearchSettings.model_fields)}"
    if key not in SearchSettings.model_fields:
        return f"unknown {_what()} '{key}'{did_you_mean(key, SearchSettings.model_fields)}"
    if len(path) == 1:
        return f"{option(key, complaint.get('input'))}: {objection(complaint)}"
    return f"{option(key)}: {explain(error, known=SearchSettings.model_fields)}"


def _what() -> str:
    return "option" if speaks_of_options() else "argument"
