"""Figures as tables of text, each with its bar beside it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Bar:
    """A figure and what it must reach. `value` is None where it was not measured."""

    what: str
    value: float | None
    sense: str  # "≥", ">" or "≤"
    bar: float
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.value is None:
            return None
        return {
            "≥": self.value >= self.bar,
            ">": self.value > self.bar,
            "≤": self.value <= self.bar,
        }[self.sense]


@dataclass
class Bars:
    """The bars of a part, in the order in which they were asked."""

    bars: list[Bar] = field(default_factory=list)

    def ask(self, what: str, value: float | None, sense: str, bar: float, note: str = "") -> None:
        self.bars.append(Bar(what, value if value is None else round(float(value), 4), sense, bar, note))

    def rows(self) -> list[list[str]]:
        """Of what was measured."""
        verdict = {True: "met", False: "MISSED"}
        return [
            [
                b.what,
                "–" if b.value is None else f"{b.value:.4g}",
                f"{b.sense} {b.bar:g}",
                verdict[b.met],
                b.note,
            ]
            for b in self.bars
            if b.value is not None
        ]

    def records(self) -> list[dict[str, Any]]:
        return [asdict(bar) | {"met": bar.met} for bar in self.bars]

    def print(self) -> None:
        if rows := self.rows():
            print_table(["", "measured", "bar", "", ""], rows)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        first, *others = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([first, *others]).rstrip())
    print(flush=True)


def spread(values: Sequence[float]) -> str:
    """Median (quartiles) worst."""
    if not len(values):
        return "–"
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{median:.3f} ({low:.3f}–{high:.3f}) {min(values):.3f}"


def signed_rank_p(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """One-sided p of Wilcoxon's signed-rank test that ours are larger, paired; None below 5 pairs."""
    from scipy.stats import wilcoxon

    if len(ours) < 5:
        return None
    difference = np.asarray(ours) - np.asarray(theirs)
    if not difference.any():
        return 1.0
    return float(wilcoxon(difference, alternative="greater", zero_method="zsplit").pvalue)
