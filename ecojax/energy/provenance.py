"""Where a figure comes from: measured or modeled, by what, of what, and how far off it may be."""

from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Any, Literal, get_args

from ecojax.errors import InputError

Kind = Literal["measured", "modeled"]


class Rank(IntEnum):
    """How much a figure is worth, the best first: the lower, the nearer to the joules themselves.

    ENERGY_COUNTER: a counter in the device, read on its ticks.
    SAMPLED_POWER: a device's instant power, integrated.
    SENSOR: power sensors of a module, its rails, or the plug, integrated.
    CPU_PACKAGE: RAPL, a counter of processor packages.
    WATTS_PER_CORE: CPU time × watts per core, ±30 %.
    THERMAL_DESIGN_POWER: time × a chip's thermal design power, ±50 %.
    CHIP_POWER_DUTY: published chip power × duty.
    PROXY: no joules at all, as FLOPs are; fit for ranking only.
    """

    ENERGY_COUNTER = 1
    SAMPLED_POWER = 2
    SENSOR = 3
    CPU_PACKAGE = 4
    WATTS_PER_CORE = 5
    THERMAL_DESIGN_POWER = 6
    CHIP_POWER_DUTY = 7
    PROXY = 8

    @property
    def kind(self) -> Kind:
        return "measured" if self <= Rank.CPU_PACKAGE else "modeled"

    @property
    def label(self) -> str:
        """Kind and means in a word: "measured:device"."""
        return _LABELS[self]


_LABELS = {
    Rank.ENERGY_COUNTER: "measured:device",
    Rank.SAMPLED_POWER: "measured:device-sampled",
    Rank.SENSOR: "measured:sensor",
    Rank.CPU_PACKAGE: "measured:cpu-package",
    Rank.WATTS_PER_CORE: "modeled:watts-per-core",
    Rank.THERMAL_DESIGN_POWER: "modeled:tdp",
    Rank.CHIP_POWER_DUTY: "modeled:chip-power",
    Rank.PROXY: "proxy",
}


@dataclass(frozen=True)
class Provenance:
    """The origin of an energy figure. Figures of unequal provenance are never compared silently.

    kind: "measured" (an instrument counted joules) or "modeled" (arithmetic on something else).
    by: the instrument or the model, constants included: "CPU time × 10 W per core".
    scope: what was and was not counted: a board's name and UUID, "this process".
    systematic_percent: bound on the error that repeating does not average out; None where unknown.
    rank: among the means there are; None in records older than ranks. It follows from `by`, hence is not compared.
    """

    kind: Kind
    by: str
    scope: str
    systematic_percent: float | None = None
    rank: Rank | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError(f"A provenance is 'measured' or 'modeled', not {self.kind!r}.")
        if self.rank is None:
            return
        try:
            object.__setattr__(self, "rank", Rank(self.rank))  # JSON knows numbers only
        except ValueError:
            raise InputError(f"A provenance's rank is 1 to {len(Rank)}, not {self.rank!r}.") from None
        if self.rank.kind != self.kind:
            raise InputError(
                f"Rank {self.rank:d} ({self.rank.label}) is of {self.rank.kind} figures, not of {self.kind} ones."
            )

    def __str__(self) -> str:
        error = None if self.systematic_percent is None else f"±{self.systematic_percent:g} %"
        return f"{self.kind} ({', '.join(part for part in (self.by, self.scope, error) if part)})"

    def to_dict(self) -> dict[str, Any]:
        """All fields under their own names, ready for JSON; the rank as its number."""
        return asdict(self) | {"rank": None if self.rank is None else int(self.rank)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Provenance":
        """The inverse of `to_dict`. Raises InputError where the record is not a provenance."""
        try:
            return cls(**record)
        except TypeError:
            raise InputError(
                f"{record!r} is not a provenance; it needs kind, by and scope, and may have"
                " systematic_percent and rank."
            ) from None
