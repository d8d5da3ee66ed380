"""Python objects that a user names by their place: "mine.py:MyTask" or "package.module:name"."""

import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ecojax.errors import InputError
from ecojax.importing import PREFIX, import_file
from ecojax.spelling import did_you_mean

_loading: list[str] = []  # the places whose code is running now
_NOT_THEIRS = ("site-packages", "dist-packages", f"{Path(traceback.__file__).parent}/", "<frozen ")
_OURS = str(Path(__file__).resolve().parents[1])


def load_object(place: str, named: str) -> Any:
    """The object at `place`. A file is run once, as a module of its own, until it changes.

    named: the setting that names it, for errors. Raises `InputError` where there is none, with the user's own
    traceback where their code fails.
    """
    where, _, name = place.rpartition(":")
    if not where or not name:
        raise InputError(f"{named} is no place of code; write mine.py:Name or package.module:Name")
    _loading.append(where)
    try:
        module = import_file(Path(where)) if where.endswith(".py") else _of_name(where)
    except InputError as error:
        cause = error.__cause__
        raise InputError(f"{named}: {error if cause is None else told(cause)}") from None
    except (Exception, SystemExit) as error:
        raise InputError(f"{named}: {told(error)}") from None
    finally:
        _loading.pop()
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            near = did_you_mean(part, [one for one in vars(found) if not one.startswith("_")])
            raise InputError(f"{named}: '{where}' has no '{part}'{near}; define it there at the top level")
        found = getattr(found, part)
    return found


def require_not_loading(what: str) -> None:
    """Raises `InputError` where a file that is only to be loaded calls `what`: every worker would do so, too."""
    if _loading:
        raise InputError(
            f"'{_loading[-1]}' calls {what} as soon as it is loaded, which every worker does; put the call under "
            'if __name__ == "__main__":'
        )


def place_of(thing: Any) -> str | None:
    """The place that a function or class can be loaded from in another process; None where there is none."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if not module or not name or "<" in name:
        return None
    loaded = sys.modules.get(module)
    if module == "__main__" or module.startswith(PREFIX):
        file = getattr(loaded, "__file__", None)
        return None if file is None or not Path(file).is_file() else f"{Path(file).resolve()}:{name}"
    return f"{module}:{name}"


def told_place(thing: Any) -> str:
    """Where a function or class is, for somebody who has the file: without the folders of this machine."""
    name = getattr(thing, "__qualname__", None) or type(thing).__qualname__
    where, _, name = (place_of(thing) or f"{getattr(thing, '__module__', '?')}:{name}").rpartition(":")
    if where.startswith(PREFIX):  # a lambda of a file
        where = getattr(sys.modules.get(where), "__file__", None) or where
    return f"{Path(where).name if where.endswith('.py') else where}:{name}"


def require_place(thing: Any, named: str) -> Any:
    """The place of a function; a place, or None, as it is. Raises `InputError` where workers cannot load it."""
    if thing is None or isinstance(thing, str):
        return thing
    place = place_of(thing) if callable(thing) else None
    if place is None:
        name = getattr(thing, "__qualname__", "")
        kind = f"'{name}', made inside a function" if name else f"a {type(thing).__name__}"
        kind = "a lambda" if "<lambda>" in name else kind
        raise InputError(
            f"{named} cannot be loaded by workers: it is {kind}; define a function at the top level of a file and "
            'give it, or its place, "mine.py:name", or leave workers out'
        )
    return place


def told(error: BaseException, lines: int = 3) -> str:
    """An exception in a sentence, then the last lines of the traceback that are in the user's own files."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    own = own_frames(error)
    return "\n".join([said, *own[-lines:]])


def with_place(error: BaseException) -> str:
    """An exception in a line, with the place in the user's own files where it was raised, if it was there."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"{said} ({own[-1].strip()})" if (own := own_frames(error)) else said


def own_frames(error: BaseException) -> list[str]:
    """The frames of a traceback that are neither of ecojax nor of a library: file, line, function and source."""
    seen, found = error, traceback.extract_tb(error.__traceback__)
    while seen.__cause__ is not None:  # what a library wraps begins further in
        seen = seen.__cause__
        found += traceback.extract_tb(seen.__traceback__)
    return [
        f"  {frame.filename}:{frame.lineno} in {frame.name}: {frame.line}"
        for frame in found
        if not frame.filename.startswith(_OURS) and not any(part in frame.filename for part in _NOT_THEIRS)
    ]


def _of_name(name: str) -> ModuleType:
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and name.startswith(error.name):
            raise InputError(f"there is no module '{error.name}'; install it, or name a file.py") from None
        raise
