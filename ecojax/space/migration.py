"""When a space has changed: in which parameter, and what a configuration of the old one is in the new."""

import json
from collections.abc import Mapping
from typing import Any

from ecojax.errors import InputError
from ecojax.space.space import Configuration, SearchSpace


def difference(written: SearchSpace, now: SearchSpace) -> str | None:
    """The first parameter in which two spaces differ, in words. Priors do not count."""
    old, new = ({record.pop("name"): record for record in _records(of)} for of in (written, now))
    for name in old:
        if name not in new:
            return f"parameter '{name}' is gone"
    for name, record in new.items():
        if name not in old:
            return f"parameter '{name}' is new"
        for key in dict.fromkeys([*old[name], *record]):
            before, after = json.dumps(old[name].get(key)), json.dumps(record.get(key))  # tells true from 1
            if before != after:
                return f"{key} of parameter '{name}' was {before} and is {after}"
    for before, after in zip(old, new, strict=True):
        if before != after:
            return f"parameter '{after}' has the place of '{before}'"
    return None


def _records(space: SearchSpace) -> list[dict[str, Any]]:
    """The space as a checkpoint holds it, without its priors."""
    records = SearchSpace.from_records(json.loads(json.dumps(space.to_records()))).to_records()
    return [{key: value for key, value in record.items() if key != "prior"} for record in records]


def migrated(
    configuration: Mapping[str, Any], written: SearchSpace, now: SearchSpace
) -> Configuration | None:
    """A configuration of the space `written` as one of `now`; None where it has none like it."""
    try:
        found = now.completed({name: value for name, value in configuration.items() if name in now})
    except InputError:
        return None
    for name, value in configuration.items():
        default = written[name].decode(0.5) if written[name].default is None else written[name].default
        if name not in found and value != default:
            return None
    return found
