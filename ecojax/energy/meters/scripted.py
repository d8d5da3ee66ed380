"""A device with a known truth, on a virtual clock: what the protocol is tested on, an hour of measuring in a second.

    device = ScriptedDevice(shape=lambda t: 1 + 1e-4 * t, tick_s=0.1, noise=0.01)
    meter, load = device.meter(), device.load(call_s=1e-3, watts=300)
    load.run(1000)  # a second passes; 300 J, as a counter with ticks of 100 ms would tell it

Here power is written down first and read through a counter's faults afterwards, so an estimate can be compared with
what was true.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ecojax.energy.conditions import Conditions
from ecojax.energy.host import Host
from ecojax.energy.meter import Meter
from ecojax.energy.provenance import Provenance
from ecojax.energy.readings import PowerReading, Reading
from ecojax.energy.ticks import POLL_S, STALL_S
from ecojax.errors import MeterError
from ecojax.wording import option

SCRIPTED = Provenance("modeled", "scripted power", "a virtual device", None)


class Fault(NamedTuple):
    """What goes wrong from `start_s` on, until `end_s`.

    gone: every reading raises. unsupported: likewise, as a board without a counter answers. stall: no ticks are
    published. dropped: half of the ticks are missing. reset: the counter begins at zero again, once, at `start_s`.
    """

    kind: Literal["gone", "unsupported", "stall", "dropped", "reset"]
    start_s: float
    end_s: float = math.inf

    def holds(self, time_s: float) -> bool:
        return self.start_s <= time_s < self.end_s


@dataclass(frozen=True)
class ScriptedLoad:
    """Work that takes `call_s` virtual seconds a call at `watts`, times the device's shape."""

    device: "ScriptedDevice"
    call_s: float
    watts: float
    steps: int = 1

    def run(self, passes: int) -> float:
        self.device.advance(passes * self.steps * self.call_s, self.watts)
        return 0.0


