"""The energy of an inference as a figure: never a bare number, always with interval, conditions and provenance."""

from dataclasses import asdict, dataclass, field
from typing import Any

from ecojax.energy.provenance import Provenance


@dataclass(frozen=True)
class Energy:
    """Joules of one inference at a stated batch size, precision and device.

    per_sample_j: joules per sample, the mean over windows; gross (idle power is in it).
    ci95_j: half width of its 95 % confidence interval; the systematic error stands apart, in `provenance`.
    latency_s: wall seconds per call, that is per batch of `batch_size` samples; the median over windows.
    windows: how many windows the mean is of.
    seconds: metered seconds, all windows together.
    spent_j: joules that the measuring itself cost on this meter, compiling and warm-up included.
    compile_s: seconds spent tracing and compiling.
    gates: what the protocol's checks found: `time_ratio` of twice the work to once (2 ± 0.05),
        `checksum_error` (relative), `roofline` (the share of peak FLOP/s reached) where the peak is known.
    converged: whether the confidence target was met before windows or seconds ran out.
    """

    per_sample_j: float
    ci95_j: float
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

    def to_dict(self) -> dict[str, Any]:
        """All fields under their own names, the provenance as a dictionary: ready for JSON."""
        return asdict(self)
