"""A study as a picture: every complete trial, and the frontier with its error bars."""

import math
import os
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ecojax.errors import InputError
from ecojax.frontier.intervals import half_width_95
from ecojax.frontier.quantities import scale, written
from ecojax.frontier.repeats import by_configuration, merged, repeats
from ecojax.frontier.study import Study
from ecojax.study import Trial
from ecojax.wording import option
from ecojax.writable import obstacle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")

# From the palette of Okabe and Ito, which readers with any colour vision tell apart.
_FRONTIER, _KNEE, _OTHERS, _INFEASIBLE = "#0072B2", "#D55E00", "#999999", "#CC79A7"
_LABEL_WIDTH, _LABEL_HEIGHT = 24, 14  # pixels of the figure, at its own resolution


def plot(study: Study, path: Path | str) -> None:
    """Draws `study` into `path`: the first objective over the second, or over the trials where there is one.

    Costs are on a log scale and, of two objectives, the cost is across. Error bars are 95 % intervals. The format
    is the file's suffix: .png, .svg or .pdf; an existing file is replaced, once the new one is whole.

    Raises:
        InputError: another suffix, a path that cannot be written, or a study without a complete trial.
    """
    path = Path(path)
    require_drawable(path)
    if not study.complete():
        raise InputError(
            f"study '{study.name}' has no complete trial to draw; search on with {option('resume')}"
        )
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            draw(study).savefig(file, format=path.suffix.lower()[1:], dpi=160)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write the plot to '{path}': {error.strerror}") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def require_drawable(path: Path) -> None:
    """Raises `InputError` for a path of another suffix, or one that cannot be written. Costs nothing."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"cannot draw '{path}': its suffix must be one of {', '.join(FORMATS)}")
    if path.is_dir():
        raise InputError(f"cannot write the plot to '{path}': Is a directory; name a file in it")
    if not (folder := path.absolute().parent).exists():
        raise InputError(
            f"cannot write the plot to '{path}': No such file or directory: '{folder}'; make that folder"
        )
    if (reason := obstacle(path)) is not None:
        raise InputError(f"cannot write the plot to '{path}': {reason}")


def draw(study: Study) -> "Figure":
    """The picture as a matplotlib figure, which belongs to no window and no global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    if len(study.objectives) == 1:
        _over_trials(axes, study)
    else:
        _over_cost(axes, study)
    figure.suptitle(study.title, fontsize=12)
    axes.grid(True, color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="best", frameon=False, fontsize=9)
    return figure


def _over_cost(axes: "Axes", study: Study) -> None:
    # With two costs the first objective stays upright.
    up, across = study.objectives[:2]
    if study.metrics[across].direction == "maximize" or across == study.quality.name:
        up, across = across, up
    x, y = _Axis(study, across), _Axis(study, up)
    members = sorted(study.frontier(), key=lambda trial: trial.metrics[across])
    if members:
        _draw_frontier(axes, study, members, x, y)
    _scatter_others(axes, study, members, x, y)
    x.dress(axes, "x")
    y.dress(axes, "y")
    # The side of the frontier that is towards the ideal holds no points.
    _label(axes, members, x, y, above=y.metric.direction == "maximize")


def _draw_frontier(axes: "Axes", study: Study, members: Sequence[Trial], x: "_Axis", y: "_Axis") -> None:
    at_x, at_y = x.values(members), y.values(members)
    name = f"frontier ({len(members)})"
    if len(study.objectives) == 2:  # the staircase bounds what the frontier dominates
        axes.step(at_x, at_y, where="post", color=_FRONTIER, linewidth=1.2, alpha=0.7)
    else:
        name = f"frontier of {len(study.objectives)} objectives ({len(members)})"
    x_error, y_error = x.intervals(members), y.intervals(members)
    if x_error or y_error:
        name += ", 95 % intervals"
    axes.errorbar(
        at_x,
        at_y,
        xerr=x_error,
        yerr=y_error,
        fmt="o",
        markersize=5,
        color=_FRONTIER,
        elinewidth=1,
        capsize=2,
        label=name,
        zorder=3,
    )
    at_chance = [trial for trial in members if study.better_than_chance(trial) is False]
    if at_chance:
        axes.plot(
            x.values(at_chance),
            y.values(at_chance),
            "o",
            markersize=5,
            color="white",
            markeredgecolor=_FRONTIER,
            label=f"no better than chance ({len(at_chance)})",
            zorder=3.5,
        )
        if y.metric == study.quality and study.chance is not None:
            level = study.chance.level
            axes.axhline(
                y.at(level),
                color=_OTHERS,
                linestyle=":",
                linewidth=1,
                label=f"chance ({written(y.metric, level)})",
            )
    knee = study.knee()
    axes.plot(
        *(x.values([knee]), y.values([knee])),
        "D",
        markersize=7,
        color=_KNEE,
        label=f"knee (trial {knee.id})",
        zorder=4,
    )


