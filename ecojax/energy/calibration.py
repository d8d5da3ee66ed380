"""What is found out about meter and device once, before any window: tick, idle power, the cost of reading, agreement.

To be done with the context open and memory allocated, since both draw power: after the first program has run.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from ecojax.energy.host import REAL, Host
from ecojax.energy.meter import Meter
from ecojax.energy.readings import PowerReading, Reading
from ecojax.energy.window import Window
from ecojax.errors import MeterError

TICKS = 20
CONTINUOUS_IDLE_S = 0.25
CROSS_CHECK_S = 2.0
DISAGREEMENT = 0.05
READS, READING_S = 100, 0.5


@dataclass(frozen=True)
class Calibration:
    """tick_s: median of 20 intervals or more, 0 for a continuous counter. idle_w: with nothing running.

    polling_w: what watching for ticks adds to idle power, of either sign where the noise is larger; None for a
        continuous counter. read_s: seconds that a reading takes.
    counter_over_integral: joules of the counter over those of integrated instant power; None without that channel.
    """

    tick_s: float
    idle_w: float
    polling_w: float | None
    read_s: float
    counter_over_integral: float | None = None

    def measuring_share(self, load_w: float, window_s: float) -> float:
        """What measuring adds, as a share of power under load: watching, or two readings a window."""
        return 2 * self.read_s / window_s if self.polling_w is None else self.polling_w / load_w

    @property
    def notes(self) -> tuple[str, ...]:
        ratio = self.counter_over_integral
        if ratio is None or abs(ratio - 1) <= DISAGREEMENT:
            return ()
        return (
            f"the energy counter gives {ratio:.3f} times the integral of instant power; above "
            f"{DISAGREEMENT:.0%} one of the two is wrong",
        )


def calibrate(meter: Meter, run: Callable[[], object] | None = None, *, host: Host = REAL) -> Calibration:
    """Watches the idle device, and then, with `run` some work of less than a second, the working one.

    Takes about six seconds with ticks of 100 ms and a second channel, a quarter of a second with a continuous counter.
    Raises MeterError where the meter cannot be read, stalls or runs backwards.
    """
    read_s = _read_seconds(meter, host)
    if not meter.tick_s > 0:
        start = meter.read()
        host.sleep(CONTINUOUS_IDLE_S)
        return Calibration(0.0, Window(start, meter.read()).power_w, None, read_s)
    # Watching stands between two stretches without, so that a device that cools down does not look as if it saved.
    before = _unwatched_power(meter, host)
    ticks = [meter.read_on_tick()]
    with host.ticks(meter) as trace:
        while len(ticks) <= TICKS:
            host.sleep(meter.tick_s)
            ticks = trace.readings()
    watched = Window(ticks[0], ticks[-1]).power_w
    after = _unwatched_power(meter, host)
    idle_w = (before + after) / 2
    return Calibration(
        tick_s=statistics.median(later.time_s - earlier.time_s for earlier, later in pairwise(ticks)),
        idle_w=idle_w,
        polling_w=watched - idle_w,
        read_s=read_s,
        counter_over_integral=None if run is None else counter_over_integral(meter, run, host=host),
    )


def counter_over_integral(
    meter: Meter, run: Callable[[], object], *, host: Host = REAL, seconds: float = CROSS_CHECK_S
) -> float | None:
    """Mean power by the counter over that by instant power, under the load of `run`; None without that channel.

    The two may keep different clocks, and each is averaged on its own; the load is steady. Raises MeterError where
    the meter fails.
    """
    if meter.read_power() is None:
        return None
    run()
    with host.ticks(meter) as counter, host.powers(meter) as instants:
        ends = host.clock() + seconds
        while True:
            run()
            ticks, powers = counter.readings(), instants.readings()
            if host.clock() >= ends and len(ticks) > 1 and len(powers) > 1:
                break
            if host.clock() >= ends + 5 * seconds:
                raise MeterError(
                    f"In {6 * seconds:g} s of load the counter ticked {len(ticks)} times and instant power was read "
                    f"{len(powers)} times; one of the two stalls. Check the device with nvidia-smi."
                )
    mean_w = mean_power(powers)
    return Window(ticks[0], ticks[-1]).power_w / mean_w if mean_w > 0 else None


def mean_power(powers: list[PowerReading]) -> float:
    """The time-weighted mean of two readings or more, by the trapezoidal rule, in watts."""
    joules = sum(
        (later.time_s - earlier.time_s) * (later.watts + earlier.watts) / 2
        for earlier, later in pairwise(powers)
    )
    return joules / (powers[-1].time_s - powers[0].time_s)


def _unwatched_power(meter: Meter, host: Host) -> float:
    """Power between two ticks, found without looking in between."""
    start: Reading = meter.read_on_tick()
    host.sleep(TICKS / 2 * meter.tick_s)
    return Window(start, meter.read_on_tick()).power_w


def _read_seconds(meter: Meter, host: Host) -> float:
    """Of many readings; of few where a reading waits for an instrument that writes once a second."""
    began, reads = host.clock(), 0
    while reads < READS and host.clock() - began < READING_S:
        meter.read()
        reads += 1
    return (host.clock() - began) / reads
