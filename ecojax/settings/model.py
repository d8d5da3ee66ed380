"""The settings of one search, with types that pydantic checks."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ecojax.declaration import Budget, Data, Execution, Measuring, Search, Training
from ecojax.spelling import did_you_mean
from ecojax.study.bounds import bounds_of


def share(given: Any) -> Any:
    """A share as a number or as text, 0.05 or "5%"; what is neither stays as it is, to be refused by who asked."""
    if isinstance(given, str):
        with suppress(ValueError):
            return float(given.removesuffix("%")) / (100 if given.endswith("%") else 1)
    return given


def absolute(given: Any) -> Any:
    """A path as text from the root on; what is no path stays as it is, to be refused by who asked."""
    if not isinstance(given, str | os.PathLike) or not os.fspath(given):
        return given
    return str(Path(os.path.expanduser(os.fsdecode(given))).absolute())


def absolute_log(given: Any) -> Any:
    """A meter, `external:FILE` and `FILE.py:NAME` with their file from the root on."""
    if not isinstance(given, str):
        return given
    if given.startswith("external:"):
        return f"external:{absolute(given.removeprefix('external:'))}"
    file, colon, name = given.rpartition(":")
    return f"{absolute(file)}:{name}" if colon and file.endswith(".py") else given


def absolute_code(given: Any) -> Any:
    """A place of code, `mine.py:Name` with its file from the root on."""
    if not isinstance(given, str) or ".py:" not in given:
        return given
    file, _, name = given.rpartition(":")
    return f"{absolute(file)}:{name}"


# the last base comes first
class SearchSettings(BaseModel, Execution, Measuring, Training, Budget, Search, Data):
    """Everything that decides what a search does. Stored in the study, so that `--resume` needs nothing else."""

    model_config = ConfigDict(extra="forbid")

    # Where a search is told to look stays the same wherever `--resume` or a worker is started.

    @field_validator("dataset", mode="before")
    @classmethod
    def _absolute_data(cls, given: Any) -> Any:
        if not isinstance(given, str) or not set(given) & set("/:.~"):
            return given
        from ecojax.data.kinds import absolute as absolute_data

        return absolute_data(given)

    @field_validator("data_dir", mode="before")
    @classmethod
    def _absolute(cls, given: Any) -> Any:
        return absolute(given)

    @field_validator("start_from", mode="before")
    @classmethod
    def _all_absolute(cls, given: Any) -> Any:
        return [absolute(folder) for folder in given] if isinstance(given, list | tuple) else given

    @field_validator("meter", mode="before")
    @classmethod
    def _absolute_log(cls, given: Any) -> Any:
        return absolute_log(given)

    @field_validator("proposer")
    @classmethod
    def _on_the_shelf(cls, given: str) -> str:
        from ecojax.engine.proposers import PROPOSERS

        if given not in PROPOSERS:
            raise PydanticCustomError(
                "unknown_proposer",
                "there is none of that name{meant}; there are {names}",
                {"meant": did_you_mean(given, PROPOSERS), "names": ", ".join(PROPOSERS)},
            )
        return given

    @field_validator("energy_ci", "frontier_energy_ci", mode="before")
    @classmethod
    def _share(cls, given: Any) -> Any:
        return share(given)

    @field_validator("constraints", mode="before")
    @classmethod
    def _bounds(cls, given: Any) -> Any:
        return bounds_of(given, None)  # a task of the user's may have other metrics

    @field_validator("constraints_on", mode="before")
    @classmethod
    def _bounds_of_hosts(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        return {host: bounds_of(constraints, None) for host, constraints in given.items()}

    @field_validator("task", mode="before")
    @classmethod
    def _absolute_code(cls, given: Any) -> Any:
        return absolute_code(given)

    @model_validator(mode="before")
    @classmethod
    def _of_the_task(cls, given: Any) -> Any:
        """A user's own task learns no dataset of ours unless one is named; what it learns is called as it is."""
        if isinstance(given, dict) and isinstance(given.get("task"), str) and given.get("dataset") is None:
            return given | {"dataset": given["task"].rpartition(":")[2]}
        return given

    def bounds(self) -> dict[str, dict[str, float]]:
        """The constraints as plain numbers, by metric."""
        return {
            metric: {side: bound for side, bound in (("min", of.min), ("max", of.max)) if bound is not None}
            for metric, of in self.constraints.items()
        }
