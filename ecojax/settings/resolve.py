"""Where the settings of a search come from, and whether they make sense, before anything happens.

Precedence, lowest first: the declared defaults, the configuration of that dataset in `configs/`, the file given with
`--config` (in place of the former), the command line.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ecojax.budget import Budget, seconds_of
from ecojax.declaration.search import Bounds
from ecojax.errors import InputError
from ecojax.origins import Origins, keys_of
from ecojax.settings.files import find_config, read_config, require_plain
from ecojax.settings.model import SearchSettings
from ecojax.space.tables import explain, objection
from ecojax.spelling import did_you_mean
from ecojax.study.bounds import bounds_of
from ecojax.study.declarations import METRICS, metrics_of, objective, selectable
from ecojax.study.metrics import Metric
from ecojax.wording import option, speaks_of_options


def resolve(config: str | Path | None, overrides: Mapping[str, Any]) -> tuple[SearchSettings, Origins]:
    """The settings of a search, and where each came from.

    `overrides` are the options given; None means not given. Families that nobody names are those of the dataset's own
    configuration, with `config` as without. Raises `InputError` naming the key, the file or option, and what would be
    right.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    given_keys = frozenset(keys_of(given))
    metrics = None if given.get("task") else METRICS  # a task's own are known once it is loaded
    if "constraints" in given:
        given["constraints"] = bounds_of(given["constraints"], metrics)
        given_keys |= frozenset(keys_of({"constraints": given["constraints"]}))
    dataset = given.get("dataset")
    of_dataset = None if given.get("task") else find_config(str(dataset or SearchSettings().dataset))
    path = Path(config) if config is not None else of_dataset
    table = {} if path is None else read_config(path)
    metrics = None if table.get("task") else metrics
    if config is None and path is not None:
        table = {"dataset": dataset} | table
    source = "the defaults" if path is None else str(path if config is not None else path.name)
    stated = frozenset(keys_of(table))
    from_file = Origins(source, stated=stated)
    if "constraints" in table:
        table["constraints"] = _bounds_of(table["constraints"], from_file, metrics)
    of_file = _validated(table, from_file, metrics)
    if "families" not in stated and config is not None:
        own = find_config(of_file.dataset if dataset is None else str(dataset))
        table |= {} if own is None else _families_of(own)
    for name in ("pin", "constraints"):  # an option adds to the file's, and replaces those of the same name
        if isinstance(given.get(name), Mapping):
            given[name] = table.get(name, {}) | given[name]
    origins = Origins(source, given_keys, stated)
    return _validated(table | given, origins, metrics), origins


def check(values: Mapping[str, Any], *, source: str, metrics: Mapping[str, Metric] | None = METRICS) -> None:
    """Raises `InputError` naming `source` and the key for what is no setting, or no value of it."""
    _validated(values, Origins(source), metrics)


def restore(
    record: Mapping[str, Any], facts: Mapping[str, Any], changes: Mapping[str, Any], *, source: str
) -> tuple[SearchSettings, Origins]:
    """The settings that a study stored, with `changes`. Raises `InputError` when they are not settings."""
    stored = {name: value for name, value in record.items() if name in SearchSettings.model_fields}
    origins = Origins(source, frozenset(keys_of(changes)), frozenset(keys_of(stored)))
    return _validated(stored | dict(changes), origins, metrics_of(facts)), origins


def _families_of(path: Path) -> dict[str, Any]:
    return {name: value for name, value in read_config(path).items() if name == "families"}


def _bounds_of(constraints: Any, origins: Origins, metrics: Mapping[str, Metric] | None) -> Any:
    try:
        return bounds_of(constraints, metrics)
    except InputError as error:
        raise InputError(f"{origins}: {error}") from None


def _validated(
    values: Mapping[str, Any], origins: Origins, metrics: Mapping[str, Metric] | None
) -> SearchSettings:
    try:
        settings = SearchSettings.model_validate(dict(values))
    except ValidationError as error:
        raise InputError(_complaint(error, origins)) from None
    if len(set(settings.objectives)) < len(settings.objectives):
        raise InputError(f"{origins.named('objectives', settings.objectives)} names one twice")
    if metrics is not None:
        require_metrics(settings, metrics, origins)
    for place, _, bounds in _all_bounds(settings, origins):
        if bounds.min is None and bounds.max is None:
            raise InputError(f"{place} is empty; give it min, max or both")
        if bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
            raise InputError(f"{place} asks for at least {bounds.min} and at most {bounds.max}")
    require_plain(settings.enqueue, source=str(origins))
    for key, check_text in (("budget", partial(Budget.of, 1)), ("trial_timeout", seconds_of)):
        text = getattr(settings, key)
        if text is not None:
            check_text(text, named=origins.named(key, text))
    return settings


def require_metrics(settings: SearchSettings, metrics: Mapping[str, Metric], origins: Origins) -> None:
    """Raises `InputError` for an objective and a constraint that is none of `metrics`, and for a bound out of range."""
    for name in settings.objectives:
        try:
            objective(name, metrics)
        except InputError as error:
            raise InputError(f"{origins.named('objectives', name)}: {error}") from None
    for place, name, bounds in _all_bounds(settings, origins):
        metric = selectable(name, place, metrics)
        for sign, bound in ((">=", bounds.min), ("<=", bounds.max)):
            try:
                if bound is not None:
                    metric.require_in_range(bound, sign)
            except ValueError as error:
                raise InputError(f"{place}: '{name}{sign}{bound:g}': {error}") from None


def _all_bounds(settings: SearchSettings, origins: Origins) -> Iterator[tuple[str, str, Bounds]]:
    """The bounds of `constraints` and `constraints_on`, each with its place and its metric."""
    of_hosts = [(f"constraints_on.{host}", bounds) for host, bounds in settings.constraints_on.items()]
    for table, all_bounds in [("constraints", settings.constraints), *of_hosts]:
        for name, bounds in all_bounds.items():
            yield origins.place(f"{table}.{name}"), name, bounds


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
