"""The arithmetic of a window between two readings, and of the interval over several windows. Pure."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ecojax.energy.readings import Reading
from ecojax.errors import MeterError


@dataclass(frozen=True)
class Window:
    """What happened between two readings of one meter.

    Raises MeterError where the counter ran backwards or no time passed: there is no such window.
    """

    start: Reading
    end: Reading

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise MeterError(f"A window of {self.seconds:g} s measures nothing; let it last longer.")
        if not self.joules >= 0:
            raise MeterError(
                f"The energy counter went backwards within a window, from {self.start.energy_j:g} J to "
                f"{self.end.energy_j:g} J; was the driver reloaded or the device reset? Measure again."
            )

    @property
    def seconds(self) -> float:
        return self.end.time_s - self.start.time_s

    @property
    def joules(self) -> float:
        return self.end.energy_j - self.start.energy_j

    @property
    def power_w(self) -> float:
        """Mean power: the slope between the two readings."""
        return self.joules / self.seconds


def half_width_95(samples: Sequence[float]) -> float:
    """Half width of the 95 % confidence interval of the mean (Student's t), in the samples' unit.

    Infinite for fewer than two samples.
    """
    if len(samples) < 2:
        return math.inf
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # a twentieth of the import time of scipy.stats

    quantile = float(stdtrit(len(samples) - 1, 0.975))
    return quantile * statistics.stdev(samples) / math.sqrt(len(samples))
