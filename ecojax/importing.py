"""Importing a Python file that a user names."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from ecojax.errors import EcojaxError, InputError
from ecojax.jax_devices import local_devices


def import_file(path: Path) -> ModuleType:
    """The module of a file, run as `python FILE` would, but not as the main program.

    Raises `InputError` where the file ends the process or raises; an `EcojaxError` of its own passes.
    """
    name = f"ecojax_imported_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"'{path}' cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up there
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)  # as `python module.py` does, for what it imports beside it
    ours, sys.argv = sys.argv, [str(path)]  # the options are ours, not its
    try:
        spec.loader.exec_module(module)
    except EcojaxError:
        raise
    except SystemExit as error:
        del sys.modules[name]
        raise InputError(
            f"'{path}' ends the process where it is imported (sys.exit, code {error.code}); put what it does as a "
            'program under `if __name__ == "__main__":`'
        ) from None
    except Exception as error:
        del sys.modules[name]
        local_devices()  # where JAX does not start, that is what is wrong
        message = " ".join(str(error).split())
        raise InputError(f"'{path}' does not run: {type(error).__name__}: {message}") from error
    finally:
        sys.argv = ours
        sys.path.remove(folder)
    return module
