"""What a study states, checked before it is relied on: settings when it is opened, figures when they are compared."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ecojax.errors import InputError, StudyError
from ecojax.space.tables import explain
from ecojax.study import Metric, Trial
from ecojax.study.declarations import metrics_of, objective
from ecojax.study.facts import Facts, NamedRecord

LARGEST = 1e100  # of a figure: its square, and a sum of many, are numbers still

Finite = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Bounds = dict[Literal["min", "max"], Finite]


class _Earlier(BaseModel):
    until: int
    space: list[NamedRecord]


class _Progress(BaseModel):
    model_config = ConfigDict(strict=True)

    stopped: str | None = None
    account: dict[str, Annotated[Finite, Field(ge=0)]] = {}
    between_trials: dict[str, Annotated[Finite, Field(ge=0)]] = {}
    earlier_spaces: list[_Earlier] = []


class _Settings(BaseModel):
    """What may be missing is missing in studies that were put together by hand."""

    model_config = ConfigDict(strict=True)

    objectives: Annotated[list[str], Field(min_length=1)]
    constraints: dict[str, Bounds] | None = None
    dataset: str | None = None
    seed: int | None = None
    inference_batch: Annotated[int, Field(ge=1)] | None = None


def check(
    folder: Path | str, settings: Mapping[str, Any], facts: Mapping[str, Any], progress: Mapping[str, Any]
) -> Facts:
    """The facts. Raises `StudyError` naming the study and the setting, fact or note that makes no sense."""
    try:
        stated = _Settings.model_validate(dict(settings))
        _Progress.model_validate(dict(progress))
        checked = Facts.model_validate(dict(facts))
        metrics = metrics_of(checked.record())
        for key, names in (("objectives", stated.objectives), ("constraints", stated.constraints or {})):
            for name in names:
                if name not in metrics:
                    raise InputError(f"{key}: '{name}' is no metric of this study")
        for name in stated.objectives:
            objective(name, metrics)
        return checked
    except ValidationError as error:
        raise _damaged(folder, explain(error)) from None
    except (InputError, ValueError) as error:
        raise _damaged(folder, str(error)) from None


def check_figures(folder: Path | str, trials: Iterable[Trial], metrics: Mapping[str, Metric]) -> None:
    """Raises `StudyError` naming the study, the trial and the figure that makes no sense."""
    for trial in trials:
        for name, value in trial.metrics.items():
            if (math.isfinite(value) and abs(value) > LARGEST) or (
                name in metrics and metrics[name].is_share and math.isfinite(value) and not 0 <= value <= 1
            ):
                raise _damaged(folder, f"{name} = {value!r} of trial {trial.id} is no figure of a model")


def _damaged(folder: Path | str, what: str) -> StudyError:
    return StudyError(f"the study '{folder}' is damaged: {what}; restore it from a copy")
