"""Importing a Python file that a user names."""

import importlib.util
import os
import sys
from hashlib import blake2b
from pathlib import Path
from types import ModuleType

from ecojax.errors import EcojaxError, InputError
from ecojax.jax_devices import local_devices

PREFIX = "ecojax_code_"  # of the modules that files are loaded as
_read: dict[str, tuple[int, int]] = {}  # size and time of change of the files that modules were read from


def import_file(path: Path) -> ModuleType:
    """The module of a file, run as `python FILE` would, but not as the main program; once, until the file changes.

    Raises `InputError` where there is none, and where it ends the process or raises, with that as its cause; an
    `EcojaxError` of its own passes.
    """
    path = path.expanduser().resolve()
    if not path.is_file():
        raise InputError(f"there is no file '{path}'")
    found = os.stat(path)
    state = found.st_size, found.st_mtime_ns
    name = f"{PREFIX}{path.stem}_{blake2b(bytes(path), digest_size=4).hexdigest()}"
    if name in sys.modules and _read.get(name) == state:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"'{path}' is no Python file")
    module = importlib.util.module_from_spec(spec)
    earlier, sys.modules[name] = sys.modules.get(name), module  # dataclasses look themselves up there
    folder = str(path.parent)
    sys.path.insert(0, folder)  # for what it imports from beside it
    ours, sys.argv = sys.argv, [str(path)]  # the options are ours, not its
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if earlier is not None:
            sys.modules[name] = earlier
        if isinstance(error, SystemExit):
            raise InputError(
                f"'{path}' ends the process where it is imported (sys.exit, code {error.code}); put what it does as a "
                'program under `if __name__ == "__main__":`'
            ) from None
        if isinstance(error, EcojaxError) or not isinstance(error, Exception):
            raise
        local_devices()  # where JAX does not start, that is what is wrong
        message = " ".join(str(error).split())
        raise InputError(f"'{path}' does not run: {type(error).__name__}: {message}") from error
    finally:
        sys.argv = ours
        sys.path.remove(folder)
        if folder not in sys.path:  # its functions may import later on
            sys.path.append(folder)
    _read[name] = state
    return module
