"""ecojax: energy-aware model search on JAX. Networks that are accurate *and* cheap to run.

    import ecojax

    study = ecojax.search(dataset="digits", evaluations=24, out="runs/digits")
    for trial in study.frontier():
        print(trial.id, trial.metrics["accuracy"], trial.metrics["energy_per_sample_j"])
    ecojax.export_model(study, pick="knee", to="model")
    model = ecojax.load("model")

Importing ecojax loads neither JAX nor anything else that is slow; the first use of a name does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ecojax.version import __version__

if TYPE_CHECKING:
    from ecojax import energy
    from ecojax.api import export_model, load, search
    from ecojax.engine.ask_tell import AskTell, ask_tell
    from ecojax.errors import EcojaxError
    from ecojax.frontier import Study
    from ecojax.space import Choice, Float, Int, SearchSpace
    from ecojax.study import Metric
    from ecojax.tasks.task import Candidate, Inference, Task, Training

_HOMES = {
    "AskTell": "ecojax.engine.ask_tell",
    "Candidate": "ecojax.tasks.task",
    "Choice": "ecojax.space",
    "EcojaxError": "ecojax.errors",
    "Float": "ecojax.space",
    "Inference": "ecojax.tasks.task",
    "Int": "ecojax.space",
    "Metric": "ecojax.study",
    "SearchSpace": "ecojax.space",
    "Study": "ecojax.frontier",
    "Task": "ecojax.tasks.task",
    "Training": "ecojax.tasks.task",
    "ask_tell": "ecojax.engine.ask_tell",
    "export_model": "ecojax.api",
    "load": "ecojax.api",
    "search": "ecojax.api",
}

__all__ = [
    "AskTell",
    "Candidate",
    "Choice",
    "EcojaxError",
    "Float",
    "Inference",
    "Int",
    "Metric",
    "SearchSpace",
    "Study",
    "Task",
    "Training",
    "__version__",
    "ask_tell",
    "energy",
    "export_model",
    "load",
    "search",
]


def __getattr__(name: str) -> Any:
    if name == "energy":  # a room that is used under its own name: `ecojax.energy.measure()`
        return import_module("ecojax.energy")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'ecojax' has no attribute '{name}'")


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
