"""One configuration, evaluated: the record that a search leaves of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any


class Status(StrEnum):
    """How a trial stands. All but `RUNNING` and `COMPLETE` are ends without objectives, never fake numbers."""

    RUNNING = "running"
    COMPLETE = "complete"
    STOPPED = "stopped"  # before its last step, for it could no longer reach the frontier
    DIVERGED = "diverged"  # the loss left the finite numbers
    OOM = "oom"  # the device's or host's memory did not suffice
    TIMEOUT = "timeout"  # it took longer than a trial may
    CRASHED = "crashed"  # its process died, twice
    INVALID = "invalid"  # the network could not be built
    UNMETERED = "unmetered"  # its energy failed a gate of the measuring protocol
    FAILED = "failed"  # anything else; `error` says what


@dataclass(frozen=True)
class Trial:
    """A row of the study. `metrics` are in the units of `ecojax.study.METRICS`; `provenance` is text per metric.

    `origin` tells where the configuration came from (default, sobol, variation, ...); times are ISO 8601, UTC;
    `weights` is a file name inside the study's folder.

    One that was `deferred` reads what is missing the first time that it is asked for.
    """

    id: int
    status: Status
    configuration: Mapping[str, Any]
    origin: str
    seed: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    weights: str | None = None
    started_at: str | None = None
    ended_at: str | None = None

    @property
    def complete(self) -> bool:
        return self.status is Status.COMPLETE

    @classmethod
    def deferred(cls, read: Callable[[str], Any], known: dict[str, Any]) -> "Trial":
        """A trial of `known` fields; `read` gives the value of any other by its name, once."""
        trial = cls.__new__(cls)
        known["_read"] = read
        object.__setattr__(trial, "__dict__", known)
        return trial

    if not TYPE_CHECKING:  # else mypy would let any name pass

        def __getattr__(self, name: str) -> Any:
            if name not in self.__dataclass_fields__ or "_read" not in self.__dict__:
                raise AttributeError(f"a trial has no '{name}'")
            value = self.__dict__[name] = self._read(name)
            return value
