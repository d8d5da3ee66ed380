"""When to stop: a number of evaluations, a time, an amount of energy; whichever is spent first."""

import math
import re
from dataclasses import dataclass

from ecojax.errors import InputError

_SECONDS = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_JOULES = {"J": 1.0, "kJ": 1e3, "MJ": 1e6, "Wh": 3600.0, "kWh": 3.6e6}


@dataclass(frozen=True)
class Budget:
    """`evaluations` of configurations; `seconds` and `joules` in all, over every session of the study."""

    evaluations: int
    seconds: float | None = None
    joules: float | None = None

    @classmethod
    def of(cls, evaluations: int, text: str | None = None) -> "Budget":
        """A budget from a count and a text such as "2h", "90min" or "50Wh".

        Raises `InputError` for a count below 1 and for a text that is no positive time or energy.
        """
        if evaluations < 1:
            raise InputError(f"--evaluations {evaluations} leaves nothing to do; give at least 1")
        if text is None:
            return cls(evaluations)
        amount, unit = _parsed(text)
        if not 0 < amount < math.inf or unit not in {**_SECONDS, **_JOULES}:
            raise InputError(
                f"--budget '{text}' is no positive time or energy; write for instance 30min, 2h, 500kJ or 50Wh"
            )
        if unit in _SECONDS:
            return cls(evaluations, seconds=amount * _SECONDS[unit])
        return cls(evaluations, joules=amount * _JOULES[unit])

    def spent(self, *, evaluations: int, seconds: float, joules: float) -> str | None:
        """Which part of the budget is used up, in words; None while there is some of each left."""
        if evaluations >= self.evaluations:
            return f"{self.evaluations} evaluations"
        if self.seconds is not None and seconds >= self.seconds:
            return f"{self.seconds:g} s"
        if self.joules is not None and joules >= self.joules:
            return f"{self.joules:g} J"
        return None


def seconds_of(text: str) -> float:
    """Seconds, from a text such as "90s" or "10min". Raises `InputError` for one that is no positive time."""
    amount, unit = _parsed(text)
    if not 0 < amount < math.inf or unit not in _SECONDS:
        raise InputError(f"--trial-timeout '{text}' is no positive time; write for instance 90s, 10min or 2h")
    return amount * _SECONDS[unit]


def _parsed(text: str) -> tuple[float, str]:
    """A number and its unit; 0 and "" where the text is something else."""
    match = re.fullmatch(r"\s*([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)\s*([A-Za-z]+)\s*", text)
    try:
        return (float(match[1]), match[2]) if match else (0.0, "")
    except ValueError:
        return 0.0, ""
