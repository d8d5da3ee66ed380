"""What becomes of a trial, as it becomes known: figures, what its seconds and joules went to, what a failure means."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import numpy as np

from ecojax.energy import Meter, Reading
from ecojax.errors import MeterError
from ecojax.study import Status
from ecojax.tasks.code import own_frames, with_place
from ecojax.trial.outcome import Outcome

WORTH_TELLING_S = 0.01  # of waiting for a turn


class DivergedError(Exception):
    """The loss is no longer a finite number."""


class InvalidError(Exception):
    """The configuration is no network."""


class HopelessError(Exception):
    """Training was stopped: what the trial could still become is beaten already."""


class Record:
    """Of one trial."""

    def __init__(self, meter: Meter):
        self.metrics: dict[str, float] = {}
        self.notes: list[str] = []
        self.provenance: dict[str, str] = {}
        self.details: dict[str, Any] = {}
        self.waited_s = 0.0
        self._meter, self._began = meter, time.perf_counter()
        self._spans: dict[str, float] = {}
        self._shifted_s = self._shifted_j = 0.0
        self._start = self._read()

    def of(self, work: Callable[[], Mapping[str, np.ndarray] | None]) -> Outcome:
        """The outcome of `work`, which gives arrays: whatever it raises is a status."""
        arrays, error, status = None, None, Status.COMPLETE
        try:
            arrays = work()
        except Exception as failure:
            status, error = _diagnose(failure)
            if status is Status.FAILED and (frames := own_frames(failure)):
                self.details["traceback"] = frames
            self.metrics = {name: value for name, value in self.metrics.items() if math.isfinite(value)}
        metrics = self.metrics | self._close()
        return Outcome(status, metrics, self.provenance, self.details, error, arrays, self.notes)

    @contextmanager
    def turn(self, turn: AbstractContextManager[None]) -> Iterator[None]:
        """Within a turn with the other processes on the device, for which it may have to wait."""
        began = time.perf_counter()
        with turn:
            self.waited_s += time.perf_counter() - began
            yield

    @contextmanager
    def span(self, name: str, energy: str | None = None) -> Iterator[None]:
        began, opened = time.perf_counter(), self._read() if energy else None
        try:
            yield
        finally:
            self._spans[name] = self._spans.get(name, 0.0) + time.perf_counter() - began
            if energy and opened is not None and (closed := self._read()) is not None:
                self._spans[energy] = closed.energy_j - opened.energy_j

    def move(self, seconds: float, source: str, target: str) -> None:
        self._spans[source] -= seconds
        self._spans[target] = self._spans.get(target, 0.0) + seconds

    def shift(self, seconds: float, joules: float) -> None:
        """Counts what was spent in another trial for this one, or less than nothing of this one's for others."""
        self._shifted_s += seconds
        self._shifted_j += joules

    def _close(self) -> dict[str, float]:
        seconds = time.perf_counter() - self._began + self._shifted_s
        totals = dict(self._spans, trial_seconds=seconds)
        if self.waited_s > WORTH_TELLING_S:
            totals["waiting_seconds"] = self.waited_s
        if self._start is not None and (end := self._read()) is not None:
            totals["trial_energy_j"] = end.energy_j - self._start.energy_j + self._shifted_j
        return totals

    def _read(self) -> Reading | None:
        with suppress(MeterError):  # the trial's own figures say what became of the meter
            return self._meter.read()
        return None


def _diagnose(failure: Exception) -> tuple[Status, str]:
    """The status that an exception stands for, and the sentence to keep."""
    message = " ".join(str(failure).split())[:1000]
    if isinstance(failure, DivergedError):
        return Status.DIVERGED, message
    if isinstance(failure, HopelessError):
        return Status.STOPPED, message
    if isinstance(failure, InvalidError):
        return Status.INVALID, message
    if isinstance(failure, MeterError):
        return Status.UNMETERED, message
    if isinstance(failure, MemoryError) or "RESOURCE_EXHAUSTED" in message or "Out of memory" in message:
        return Status.OOM, message or "the host ran out of memory"
    return Status.FAILED, " ".join(with_place(failure).split())[:1000]
