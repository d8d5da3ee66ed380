"""How a setting is called by the person who gives it: `--inference-batch 64` on a command line, `inference_batch=64` in
Python.

Messages anywhere name settings by `option`; `on_the_command_line` says once, at the rim, who is spoken to.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ecojax.declaration import SETTINGS

_OF_THE_CALL = {"resume", "migrate", "quiet", "dry_run"}  # flags that are no settings
_PLAIN = re.compile(r"\w[\w.%/:+=-]*")

_spoken_to = {"command line": False}


def speak_of_options(yes: bool) -> None:
    """From now on messages of this process speak of options, or, with False, of arguments."""
    _spoken_to["command line"] = yes


@contextmanager
def on_the_command_line() -> Iterator[None]:
    """While the block runs, messages speak of options."""
    before = speaks_of_options()
    speak_of_options(True)
    try:
        yield
    finally:
        speak_of_options(before)


def speaks_of_options() -> bool:
    """Whether messages speak of a command line's options now; else they speak of Python's arguments."""
    return _spoken_to["command line"]


def option(key: str, value: Any = None) -> str:
    """A setting by its key, as in "seed" or "pin.kernel", with the value that was given, where there is one."""
    key, _, part = key.partition(".")
    return _as_option(key, part, value) if speaks_of_options() else _as_argument(key, part, value)


def _as_option(key: str, part: str, value: Any) -> str:
    declared = SETTINGS.get(key)
    name = (declared and declared.option) or f"--{key.replace('_', '-')}"
    if value is None or key in _OF_THE_CALL or (declared and declared.flag):
        return f"{name} {part}" if part else name
    if isinstance(value, list | tuple):
        return " ".join(_as_option(key, part, one) for one in value) or name
    return f"{name} {part}={_written(value)}" if part else f"{name} {_written(value)}"


def _as_argument(key: str, part: str, value: Any) -> str:
    declared = SETTINGS.get(key)
    if value is None:
        if key in _OF_THE_CALL or (declared and declared.flag):
            return f"{key}={not (declared and declared.default)}"
        return f"{key}['{part}']" if part else key
    if part:
        return f"{key}={{'{part}': {value!r}}}"
    listed = (
        declared
        and declared.repeated
        and not (declared.about.pairs or isinstance(value, list | tuple | dict))
    )
    return f"{key}={[value] if listed else value!r}"


def _written(value: Any) -> str:
    """As it is typed: text in quotes where a shell would take it apart, or it looks like an option."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return repr(text) if isinstance(value, str) and not _PLAIN.fullmatch(text) else text
