"""ecojax: energy-aware model search on JAX. Networks that are accurate *and* cheap to run.

    import ecojax

    study = ecojax.search(dataset="digits", evaluations=24, out="runs/digits")
    for trial in study.frontier():
        print(trial.id, trial.metrics["accuracy"], trial.metrics["energy_per_sample_j"])
    ecojax.export_model(study, pick="knee", to="model")
    model = ecojax.load("model")

Importing ecojax loads neither JAX nor anything else that is slow; the first call does.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ecojax.version import __version__

if TYPE_CHECKING:
    from inspect import Signature

    from ecojax import energy
    from ecojax.api import export_model, load, search
    from ecojax.errors import EcojaxError
    from ecojax.frontier import Study
    from ecojax.search.ask_tell import AskTell, ask_tell
    from ecojax.space import Choice, Float, Int

_HOMES = {
    "AskTell": "ecojax.search.ask_tell",
    "Choice": "ecojax.space",
    "EcojaxError": "ecojax.errors",
    "Float": "ecojax.space",
    "Int": "ecojax.space",
    "Study": "ecojax.frontier",
    "ask_tell": "ecojax.search.ask_tell",
    "export_model": "ecojax.api",
    "load": "ecojax.api",
}

__all__ = [
    "AskTell",
    "Choice",
    "EcojaxError",
    "Float",
    "Int",
    "Study",
    "__version__",
    "ask_tell",
    "energy",
    "export_model",
    "load",
    "search",
]


class _CallableRoom(ModuleType):
    """`ecojax.search` is a function to a user and a room to a reader; Python has one name for the two."""

    def __call__(self, *arguments: Any, **options: Any) -> "Study":
        from ecojax.api import search

        return search(*arguments, **options)

    @property
    def __signature__(self) -> "Signature":
        from inspect import signature

        from ecojax.api import search

        return signature(search)

    if not TYPE_CHECKING:  # what help() shows; to mypy a module's text is no property

        @property
        def __doc__(self) -> str | None:
            from ecojax.api import search

            return search.__doc__


import_module("ecojax.search").__class__ = _CallableRoom


def __getattr__(name: str) -> Any:
    if name == "energy":  # a room that is used under its own name: `ecojax.energy.measure()`
        return import_module("ecojax.energy")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'ecojax' has no attribute '{name}'")


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
