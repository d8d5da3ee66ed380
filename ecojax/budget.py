"""When to stop: a number of evaluations, a time, an amount of energy; whichever is spent first."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from ecojax.errors import InputError
from ecojax.study.amounts import JOULES, SECONDS, amount
from ecojax.wording import option


@dataclass(frozen=True)
class Budget:
    """`evaluations` of configurations; `seconds` and `joules` in all, over every session of the study."""

    evaluations: int
    seconds: float | None = None
    joules: float | None = None

    @classmethod
    def of(cls, evaluations: int, text: str | None = None, *, named: str = "") -> "Budget":
        """A budget from a count and a text such as "2h", "90min" or "50Wh", which errors call `named`.

        Raises `InputError` for a count below 1 and for a text that is no positive time or energy.
        """
        if evaluations < 1:
            raise InputError(f"{option('evaluations', evaluations)} leaves nothing to do; give at least 1")
        if text is None:
            return cls(evaluations)
        if (seconds := _positive(text, SECONDS)) is not None:
            return cls(evaluations, seconds=seconds)
        if (joules := _positive(text, JOULES)) is not None:
            return cls(evaluations, joules=joules)
        raise InputError(
            f"{named or option('budget', text)} is no positive time or energy; "
            "write for instance 30min, 2h, 500kJ or 50Wh"
        )

    def spent(self, *, evaluations: int, seconds: float, joules: float) -> str | None:
        """Which part of the budget is used up, in words; None while there is some of each left."""
        if evaluations >= self.evaluations:
            return f"{self.evaluations} evaluations"
        if self.seconds is not None and seconds >= self.seconds:
            return f"{self.seconds:g} s"
        if self.joules is not None and joules >= self.joules:
            return f"{self.joules:g} J"
        return None


def seconds_of(text: str, *, named: str = "") -> float:
    """Seconds, from a text such as "90s" or "10min". Raises `InputError` for one that is no positive time."""
    seconds = _positive(text, SECONDS)
    if seconds is None:
        raise InputError(
            f"{named or option('trial_timeout', text)} is no positive time; write for instance 90s, 10min or 2h"
        )
    return seconds


def _positive(text: str, units: Mapping[str, float]) -> float | None:
    """The amount in `text`, which has one of `units`; None where it is something else."""
    if text.strip()[-1:].isalpha():  # a bare number would be of no unit
        with suppress(ValueError):
            value = amount(text, units)
            return value if 0 < value < math.inf else None
    return None
