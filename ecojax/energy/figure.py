"""The energy of an inference as a figure: never a bare number, always with interval, conditions and provenance."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from ecojax.energy.provenance import Provenance
from ecojax.errors import InputError

CONDITIONS = ("batch_size", "precision", "input_shape", "device", "provenance")
"""What a figure is *of*: figures that differ in one of these are not compared silently."""


@dataclass(frozen=True)
class Energy:
    """Joules of one inference at a stated batch size, precision, input shape and device.

    per_sample_j: joules per sample, the mean over windows; gross (idle power is in it).
    per_sample_ci95_j: half width of its 95 % confidence interval; the systematic error stands apart, in `provenance`.
        Of a whole call there are `per_call_j` and `per_call_ci95_j`.
    latency_s: wall seconds per call, that is per batch of `batch_size` samples; the median over windows.
    windows: how many windows the mean is of.
    seconds: metered seconds, all windows together.
    spent_j: joules that the measuring itself cost on this meter, compiling and warm-up included.
    compile_s: seconds spent tracing and compiling.
    gates: what the protocol's checks found: `time_ratio` of twice the work to once (2 ± 0.05),
        `checksum_error` (relative), `roofline` (the share of peak FLOP/s reached) where the peak is known,
        `counter_over_integral` (1 ± 0.05) where the meter has a second channel.
    converged: whether the confidence target was met before windows or seconds ran out.
    latency_ci95_s: half width of the 95 % interval of the windows' mean latency; None where unknown.
    input_shape: types and shapes of one batch, "uint8[64,8,8,1]"; empty where unknown.
    idle_w: power with the context open and memory allocated but nothing running; None where not taken.
    net_per_sample_j: `per_sample_j` less idle power over the same time; None where `idle_w` is, or is not below load.
    measuring_share: what reading the meter adds, as a share of power; around zero, and of either sign, where that
        is lost in the noise.
    rejected: windows thrown away, by reason. notes: what a reader should know besides.
    """

    per_sample_j: float
    per_sample_ci95_j: float
    latency_s: float
    batch_size: int
    windows: int
    seconds: float
    spent_j: float
    compile_s: float
    provenance: Provenance
    gates: dict[str, float] = field(hash=False)
    precision: str
    device: str
    converged: bool
    latency_ci95_s: float | None = None
    input_shape: str = ""
    idle_w: float | None = None
    net_per_sample_j: float | None = None
    measuring_share: float | None = None
    rejected: dict[str, int] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()

    @property
    def per_call_j(self) -> float:
        """Joules of one call, that is of a batch."""
        return self.per_sample_j * self.batch_size

    @property
    def per_call_ci95_j(self) -> float:
        """Half width of the 95 % interval of `per_call_j`."""
        return self.per_sample_ci95_j * self.batch_size

    @property
    def power_w(self) -> float:
        """Mean power under load."""
        return self.per_call_j / self.latency_s

    def differences(self, other: "Energy") -> list[str]:
        """In which of `CONDITIONS` two figures differ, in words; empty where they compare. Unknown shapes agree, and
        so do boards of one model (see `Provenance.differences`)."""
        found = []
        for name in CONDITIONS:
            mine, theirs = getattr(self, name), getattr(other, name)
            if name == "provenance" and not self.provenance.differences(other.provenance):
                continue
            if mine != theirs and not (name == "input_shape" and not (mine and theirs)):
                found.append(f"{name.replace('_', ' ')} ({mine} against {theirs})")
        return found

    def comparable(self, other: "Energy") -> bool:
        """Whether two figures are of one batch size, precision, input shape, device and provenance."""
        return not self.differences(other)

    def ratio(self, other: "Energy") -> tuple[float, float]:
        """This figure over the other, and the half width of the ratio's 95 % interval (of independent figures).

        Raises InputError where they are not comparable, naming the differences.
        """
        if found := self.differences(other):
            raise InputError(
                f"These figures differ in {'; '.join(found)}, and their ratio would be of that; measure both alike."
            )
        ratio = self.per_sample_j / other.per_sample_j
        return ratio, ratio * math.hypot(
            self.per_sample_ci95_j / self.per_sample_j, other.per_sample_ci95_j / other.per_sample_j
        )

    def __str__(self) -> str:
        return (
            f"{self.per_sample_j:.4g} ± {self.per_sample_ci95_j:.2g} J a sample at batch size {self.batch_size}, "
            f"{self.precision}, on {self.device}: {self.provenance}"
        )

    def to_dict(self) -> dict[str, Any]:
        """All fields under their own names, the provenance as a dictionary: ready for JSON."""
        return asdict(self) | {"notes": list(self.notes)}
