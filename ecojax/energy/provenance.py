"""Where a figure comes from: measured or modeled, by what, of what, and how far off it may be."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from ecojax.errors import InputError

Kind = Literal["measured", "modeled"]


@dataclass(frozen=True)
class Provenance:
    """The origin of an energy figure. Figures of unequal provenance are never compared silently.

    kind: "measured" (an instrument counted joules) or "modeled" (arithmetic on something else).
    by: the instrument or the model, constants included: "CPU time × 10 W per core".
    scope: what was and was not counted: a board's name and UUID, "this process".
    systematic_percent: bound on the error that repeating does not average out; None where unknown.
    """

    kind: Kind
    by: str
    scope: str
    systematic_percent: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError(f"A provenance is 'measured' or 'modeled', not {self.kind!r}.")

    def __str__(self) -> str:
        error = None if self.systematic_percent is None else f"±{self.systematic_percent:g} %"
        return f"{self.kind} ({', '.join(part for part in (self.by, self.scope, error) if part)})"

    def to_dict(self) -> dict[str, Any]:
        """The four fields under their own names, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Provenance":
        """The inverse of `to_dict`. Raises InputError where the record is not a provenance."""
        try:
            return cls(**record)
        except TypeError:
            raise InputError(
                f"{record!r} is not a provenance; it needs kind, by, scope and systematic_percent."
            ) from None
