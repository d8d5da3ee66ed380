"""JSON files that say what they are: each carries a format and a version, checked before anything else is read."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecojax.errors import InputError
from ecojax.study.inside import misplaced

MAX_BYTES = 16 << 20  # a million class names; more is no description of a network


def write_record(path: Path, name: str, version: int, record: Mapping[str, Any]) -> None:
    """Writes `record` under its format's name and version; what is not finite becomes null, as JSON demands."""
    text = json.dumps(
        {"format": name, "version": version, **_finite(record)}, indent=2, ensure_ascii=False, allow_nan=False
    )
    path.write_text(text + "\n", encoding="utf-8")


def read_record(path: Path, name: str, *versions: int) -> tuple[int, dict[str, Any]]:
    """The version of the record in `path`, one of those given, and the record without it and its format.

    Raises `InputError` naming the file and what is wrong.
    """
    if fault := misplaced(path, path.parent):
        raise InputError(f"'{path}' {fault}")
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"'{path}' cannot be read ({error.strerror}); give a folder that ecojax export wrote"
        ) from None
    if len(raw) > MAX_BYTES:
        raise InputError(f"'{path}' is larger than {MAX_BYTES >> 20} MiB, so ecojax did not write it")
    try:
        record = json.loads(raw.decode("utf-8"), parse_constant=_refuse)
        json.dumps(record, ensure_ascii=False).encode()  # half of a surrogate pair is no character
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is no valid JSON ({error}); export the model again") from None
    found = record.pop("format", None) if isinstance(record, dict) else None
    if found != name:
        raise InputError(f"'{path}' has format {_shown(found)}, not '{name}': ecojax did not write it")
    found = record.pop("version", None)
    if type(found) is not int or found not in versions:
        raise InputError(
            f"'{path}' has version {_shown(found)}, this ecojax reads version {' and '.join(map(str, versions))}; "
            "load it with the ecojax that wrote it, or export the model again"
        )
    return found, record


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
