"""What surrounds a window: whatever may spoil a measurement without showing in the counter."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Conditions:
    """A device as a meter sees it at one instant; None and empty where the meter cannot tell.

    processes: ids of *other* processes that have the device open.
    throttled: reasons why the clock is held down, in words ("thermal slowdown"); not those of a board at rest.
    """

    processes: frozenset[int] = frozenset()
    throttled: frozenset[str] = frozenset()
    clock_mhz: float | None = None
    temperature_c: float | None = None
    power_limit_w: float | None = None
    details: dict[str, str | float] = field(default_factory=dict, hash=False)
