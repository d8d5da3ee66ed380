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
Link = Literal["identity", "log", "log_complement", "logit"]
Shown = Literal["always", "wide", "never"]
UNCOUNTED = 10**6  # samples that a share of unknown count is taken to be of, so that 0 and 1 have log odds
UNCOUNTED_WEIGHED = (
    1000  # likewise where gains are weighed: who does not say gets a resolution of a thousandth
)
SMALLEST = 1e-12  # in a metric's own unit; what is less counts as this on a logarithm where gains are weighed
CHEAPER = 1e6  # times the reference: so far a logarithm, which has no perfection, is weighed


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
        link: the scale on which learning curves are close to straight, and on which a search weighs gains: "log" where
            ratios count, as of costs and losses; "log_complement" where ratios of what is missing to `most` do, as of
            R²; "logit" for a share; "identity" for the values as they are. None is said by default: curves are taken
            as they are then, and so are gains, but of joules and seconds (see `scale`).
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
    link: Link | None = None
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
            if getattr(self, field) not in (*get_args(possible), *([None] if field == "link" else [])):
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

    @property
    def scale(self) -> Link | None:
        """The scale on which gains are weighed: the link; of costs in joules or seconds that declare none, "log"."""
        if self.link is None and self.is_cost and self.unit in ("J", "s", "ms"):
            return "log"
        return self.link

    @property
    def said_on_scale(self) -> str:
        """Its name with that of its scale: "log energy", "logit accuracy", "log (1 − R²)"."""
        short = self.said.short
        return {
            "log": f"log {short}",
            "log_complement": f"log ({self.most:g} − {short})",
            "logit": f"logit {short}",
        }.get(self.scale or "", short)

    def linked(self, values: "np.ndarray") -> "np.ndarray":
        """`values` on the metric's link. Shares of 0 and 1 stay finite, as do logarithms of nothing."""
        import numpy as np

        if self.link == "logit":
            share = self._counted(values)
            return np.asarray(np.log(share / (1 - share)))
        tiny = np.finfo(float).tiny
        if self.link == "log_complement":
            return np.asarray(-np.log(np.maximum(self.most - values, tiny)))
        return np.log(np.maximum(values, tiny)) if self.link == "log" else values

    def weighed(self, values: "np.ndarray | float") -> "np.ndarray":
        """`values` on the `scale` on which a search weighs gains, turned so that less is better; NaN for no number.

        Of a share that is the logit of what lies above chance, log(wrong / (right − chance)). To the numbers of samples
        on either side are added those that cannot be told from none: two (Agresti & Coull, The American Statistician
        52(2), 1998), and of right ones at least the standard error of a guess. Below chance, wrong ones alone count.
        """
        import numpy as np

        values = np.asarray(values, float)
        values = np.where(np.isfinite(values), values, np.nan)
        if self.scale == "logit":
            maximised = self.direction == "maximize"
            right = np.clip(values if maximised else 1.0 - values, 0.0, 1.0)
            guess = 0.0 if self.chance is None else self.chance if maximised else 1.0 - self.chance
            n = self.count or UNCOUNTED_WEIGHED
            of_a_guess = max(2.0, math.sqrt(n * guess * (1.0 - guess)))
            above = n * np.maximum(right - guess, 0.0) + of_a_guess
            return np.asarray(np.log((n * (1.0 - right) + 2.0) / above))
        if self.scale == "log_complement":
            return np.asarray(np.log(np.maximum(self.most - values, SMALLEST)))
        scaled = np.log(np.maximum(values, SMALLEST)) if self.scale == "log" else values
        return np.asarray(-scaled if self.direction == "maximize" else scaled)

    def ideal(self, reference: float) -> float:
        """The best value that a gain over `reference` is weighed up to; infinite where there is no end.

        That is perfection; on a logarithm, which has none at zero, what is a million times better than `reference`.
        """
        if self.scale == "log_complement":
            return self.most - (self.most - reference) / CHEAPER
        if self.scale == "log" and self.direction == "maximize":
            return min(self.most, reference * CHEAPER)
        return max(self.least, reference / CHEAPER) if self.scale == "log" else self.best

    def unlinked(self, values: "np.ndarray") -> "np.ndarray":
        """The inverse of `linked`."""
        import numpy as np

        if self.link == "logit":
            from scipy.special import expit  # type: ignore[import-untyped]

            n = self.count or UNCOUNTED
            return np.asarray((expit(values) * (n + 4) - 2) / n)
        if self.link == "log_complement":
            return np.asarray(self.most - np.exp(-values))
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
