"""Measuring a target at one batch size after the other: a row for each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ecojax.energy.calibration import Calibration, calibrate
from ecojax.energy.figure import Energy
from ecojax.energy.meter import Meter
from ecojax.energy.meters.modeled import resident_gib
from ecojax.energy.prepare import noting, passes_of
from ecojax.energy.protocol import measure_prepared
from ecojax.errors import InputError
from ecojax.measurement.latency import SECONDS, Latency, host_latency
from ecojax.measurement.target import Target

if TYPE_CHECKING:
    from ecojax.energy.carbon import Carbon


@dataclass(frozen=True)
class Row:
    """A target at one batch size. energy.batch_size is 1 where the target's examples are measured as they are.

    ram_w: of the memory that this process held, modeled and in no other figure; None unless asked for.
    """

    energy: Energy
    latency: Latency
    ram_w: float | None = None

    @property
    def ram_per_sample_j(self) -> float | None:
        """What holding the memory takes while a sample is computed."""
        return None if self.ram_w is None else self.ram_w / self.throughput_per_s

    @property
    def throughput_per_s(self) -> float:
        """Samples a second in steady state on the device, without dispatch."""
        return self.energy.batch_size / self.energy.latency_s

    @property
    def throughput_ci95_per_s(self) -> float | None:
        """Half width of its 95 % interval; None where the windows gave none."""
        width = self.energy.latency_ci95_s
        return None if width is None else self.throughput_per_s * width / self.energy.latency_s

    def to_dict(self, carbon: "Carbon | None" = None) -> dict[str, Any]:
        """Ready for JSON, units in the names; carbon is of one sample."""
        record = {
            "batch_size": self.energy.batch_size,
            "per_sample_j": self.energy.per_sample_j,
            "per_sample_ci95_j": self.energy.per_sample_ci95_j,
            "per_call_j": self.energy.per_call_j,
            "per_call_ci95_j": self.energy.per_call_ci95_j,
            "latency": self.latency.to_dict(),
            "throughput_per_s": self.throughput_per_s,
            "throughput_ci95_per_s": self.throughput_ci95_per_s,
            "energy": self.energy.to_dict(),
        }
        if self.ram_per_sample_j is not None:
            record["ram_per_sample_j_modeled"] = self.ram_per_sample_j
        return record if carbon is None else record | {"carbon": carbon.to_dict(self.energy.per_sample_j)}


def measure_target(
    target: Target,
    *,
    meter: Meter,
    batches: Sequence[int] | None = None,
    seconds: float = 30.0,
    confidence_target: float = 0.02,
    ram_w_per_gib: float | None = None,
) -> Iterator[Row]:
    """A row for each of `batches`, as soon as it is done; by default the target's own batch size alone.

    seconds: of windows, at most, for each batch size. ram_w_per_gib: what resident memory is taken to draw.
    Raises InputError where the target takes no batch size and some are given; else as `per_call`.
    """
    if batches and not target.batched:
        raise InputError(
            f"--batch needs example inputs of any batch size, and those of '{target.name}' have one; write a "
            "function example_inputs(batch_size), or leave --batch out"
        )
    calibration: Calibration | None = None
    sizes: list[int | None] = [target.batch_size] if not batches else [*batches]
    for batch in sizes:
        with target.settings():
            opened = meter.read()
            call = target.call(batch if target.batched else None)
            prepared = noting(call.prepared(batch if target.batched and batch else 1), *target.notes)
            if calibration is None:  # idle power is taken with the context open, once
                calibration = calibrate(meter, partial(prepared.loop.run, passes_of(prepared, 0.2)))
            energy = measure_prepared(
                prepared,
                meter,
                opened=opened,
                confidence_target=confidence_target,
                max_windows=10_000,
                max_seconds=seconds,
                calibration=calibration,
            )
            if not target.batched:
                energy = replace(
                    energy, notes=(*energy.notes, "a sample here is a whole call of the example inputs")
                )
            ram_w = None if ram_w_per_gib is None else ram_w_per_gib * resident_gib()
            row = Row(energy, host_latency(call, seconds=min(SECONDS, seconds)), ram_w)
        yield row
