"""Files of settings and of configurations, read with care: they may be anybody's."""

import codecs
import json
import re
import tomllib
from pathlib import Path
from typing import Any

from ecojax.errors import InputError

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


def find_config(name: str) -> Path | None:
    """The configuration that ecojax brings for dataset `name[/config][:version]`: `configs/<name>.toml`, or None."""
    name = re.split("[/:]", name)[0]
    package = Path(__file__).resolve().parents[1]
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
    require_plain(content, source=str(path))
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


def require_plain(configurations: list[dict[str, Any]], *, source: str) -> None:
    """Raises `InputError` naming `source` for a value that no parameter has."""
    for number, configuration in enumerate(configurations, 1):
        for name, value in configuration.items():
            if not isinstance(value, bool | int | float | str):
                raise InputError(
                    f"{source}: enqueue, table {number}: {name} = {value!r} must be a number, text, true or false"
                )
