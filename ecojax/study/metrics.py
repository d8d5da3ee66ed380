"""What is to be known of a metric, in one declaration: its unit, which way is better, its values, its words."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from ecojax.errors import InputError
from ecojax.study.amounts import COUNTS, JOULES, SECONDS, SHARES, amount

if TYPE_CHECKING:
    import numpy as np

Direction = Literal["maximize", "minimize"]
When = Literal["built", "metered", "trained"]
Link = Literal["identity", "log", "logit"]
Shown = Literal["always", "wide", "never"]
UNCOUNTED = 10**6  # samples that a share of unknown count is taken to be of, so that 0 and 1 have log odds


@dataclass(frozen=True)
class Words:
    """How a metric is written for people.

    short: for the head of a column. long: for an axis. `unit_size` is one of the metric's own units in `unit`.
    prefixed: whether the unit takes a prefix, as in "41.3 µJ". note: what a figure is of, below a table.
    """

    short: str
    long: str
    unit: str = ""
    unit_size: float = 1.0
    prefixed: bool = True
    note: str = ""


@dataclass(frozen=True)
class Metric:
    """One figure of a trial. Raises `InputError` for a name that is no word, and a direction that there is not.

    Attributes:
        direction: "maximize" or "minimize". unit: of its values; "" for a number. meaning: in a line.
        objective: whether a search may optimise it; of such, repeats count by their mean.
        least, most: the values that it can take.
        when: known once a candidate is "built", once it is "metered", or only when it is "trained".
        link: the scale on which learning curves are close to straight, and on which a search weighs gains.
        count: of a share, the number of samples that it is a share of; its binomial error follows from it.
        chance: its value for a model that has learnt nothing.
        spread: the metrics that hold its spread, the preferred first: `_ci95` half a 95 % interval, `_se` a standard
            error.
        words: how it is written; by default as it is called.
        shown: whether a frontier's table has a column of it, "wide" where there is plenty of room.
        contract: whether a frontier's JSON always has it, where a trial lacks it as null.
    """

    name: str
    direction: Direction
    unit: str = ""
    meaning: str = ""
    objective: bool = True
    least: float = 0.0
    most: float = math.inf
    when: When = "trained"
    link: Link = "identity"
    count: int | None = None
    chance: float | None = None
    spread: tuple[str, ...] = ()
    words: Words | None = None
    shown: Shown = "always"
    contract: bool = True

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w+", self.name):
            raise InputError(
                f"'{self.name}' cannot be the name of a metric; take letters, digits and underscores"
            )
        for field, possible in (("direction", Direction), ("when", When), ("link", Link), ("shown", Shown)):
            if getattr(self, field) not in get_args(possible):
                raise InputError(
                    f"the {field} of the metric '{self.name}' is {getattr(self, field)!r}; write one of "
                    f"{', '.join(get_args(possible))}"
                )

    @property
    def said(self) -> Words:
        """How it is written: in its own words, or else by its name and unit."""
        return self.words or Words(self.name, self.name.replace("_", " "), self.unit, prefixed=False)

    @property
    def best(self) -> float:
        """The best value there can be; infinite where there is none."""
        return self.most if self.direction == "maximize" else self.least

    @property
    def is_inference_energy(self) -> bool:
        """Whether it is the energy of an inference, of a sample or a token."""
        return self.when == "metered" and self.unit == "J" and self.objective

    @property
    def is_cost(self) -> bool:
        """Whether less of it is cheaper: joules, seconds, and what is known before training."""
        return self.direction == "minimize" and (self.when != "trained" or self.unit in ("J", "s"))

    @property
    def is_share(self) -> bool:
        return self.least == 0 and self.most == 1

    @property
    def units(self) -> Mapping[str, float]:
        """The units that a bound may be written in, as factors to the metric's own."""
        if self.unit == "J":
            return JOULES
        if self.unit in ("s", "ms"):
            return {unit: seconds * (1e3 if self.unit == "ms" else 1) for unit, seconds in SECONDS.items()}
        if self.name == "flops":
            return COUNTS | {
                f"{prefix}{flop}": n for flop in ("FLOP", "FLOPs") for prefix, n in COUNTS.items()
            }
        if self.is_share:
            return SHARES
        if self.unit:
            return {self.unit: 1.0}
        return COUNTS | (SHARES if math.isinf(self.least) else {})  # one without limits may be a share

    def bound(self, text: str, sign: str) -> float:
        """The number that a bound such as `accuracy>=90%` holds the metric to, in the metric's unit.

        text: what follows the sign. Raises `ValueError` saying what would be right where it is no number in one of the
        metric's units, or lies outside the metric's range.
        """
        value = amount(text, self.units)
        self.require_in_range(value, sign)
        return value

    def require_in_range(self, value: float, sign: str) -> None:
        """Raises `ValueError` with the right spelling where the metric never takes `value`."""
        if self.least <= value <= self.most:
            return
        if self.is_share and 1 < value <= 100:
            share = f"{value / 100:.6g}"
            right = f"write {self.name}{sign}{share} or {self.name}{sign}{value:g}%"
        elif math.isfinite(self.most):
            right = f"give a number from {self.least:g} to {self.most:g}"
        else:
            right = f"give a number of at least {self.least:g}"
        kind = "is a share" if self.is_share else f"is never {'below' if value < self.least else 'above'} "
        kind += "" if self.is_share else f"{self.least if value < self.least else self.most:g}"
        raise ValueError(f"{self.name} {kind}; {right}")

    def minimised(self, value: float) -> float:
        """`value` turned so that less is better."""
        return -value if self.direction == "maximize" else value

    def linked(self, values: "np.ndarray") -> "np.ndarray":
        """`values` on the metric's link. Shares of 0 and 1 stay finite, as do logarithms of nothing."""
        import numpy as np

        if self.link == "logit":
            share = self._counted(values)
            return np.asarray(np.log(share / (1 - share)))
        return np.log(np.maximum(values, np.finfo(float).tiny)) if self.link == "log" else values

    def weighed(self, values: "np.ndarray") -> "np.ndarray":
        """`values` on the scale on which a search weighs gains, turned so that less is better.

        That is the link; of a share, the logit of what lies above chance. To both of its ends the standard error of
        the share there is added: what its samples cannot tell from chance, or from perfection, is hardly apart.
        """
        import numpy as np

        if self.link != "logit":
            linked = self.linked(np.asarray(values, float))
            return -linked if self.direction == "maximize" else linked
        share, guess = np.asarray(values, float), self.chance
        if self.direction == "minimize":  # an error: weigh what is right
            share, guess = 1.0 - share, None if guess is None else 1.0 - guess
        n, guess = self.count or UNCOUNTED, guess or 0.0
        near_chance = max(math.sqrt(guess * (1.0 - guess) / n), 2.0 / (n + 4))
        wrong = (n * (1.0 - share) + 2.0) / (n + 4)
        return np.asarray(
            np.log(wrong / (1.0 - guess))
            - np.log((np.maximum(share - guess, 0.0) + near_chance) / (1.0 - guess))
        )

    def unlinked(self, values: "np.ndarray") -> "np.ndarray":
        """The inverse of `linked`."""
        import numpy as np

        if self.link == "logit":
            from scipy.special import expit  # type: ignore[import-untyped]

            n = self.count or UNCOUNTED
            return np.asarray((expit(values) * (n + 4) - 2) / n)
        return np.exp(values) if self.link == "log" else values

    def link_variance(self, at: float) -> float:
        """Variance of the metric on its link, at the place `at` there, from the draw of its samples; 0 if unknown."""
        if self.link != "logit" or self.count is None:
            return 0.0
        from scipy.special import expit

        return float(1 / ((self.count + 4) * expit(at) * expit(-at)))

    def _counted(self, shares: "np.ndarray") -> "np.ndarray":
        """Shares with two successes and two failures added (Agresti & Coull, The American Statistician 52(2), 1998)."""
        n = self.count or UNCOUNTED
        return (shares * n + 2) / (n + 4)

    def to_record(self) -> dict[str, Any]:
        """As JSON holds it, without what is as by default; `from_record` reads it back."""
        record = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }
        for name in ("least", "most"):
            if math.isinf(record.get(name, 0.0)):
                record[name] = None
        if self.words is not None:
            record["words"] = {
                field.name: getattr(self.words, field.name)
                for field in fields(Words)
                if getattr(self.words, field.name) != field.default
            }
        return record | ({"spread": list(self.spread)} if self.spread else {})

    @classmethod
    def from_record(cls, record: Any) -> "Metric":
        """Raises `ValueError` for what `to_record` does not give."""
        from pydantic import TypeAdapter, ValidationError

        from ecojax.space.tables import explain

        unbounded = {"least": -math.inf, "most": math.inf}
        given = dict(record) if isinstance(record, Mapping) else {}
        infinite: dict[str, Any] = {
            name: end for name, end in unbounded.items() if given.get(name, 0) is None
        }
        text = json.dumps({name: value for name, value in given.items() if name not in infinite})
        try:
            return replace(TypeAdapter(cls).validate_json(text, strict=True), **infinite)
        except ValidationError as error:
            raise ValueError(explain(error)) from None
        except InputError as error:
            raise ValueError(str(error)) from None
