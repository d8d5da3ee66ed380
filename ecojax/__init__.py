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
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ecojax.api import export_model, load
    from ecojax.errors import EcojaxError
    from ecojax.frontier import Study
    from ecojax.search.ask_tell import ask_tell

_HOMES = {
    "EcojaxError": "ecojax.errors",
    "Study": "ecojax.frontier",
    "ask_tell": "ecojax.search.ask_tell",
    "export_model": "ecojax.api",
    "load": "ecojax.api",
}

__all__ = ["EcojaxError", "Study", "__version__", "ask_tell", "export_model", "load", "search"]

# The room of the same name would take the function's place whenever it is first imported; so it is now, empty as it is.
import_module("ecojax.search")


def search(dataset: str | None = None, **options: Any) -> "Study":
    """Searches for networks that are accurate and cheap to run: `ecojax.api.search`, which documents its options."""
    from ecojax.api import search

    return search(dataset, **options)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'ecojax' has no attribute '{name}'")