def _label(axes: "Axes", members: Sequence[Trial], x: "_Axis", y: "_Axis", *, above: bool) -> None:
    """The trials' ids beside their points, where there is room."""
    side = 1 if above else -1
    last_x = last_y = -math.inf
    for trial, point in zip(members, zip(x.values(members), y.values(members), strict=True), strict=True):
        at_x, at_y = axes.transData.transform(point)
        if abs(at_x - last_x) < _LABEL_WIDTH and abs(at_y - last_y) < _LABEL_HEIGHT:
            continue
        last_x, last_y = at_x, at_y
        axes.annotate(
            str(trial.id),
            point,
            xytext=(-5, 5 * side),
            textcoords="offset points",
            ha="right",
            va="bottom" if above else "top",
            fontsize=8,
            color="#444444",
        )


def _over_trials(axes: "Axes", study: Study) -> None:
    from matplotlib.ticker import MaxNLocator

    y = _Axis(study, study.objectives[0])
    trials = study.feasible()
    values = y.values(trials)
    best = max if y.metric.direction == "maximize" else min
    so_far = [
        best(y.values([merged(group, study.metrics) for group in by_configuration(trials[: count + 1])]))
        for count in range(len(trials))
    ]
    axes.plot([t.id for t in trials], values, "o", markersize=4, color=_OTHERS, label="trials")
    axes.step([t.id for t in trials], so_far, where="post", color=_FRONTIER, label="best so far")
    outside = _infeasible(study)
    if outside:
        axes.plot(
            [t.id for t in outside],
            y.values(outside),
            "x",
            color=_INFEASIBLE,
            label="beyond a constraint",
        )
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    y.dress(axes, "y")


def _scatter_others(axes: "Axes", study: Study, members: Sequence[Trial], x: "_Axis", y: "_Axis") -> None:
    alone = {trial.id for trial in members if repeats(trial) == 1}  # of the others each repeat is shown
    others = [trial for trial in study.feasible() if trial.id not in alone]
    outside = _infeasible(study)
    for trials, marker, color, label in (
        (others, "o", _OTHERS, f"other trials ({len(others)})"),
        (outside, "x", _INFEASIBLE, f"beyond a constraint ({len(outside)})"),
    ):
        if trials:
            axes.plot(
                x.values(trials), y.values(trials), marker, color=color, markersize=4, alpha=0.6, label=label
            )


def _infeasible(study: Study) -> list[Trial]:
    feasible = {trial.id for trial in study.feasible()}
    return [trial for trial in study.complete() if trial.id not in feasible]


class _Axis:
    """One metric along one axis: its unit, its values, how its axis is labelled."""

    def __init__(self, study: Study, name: str):
        self.metric = study.metrics[name]
        self._provenance = study.provenance(name) or ""
        batch = study.settings.get("inference_batch")
        self._batch = f" at batch {batch}" if batch and self.metric.when == "metered" else ""
        values = [trial.metrics[name] for trial in study.complete()]
        self._scale = scale(self.metric, values)
        self.log = self.metric.direction == "minimize" and min(values) > 0

    def values(self, trials: Sequence[Trial]) -> list[float]:
        return [self.at(trial.metrics[self.metric.name]) for trial in trials]

    def at(self, value: float) -> float:
        """Where a value of the metric stands on the axis."""
        return value * self._scale.factor

    def intervals(self, trials: Sequence[Trial]) -> list[list[float]] | None:
        """Half widths of the 95 % intervals, below and above; a log axis has no room below zero."""
        halves = [half_width_95(self.metric, trial.metrics) for trial in trials]
        if all(half is None for half in halves):
            return None
        finite = [half if half is not None and math.isfinite(half) else 0.0 for half in halves]
        above = [half * self._scale.factor for half in finite]
        below = [
            min(half, 0.99 * value) if self.log else half
            for half, value in zip(above, self.values(trials), strict=True)
        ]
        return [below, above]

    def dress(self, axes: "Axes", side: str) -> None:
        """Scale, ticks and label: name, unit and provenance."""
        from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

        axis = axes.xaxis if side == "x" else axes.yaxis
        if self.log:
            axes.set_xscale("log") if side == "x" else axes.set_yscale("log")
            low, high = axes.get_xlim() if side == "x" else axes.get_ylim()
            # Three figures a decade where there are few decades; in less than one they might be a single one.
            few = LogLocator(subs=(1, 2, 5) if high / low < 1000 else (1,))
            axis.set_major_locator(few if high / low > 5 else MaxNLocator(5))
            if high / low <= 5:
                axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
        unit = f" ({self._scale.unit})" if self._scale.unit else ""
        label = f"{self.metric.said.long}{self._batch}{unit}"
        if self._provenance not in ("", "computed"):
            label += "\n" + textwrap.fill(self._provenance, 90 if side == "x" else 56)
        axis.set_label_text(label)
