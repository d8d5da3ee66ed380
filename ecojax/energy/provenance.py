"""Where a figure comes from: measured or modeled, by what, of what, and how far off it may be."""

import re
from collections.abc import Mapping
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


# A UUID of NVML's, or a PCI address: which board it is, of all of its model.
_UNIT = re.compile(
    r" ?\b(?:(?:GPU|MIG)-[\w/-]+|[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]\b)", re.IGNORECASE
)
_WATTS = re.compile(r"(\d+(?:\.\d+)?) W\b")
_TEXT = re.compile(r"(measured|modeled) \((.+)\)", re.DOTALL)


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

    @property
    def model(self) -> str:
        """The scope without UUIDs and PCI addresses: alike for all boards of a model."""
        return without_units(self.scope)

    def differences(self, other: "Provenance") -> list[str]:
        """In what figures of two provenances would not compare, in words; empty where they do.

        Kind, rank, meter and model of the board count. The meter is `by` up to its wording: its first word, and
        watts that it is computed with. Which board of a model it was and how far off it may be do not count, nor what
        one of them does not state.
        """
        ranks = ["" if one.rank is None else one.rank.label for one in (self, other)]
        parts = {
            "kind": (self.kind, other.kind, self.kind == other.kind),
            "rank": (*ranks, ranks[0] == ranks[1]),
            "meter": (self.by, other.by, _means(self.by) == _means(other.by)),
            "scope": (self.model, other.model, self.model == other.model),
        }
        return [
            f"{part} ({mine} against {theirs})"
            for part, (mine, theirs, same) in parts.items()
            if mine and theirs and not same
        ]

    def __str__(self) -> str:
        error = None if self.systematic_percent is None else f"±{self.systematic_percent:g} %"
        return f"{self.kind} ({', '.join(part for part in (self.by, self.scope, error) if part)})"

    def to_dict(self) -> dict[str, Any]:
        """All fields under their own names, ready for JSON; the rank as its number."""
        return asdict(self) | {"rank": None if self.rank is None else int(self.rank)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Provenance":
        """The inverse of `to_dict`. Raises InputError where the record is not a provenance."""
        try:
            found = cls(**record)
            if not (isinstance(found.by, str) and isinstance(found.scope, str)):
                raise TypeError
            return found
        except TypeError:
            raise InputError(
                f"{record!r} is not a provenance; it needs kind, by and scope, and may have"
                " systematic_percent and rank."
            ) from None

    @classmethod
    def from_text(cls, text: str) -> "Provenance | None":
        """Kind and meter of a provenance that is known as text only, whatever release wrote it; None for other text."""
        found = _TEXT.match(text)
        return (
            None if found is None else cls("measured" if found[1] == "measured" else "modeled", found[2], "")
        )


def without_units(text: str) -> str:
    """`text` without UUIDs and PCI addresses of boards."""
    return _UNIT.sub("", text)


def _means(by: str) -> tuple[str, list[float]]:
    return re.split(r"\W", by, maxsplit=1)[0].lower(), [float(watts) for watts in _WATTS.findall(by)]
