"""The meter of TPU hosts, which have none: published power of the chip × its duty. A model, and it says so.

XProf can trace a TPU's power on some runtimes, into a profile that is written when it ends; no runtime known to this
module tells it while a program runs, so nothing here is measured.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ecojax.energy.meter import Meter
from ecojax.energy.meters.sampled import SampledMeter
from ecojax.energy.provenance import Provenance, Rank
from ecojax.energy.readings import PowerReading, Reading
from ecojax.errors import MeterError
from ecojax.wording import option

DUTY_TICK_S = 1.0


class ChipPower(NamedTuple):
    """Watts of one chip with its memory, measured by its maker under production loads."""

    min_w: float
    mean_w: float
    max_w: float


# "Measured min/mean/max power", cloud.google.com/tpu/docs/v3 and /v4, looked up in November 2026. Google states none
# for v2 and for what came after v4; estimates by others are not published power.
CHIPS = {"TPU v3": ChipPower(123, 220, 262), "TPU v4": ChipPower(90, 170, 192)}


def libtpu_duty(chip: int) -> Callable[[], float | None] | None:
    """Where libtpu's monitoring answers: the share of its last period that `chip` was busy. Experimental."""
    try:
        from libtpu.sdk import tpumonitoring  # type: ignore[import-not-found]

        metric = tpumonitoring.get_metric("duty_cycle_pct")

        def duty() -> float | None:
            shares = metric.data()
            return float(shares[chip]) / 100 if len(shares) > chip else None  # empty while nothing runs

        return duty if duty() is not None else None
    except Exception:  # whatever is amiss with an optional source, it is not there
        return None


class TpuMeter(Meter):
    """Models one chip, its memory included: all cores of it, the host and the network not.

    With a known duty, power is between the published least and greatest, by the share of time that the chip is busy;
    without one the chip is taken to be busy throughout, at the published mean.

    kind: as JAX's `device_kind`. duty: gives that share, 0 to 1, or None where there is no sample.
    Raises MeterError where the chip's power is not published.
    """

    def __init__(
        self,
        kind: str,
        *,
        duty: Callable[[], float | None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ):
        if kind not in CHIPS:
            raise MeterError(
                f"No power is published for {kind}, only for {' and '.join(CHIPS)}; measure at the plug "
                f"with {option('meter', 'external:FILE')}, or use {option('meter', 'modeled')}, which covers "
                "the host's CPU only."
            )
        power = CHIPS[kind]
        widest = max(power.mean_w - power.min_w, power.max_w - power.mean_w)
        how = (
            f"{power.min_w:g} to {power.max_w:g} W by libtpu's duty cycle"
            if duty
            else f"{power.mean_w:g} W, busy throughout"
        )
        self._provenance = Provenance(
            "modeled",
            f"published power of {kind} × duty: {how}",
            "one chip with its memory",
            round(100 * widest / power.mean_w),
            Rank.CHIP_POWER_DUTY,
        )
        self._clock, self._mean_w = clock, power.mean_w
        self._sampled: SampledMeter | None = None
        self._open = True
        if duty is not None:
            busy = duty

            def watts() -> PowerReading | None:
                share = busy()
                if share is None:
                    return None
                return PowerReading(clock(), power.min_w + share * (power.max_w - power.min_w))

            self._sampled = SampledMeter(
                watts,
                provenance=self._provenance,
                tick_s=DUTY_TICK_S,
                poll_s=DUTY_TICK_S,
                max_gap_s=10 * DUTY_TICK_S,
                name=f"The duty cycle of {kind}",
                clock=clock,
            )

    @classmethod
    def of(cls, device: Any) -> "TpuMeter":
        """For a JAX device, with libtpu's duty cycle where it can be had."""
        kind = device.device_kind
        return cls(kind, duty=libtpu_duty(device.local_hardware_id) if kind in CHIPS else None)

    @property
    def provenance(self) -> Provenance:
        return self._provenance

    @property
    def tick_s(self) -> float:
        return self._sampled.tick_s if self._sampled else 0.0

    def read(self) -> Reading:
        if not self._open:
            raise MeterError("The TPU's meter is closed; open another.")
        if self._sampled is not None:
            return self._sampled.read()
        now = self._clock()
        return Reading(now, now * self._mean_w)

    def read_on_tick(self) -> Reading:
        return self._sampled.read_on_tick() if self._sampled else self.read()

    def close(self) -> None:
        self._open = False
        if self._sampled is not None:
            self._sampled.close()
