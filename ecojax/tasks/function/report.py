"""What a plain function tells of its progress: `report(step, value)`, which ends it where going on is hopeless."""

import math
import operator
from collections.abc import Collection
from typing import Any

from ecojax.spelling import did_you_mean
from ecojax.tasks.task import Reached


class Stopped(BaseException):
    """Unwinds a function that is not worth going on with; no `Exception`, which it may catch itself."""


class Report:
    """Given to one call of a function, which calls it as `report(step, value, joules=0.2)`.

    quality: the metric that `value` is of. others: those that may be told by name. needed: those of them without which
    a trial cannot be compared. reached: what hears of it.
    """

    def __init__(self, quality: str, others: Collection[str], needed: Collection[str], reached: Reached):
        self._quality, self._others, self._needed, self._reached = quality, others, needed, reached
        self._step = -1
        self._known: dict[str, float] = {}
        self.stopped = self._over = False

    def __call__(self, step: int, value: float, **known: float) -> None:
        """Tells the quality after `step` steps, and the final value of other figures that are known by then.

        Raises TypeError or ValueError for what makes no curve.
        """
        if self._over:
            raise ValueError(
                "report is called after the function of its configuration has ended; call it before"
            )
        if self.stopped:  # and the function went on all the same
            raise Stopped
        self._step = self._next(step)
        self._known |= self._figures(known)
        self.stopped = self._reached(self._step, _number(self._quality, value), self._known)
        if self.stopped:
            raise Stopped

    def close(self) -> None:
        self._over = True

    def _next(self, step: Any) -> int:
        try:
            found = operator.index(step)
        except TypeError:
            found = -1
        if found < 0:
            raise ValueError(
                f"report is told the step {step!r:.100}; give a whole number of steps, 0 or more"
            )
        if found <= self._step:
            raise ValueError(
                f"report is told the step {found} after {self._step}; let steps grow from call to call"
            )
        return found

    def _figures(self, known: dict[str, Any]) -> dict[str, float]:
        for name in known:
            if name not in self._others:
                there_are = f"; there are {', '.join(self._others)}" if self._others else ""
                raise TypeError(
                    f"report is told '{name}', none of the other metrics{did_you_mean(name, self._others)}{there_are}"
                )
        missing = [name for name in self._needed if name not in {**self._known, **known}]
        if missing:
            raise TypeError(
                f"report is told {self._quality} alone, and a trial is stopped only where its other objectives are "
                f"known, too; tell {' and '.join(missing)} as they will be: report(step, value, {missing[0]}=...)"
            )
        figures = {name: _number(name, value) for name, value in known.items()}
        for name, value in figures.items():
            if not math.isfinite(value):
                raise ValueError(f"report is told {name} = {value}; give a finite number")
        return figures


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"report is told {name} = {value!r:.100}; give a number, as float(...) does"
        ) from None
