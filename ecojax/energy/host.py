"""What the protocol runs on besides the meter: a clock, a sleep, and watchers that work while the device does.

The real host is the default. A scripted device brings one of its own, on a virtual clock, so that an hour of
measuring is tested in a second (`meters/scripted.py`).
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ecojax.energy.traces import PowerTrace, TickTrace

if TYPE_CHECKING:
    from ecojax.energy.meter import Meter
    from ecojax.energy.readings import PowerReading, Reading


class Load(Protocol):
    """Work that the device repeats: one pass makes `steps` calls; `run(passes)` waits until they are done."""

    @property
    def steps(self) -> int: ...

    def run(self, passes: int, /) -> float: ...


class Ticks(Protocol):
    def readings(self) -> "list[Reading]": ...


class Powers(Protocol):
    def readings(self) -> "list[PowerReading]": ...


@dataclass(frozen=True)
class Host:
    """`clock` in seconds and `sleep`; `ticks(meter)` and `powers(meter)` note what the meter says meanwhile."""

    clock: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep
    ticks: "Callable[[Meter], AbstractContextManager[Ticks]]" = TickTrace
    powers: "Callable[[Meter], AbstractContextManager[Powers]]" = PowerTrace


REAL = Host()
