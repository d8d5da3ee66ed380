"""What a search is about to do, in a few lines, each choice with where it came from."""

import math
from typing import Any

from ecojax.origins import Origins
from ecojax.session.crew import Crew
from ecojax.settings import SearchSettings


def plan_of(settings: SearchSettings, crew: Crew, origins: Origins) -> list[str]:
    """The lines: data, space, objectives, constraints, budget, training, device, meter."""
    return [
        f"data         {crew.task.summary}",
        f"space        {_space(settings, crew, origins)}",
        f"objectives   {', '.join(settings.objectives)} ({origins.whence('objectives')})",
        f"constraints  {_constraints(settings, crew, origins)}",
        f"budget       {_budget(settings, origins)}",
        f"training     {_said(settings, origins, 'epochs')}, {_said(settings, origins, 'seed')}",
        f"device       {crew.facts['device_kind']}, {crew.facts['resolved_precision']}, "
        f"{crew.executor.workers} worker{'s' * (crew.executor.workers > 1)}",
        f"meter        {crew.facts['energy_provenance']}, at batch {settings.inference_batch}",
    ]


def on_the_host(settings: SearchSettings, device_kind: str) -> SearchSettings:
    """The settings with the bounds that are for hosts of this device; `constraints` win over them."""
    here = settings.constraints_on.get(device_kind.partition(":")[0], {})  # type: ignore[call-overload]
    constraints = {**here, **settings.constraints}
    return settings.model_copy(update={"constraints": constraints, "constraints_on": {}})


def _space(settings: SearchSettings, crew: Crew, origins: Origins) -> str:
    space = crew.task.space
    size = space.size()
    free = [parameter for parameter in space if parameter.levels != 1]
    many = "infinitely many configurations" if math.isinf(size) else f"{size:,.0f} configurations"
    return f"{crew.task.searched} ({origins.whence('families')}): {len(free)} parameters vary, {many}"


def _constraints(settings: SearchSettings, crew: Crew, origins: Origins) -> str:
    kind = crew.facts["device_kind"].partition(":")[0]
    bounds = [
        f"{name} {'≥' if side == 'min' else '≤'} {bound:g} ({_whence_bound(name, kind, origins)})"
        for name, of_metric in settings.bounds().items()
        for side, bound in of_metric.items()
    ]
    return ", ".join(bounds) or "none"


def _whence_bound(name: str, kind: str, origins: Origins) -> str:
    if f"constraints.{name}" in origins or origins.whence(f"constraints.{name}") != "default":
        return origins.whence(f"constraints.{name}")
    return f"{origins.whence('constraints_on')}, on {kind}"


def _budget(settings: SearchSettings, origins: Origins) -> str:
    parts = [f"{settings.evaluations} evaluations ({origins.whence('evaluations')})"]
    parts += [
        _said(settings, origins, name)
        for name in ("budget", "patience")
        if getattr(settings, name) is not None
    ]
    return ", ".join([*parts, f"population {settings.population} ({origins.whence('population')})"])


def _said(settings: SearchSettings, origins: Origins, name: str) -> str:
    value: Any = getattr(settings, name)
    return f"{name} {value} ({origins.whence(name)})"