class ScriptedDevice:
    """Power as a function of time and load, seen through a counter.

    idle_w: watts while no load runs. shape: factor on all power at a virtual second (drift, waves).
    tick_s, phase_s: when the counter is updated; resolution_j: its last digit; wrap_j: where it begins at zero again.
    noise: relative standard deviation of the power in each tick. block_noise, block_s: likewise, constant over blocks
        of that many seconds (of the order of a window).
    poll_s: how often a watcher looks, so how late it may see a tick; poll_w: what watching adds to the power.
    power_scale: what the second channel, instant power, gives of the truth; None where there is none.
    conditions: what surrounds the device at a virtual second.
    """

    def __init__(
        self,
        *,
        idle_w: float = 60.0,
        shape: Callable[[float], float] = lambda time_s: 1.0,
        tick_s: float = 0.1,
        phase_s: float = 0.0,
        resolution_j: float = 1e-3,
        wrap_j: float = math.inf,
        noise: float = 0.0,
        block_noise: float = 0.0,
        block_s: float = 1.0,
        poll_s: float = POLL_S,
        poll_w: float = 0.0,
        power_scale: float | None = None,
        conditions: Callable[[float], Conditions] = lambda time_s: Conditions(),
        faults: Sequence[Fault] = (),
        seed: int = 0,
    ):
        self.idle_w, self.shape, self.tick_s, self.resolution_j, self.wrap_j = (
            idle_w, shape, tick_s, resolution_j, wrap_j,
        )  # fmt: skip
        self.noise, self.block_noise, self.block_s = noise, block_noise, block_s
        self.poll_s, self.poll_w, self.power_scale = poll_s, poll_w, power_scale
        self.conditions_at, self.faults = conditions, tuple(faults)
        self.time_s, self.true_j = 0.0, 0.0
        self.watchers = 0
        self._random = random.Random(seed)
        self._next_tick_s = phase_s if phase_s > 0 else tick_s
        self._next_block_s, self._block = 0.0, 1.0
        self._since_tick_j, self._counted_j = 0.0, 0.0
        self._resets = [fault.start_s for fault in self.faults if fault.kind == "reset"]
        self.published = [Reading(0.0, 0.0)]
        self.powers: list[PowerReading] = []

    def meter(self) -> "ScriptedMeter":
        return ScriptedMeter(self)

    def load(self, call_s: float, watts: float, steps: int = 1) -> ScriptedLoad:
        return ScriptedLoad(self, call_s, watts, steps)

    @property
    def host(self) -> Host:
        """The virtual clock, with watchers that see what was published while they watched."""
        return Host(
            clock=lambda: self.time_s,
            sleep=self.sleep,
            ticks=lambda _: _ScriptedTicks(self),
            powers=lambda _: _ScriptedPowers(self),
        )

    def sleep(self, seconds: float) -> None:
        """Time passes at idle power."""
        self.advance(seconds, self.idle_w)

    def advance(self, seconds: float, watts: float) -> None:
        """Time passes at `watts`, and the counter ticks meanwhile."""
        end = self.time_s + seconds
        while self._next_tick_s <= end:
            self._spend(self._next_tick_s, watts)
            self._tick(watts)
            self._next_tick_s += self.tick_s
        self._spend(end, watts)

    def _spend(self, until_s: float, watts: float) -> None:
        began, seconds = self.time_s, until_s - self.time_s
        if seconds <= 0:
            return
        # Simpson's rule is exact for a drift up to the third power of time.
        shape = (self.shape(began) + 4 * self.shape(began + seconds / 2) + self.shape(until_s)) / 6
        joules = (watts * shape + self.poll_w * bool(self.watchers)) * seconds
        self.true_j += joules
        self._since_tick_j += joules
        self.time_s = until_s

    def _tick(self, watts: float) -> None:
        while self.time_s >= self._next_block_s:
            self._block = 1 + self.block_noise * self._random.gauss(0, 1)
            self._next_block_s += self.block_s
        noisy = self._since_tick_j * self._block * (1 + self.noise * self._random.gauss(0, 1))
        self._counted_j += max(0.0, noisy)
        self._since_tick_j = 0.0
        if self._resets and self.time_s >= self._resets[0]:
            self._counted_j = 0.0
            self._resets.pop(0)
        if self.power_scale is not None:
            watts_now = watts * self.shape(self.time_s) * self.power_scale
            self.powers.append(PowerReading(self.time_s, watts_now))
        if self.fault("stall") or (self.fault("dropped") and self._random.random() < 0.5):
            return
        counted = self._counted_j % self.wrap_j if math.isfinite(self.wrap_j) else self._counted_j
        self.published.append(Reading(self.time_s, counted // self.resolution_j * self.resolution_j))

    def fault(self, kind: str) -> bool:
        return any(fault.kind == kind and fault.holds(self.time_s) for fault in self.faults)

    def require_readable(self) -> None:
        if self.fault("gone"):
            raise MeterError("The driver is gone; check it with nvidia-smi.")
        if self.fault("unsupported"):
            raise MeterError(
                f"This board has no energy counter: its driver offers none; use {option('meter', 'modeled')}."
            )


class ScriptedMeter(Meter):
    """Reads the counter of a `ScriptedDevice`, on the device's virtual clock."""

    def __init__(self, device: ScriptedDevice):
        self._device = device
        self._open = True

    @property
    def provenance(self) -> Provenance:
        return SCRIPTED

    @property
    def tick_s(self) -> float:
        return self._device.tick_s

    def read(self) -> Reading:
        if not self._open:
            raise MeterError("This scripted meter is closed; open another.")
        self._device.require_readable()
        return Reading(self._device.time_s, self._device.published[-1].energy_j)

    def read_on_tick(self) -> Reading:
        before, began = self.read(), self._device.time_s
        while True:
            self._device.sleep(self._device.poll_s)
            now = self.read()
            if now.energy_j < before.energy_j:
                raise MeterError(
                    f"The energy counter went backwards, from {before.energy_j:g} J to {now.energy_j:g} J."
                )
            if now.energy_j > before.energy_j:
                return now
            if now.time_s - began > STALL_S:
                raise MeterError(f"The energy counter stalls at {now.energy_j:g} J.")

    def read_power(self) -> PowerReading | None:
        return self._device.powers[-1] if self._device.powers else None

    def conditions(self) -> Conditions:
        return self._device.conditions_at(self._device.time_s)

    def close(self) -> None:
        self._open = False


class _ScriptedTicks:
    """What a thread that polls would have noted: each tick, up to one polling interval late."""

    def __init__(self, device: ScriptedDevice):
        self._device = device

    def __enter__(self) -> "_ScriptedTicks":
        self._device.watchers += 1
        self._first = len(self._device.published)
        self._began_s = self._device.time_s
        self._seen: list[Reading] = []
        return self

    def __exit__(self, *_: object) -> None:
        self._device.watchers -= 1

    def readings(self) -> list[Reading]:
        device = self._device
        device.require_readable()
        last = device.published[self._first - 1]
        if self._seen:
            last = self._seen[-1]
        for tick in device.published[self._first + len(self._seen) :]:
            if tick.energy_j < last.energy_j:
                raise MeterError(
                    f"The energy counter went backwards, from {last.energy_j:g} J to {tick.energy_j:g} J."
                )
            # A watcher's polls have no relation to the counter's ticks: each is seen late by its own chance.
            late_s = device.poll_s * device._random.random()
            last = Reading(tick.time_s + late_s, tick.energy_j)
            self._seen.append(last)
        if device.time_s - max(last.time_s, self._began_s) > STALL_S:
            raise MeterError(f"The energy counter stalls at {last.energy_j:g} J: no update in {STALL_S:g} s.")
        return [tick for tick in self._seen if tick.time_s <= device.time_s]


class _ScriptedPowers:
    """The instant power that was published while it watched."""

    def __init__(self, device: ScriptedDevice):
        self._device = device

    def __enter__(self) -> "_ScriptedPowers":
        self._first = len(self._device.powers)
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def readings(self) -> list[PowerReading]:
        return self._device.powers[self._first :]
