"""A frontier as text: a table for people, JSON for scripts, CSV for spreadsheets."""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ecojax.frontier.intervals import half_width_95, with_interval
from ecojax.frontier.pick import NAMES
from ecojax.frontier.quantities import scale, times, written
from ecojax.frontier.repeats import REPEATS, repeats
from ecojax.frontier.study import Study
from ecojax.study import Metric, Trial

if TYPE_CHECKING:
    from rich.console import RenderableType

_NETWORK_WIDTH = 16  # below this the column says nothing
_NETWORK_ROOM = 24  # more than that, before what is shown in wide tables comes in
_GAP = 2  # between columns
_KNEE, _AT_CHANCE = "◆", "†"


@dataclass(frozen=True)
class Column:
    """A column of the table, formatted; `header` has the name and, on a second line, the unit."""

    name: str
    header: str
    cells: tuple[str, ...]

    @property
    def width(self) -> int:
        return max(map(len, (*self.header.split("\n"), *self.cells)))

    @property
    def least_width(self) -> int:
        """Of the network's description the beginning will do."""
        return min(self.width, _NETWORK_WIDTH) if self.name == "network" else self.width

    def cut(self, width: int) -> "Column":
        """Itself, with cells of at most `width` characters."""
        cells = (cell if len(cell) <= width else f"{cell[: width - 1].rstrip()}…" for cell in self.cells)
        return replace(self, cells=tuple(cells))


def render_table(study: Study, width: int) -> "RenderableType":
    """The frontier for a terminal `width` columns wide: a title, the table, and what its figures rest on.

    What does not fit is left out, the least important first. A study without a frontier gives the reason instead.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    if not study.frontier():
        lines = [f"{study.title}: no frontier yet, {study.why_no_frontier()}", _counts(study), *_ended(study)]
        return Text("\n".join(map(_printable, lines)))
    columns = fitting(frontier_columns(study), study, width)
    table = Table(box=SIMPLE_HEAD, padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False)
    for column in columns:
        words = column.name == "network"
        table.add_column(Text(column.header), justify="left" if words else "right", no_wrap=True)
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(Text(_printable(cell)) for cell in row))
    lines = notes(study, [column.name for column in columns])
    return Group(
        Text(_printable(study.title), style="bold"),
        Text(),
        table,
        Text(),
        *(Text(_printable(line), style="dim") for line in lines),
    )


def frontier_columns(study: Study) -> list[Column]:
    """All columns that the frontier's members have something in, in the order in which they are shown."""
    members, knee = study.frontier(), study.knee().id
    trials = Column(
        "trial",
        "trial",
        tuple(
            " ".join(
                [
                    *([_KNEE] if trial.id == knee else []),
                    *([_AT_CHANCE] if study.better_than_chance(trial) is False else []),
                    str(trial.id),
                ]
            )
            for trial in members
        ),
    )
    shown = [metric.name for metric in study.metrics.values() if metric.shown != "never"]
    metrics = dict.fromkeys([*shown, *study.objectives, *study.constraints])
    counts = [repeats(trial) for trial in members]
    return [
        trials,
        *([Column("repeats", "repeats", tuple(map(str, counts)))] if max(counts) > 1 else []),
        *(
            _metric_column(study.metric(name), members)
            for name in metrics
            if any(name in t.metrics for t in members)
        ),
        Column("network", "network", tuple(_differences(study, members))),
    ]


def fitting(columns: Sequence[Column], study: Study, width: int) -> list[Column]:
    """The most important of `columns` that fit into `width` characters together, in their order.

    The trial and the first objective are there in any case; the network takes what the others leave. First go the
    objectives, the quality and the energy of an inference; what is shown in wide tables only goes last.
    """
    by_name = {column.name: column for column in columns}
    quality, metrics = study.quality.name, study.metrics.values()
    energies = [metric.name for metric in metrics if metric.is_inference_energy]
    wide = {metric.name for metric in metrics if metric.shown == "wide"}
    important = (quality, *energies, "repeats", f"test_{quality}", "network")
    rest = sorted(by_name, key=wide.__contains__)
    taken, left = {"trial", study.objectives[0]}, width
    for name in dict.fromkeys(("trial", *study.objectives, *important, *rest)):
        if name in by_name:
            needed = by_name[name].least_width + _GAP
            if left + _GAP < needed + (_NETWORK_ROOM if name in wide else 0):
                break
            left -= needed
            taken.add(name)
    return [
        column.cut(column.least_width + left + _GAP) if column.name == "network" else column
        for column in columns
        if column.name in taken
    ]


def notes(study: Study, columns: Sequence[str]) -> list[str]:
    """What the figures of `columns` are and where they come from, a line each; mixed provenances are called out."""
    picks = {text: study.pick(text).id for text in NAMES}
    others = ", ".join(f"{text}: trial {id_}" for text, id_ in picks.items() if text != "knee")
    lines = [
        f"{_KNEE} knee: trial {picks['knee']}, the pick by default; {others}",
        *_at_chance(study),
        _counts(study),
    ]
    if study.constraints:
        bounds = ", ".join(
            f"{name} {sign} {bounds[side]:g}"
            for name, bounds in study.constraints.items()
            for side, sign in (("min", "≥"), ("max", "≤"))
            if side in bounds
        )
        lines.append(f"constraints: {bounds}; feasible trials: {len(study.feasible())}")
    lines += _ended(study)
    lines += [_extent(study), *_hypervolume(study)]
    for name in columns:
        metric = study.metric(name)
        recorded = any(half_width_95(metric, trial.metrics) is not None for trial in study.frontier())
        what = [_meaning(study, metric), "± half of the 95 % interval" if recorded else ""]
        provenance = study.provenance(name) or ""
        parts = [", ".join(filter(None, what)), "" if provenance == "computed" else provenance]
        if any(parts):
            lines.append(f"{metric.said.short}: {'; '.join(filter(None, parts))}")
        if len(study.provenances(name)) > 1:
            lines.append(f"warning: {name} is of unequal provenance among the trials; they do not compare")
    return lines


def _meaning(study: Study, metric: Metric) -> str:
    """What a figure of `metric` is of."""
    if metric.name == REPEATS:
        tested = study.metric(f"test_{study.quality.name}").said.long
        return f"trials that the figures are means over; {tested} and weights are the first one's"
    batch = study.settings.get("inference_batch")
    if batch and metric.when == "metered" and metric.said.note:
        return f"{metric.said.note} {'at batch' if metric.is_inference_energy else 'of'} {batch}"
    return metric.said.note


def to_json(study: Study) -> str:
    """`Study.summary()` as strict JSON: no NaN, no infinity."""
    return json.dumps(study.summary(), indent=2, allow_nan=False)


def to_csv(study: Study) -> str:
    """The frontier, a row a member, best first, at full precision, after a header.

    Columns: trial, the metrics under their own names and in their own units, the configuration as `config.*`. What a
    trial lacks is empty.
    """
    members = study.frontier()
    metrics = study.metric_names(members)
    parameters = list(dict.fromkeys(name for trial in members for name in trial.configuration))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", *metrics, *(f"config.{name}" for name in parameters)])
    for trial in members:
        writer.writerow(
            [trial.id, *map(trial.metrics.get, metrics), *map(trial.configuration.get, parameters)]
        )
    return text.getvalue()


def _printable(text: str) -> str:
    """Without what would drive the terminal: a study may be anybody's."""
    return "".join(character if character.isprintable() else "�" for character in text)


def _ended(study: Study) -> list[str]:
    """Why the search ended, where it did."""
    reason = study.progress.get("stopped")
    return [f"the search ended: {reason}"] if isinstance(reason, str) else []


def _counts(study: Study) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in study.counts().items() if count)
    return f"trials: {counts or 'none'}"


def _at_chance(study: Study) -> list[str]:
    """What the mark of members at chance level means, where there are any."""
    marked = [trial for trial in study.frontier() if study.better_than_chance(trial) is False]
    if study.chance is None or not marked:
        return []
    quality, samples = study.quality, study.chance.samples
    level = written(quality, study.chance.level)
    over = f", over {samples} {quality.said.note or 'validation samples'}" if samples else ""
    which = (
        "all members are, so picks are among them"
        if len(marked) == len(study.frontier())
        else "no pick by name"
    )
    return [
        f"{_AT_CHANCE} {quality.said.short} not significantly better than chance "
        f"({level}; one-sided 95 %{over}): {which}"
    ]


def _hypervolume(study: Study) -> list[str]:
    """The hypervolume on the scales and plainly, and the box that it is a share of."""
    volume, reference, ideal = study.hypervolume(), study.hypervolume_reference(), study.hypervolume_ideal()
    if volume is None or reference is None or ideal is None:
        return [f"hypervolume: none, for {study.hypervolume_obstacle()}"]
    plain = study.hypervolume(plain=True)

    def side(name: str) -> str:
        metric = study.metric(name)
        chance = "" if study.chance is None or name != study.quality.name else " (chance)"
        start, end = (written(metric, point[name]) for point in (reference, ideal))
        return f"{metric.said.short} from {start}{chance} to {end}"

    return [
        f"hypervolume {volume:.3f} of the {study.hypervolume_meaning()}"
        + ("" if plain is None else f" (plain: {plain:.3f})"),
        f"its box: {', '.join(map(side, reference))}",
    ]


def _extent(study: Study) -> str:
    """How many members there are to choose from, and how far they reach."""
    found = study.extent()
    parts = [
        f"{found.members} member{'s' if found.members > 1 else ''}"
        + ("" if found.apart == found.members else f", {found.apart} apart"),
        *(f"{study.metric(name).said.short} {times(span)}" for name, span in found.spans.items()),
        *(
            f"{study.metric(name).said.short} to {written(study.metric(name), value)}"
            for name, value in found.best.items()
        ),
        *([] if found.spacing is None else [f"spacing {found.spacing:.2f}"]),
    ]
    return f"extent: {'; '.join(parts)}"


def _metric_column(metric: Metric, members: Sequence[Trial]) -> Column:
    """A metric's cells in one unit; where they span more than three decades, each in a unit of its own."""
    name, words = metric.name, metric.said
    values = [trial.metrics[name] for trial in members if name in trial.metrics]
    common = scale(metric, values)
    sizes = [abs(value) for value in values if value]
    wide = bool(sizes) and max(sizes) > 1e3 * min(sizes) and words.prefixed

    def cell(trial: Trial) -> str:
        if not math.isfinite(trial.metrics.get(name, math.nan)):
            return "–"
        unit = scale(metric, [trial.metrics[name]]) if wide else common
        text = with_interval(metric, trial.metrics, unit)
        return f"{text} {unit.unit:{len(common.unit)}}" if wide else text

    unit = "" if wide else common.unit
    return Column(name, f"{words.short}\n{unit}", tuple(map(cell, members)))


def _differences(study: Study, members: Sequence[Trial]) -> list[str]:
    """What sets each member apart, in the order of the space: the architecture before the recipe."""
    configurations = [trial.configuration for trial in members]
    space = [parameter.name for parameter in study.facts.space_records]
    named = dict.fromkeys(name for configuration in configurations for name in configuration)
    names = dict.fromkeys([*(name for name in space if name in named), *named])
    vary = [
        name
        for name in names
        if any(
            configuration.get(name) != configurations[0].get(name) or name not in configuration
            for configuration in configurations
        )
        or len(members) == 1
    ]
    return [
        " ".join(_setting(name, configuration[name]) for name in vary if name in configuration)
        for configuration in configurations
    ]


def _setting(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else f"no-{name}"
    if isinstance(value, str):
        return f"{name}={value}" if value in ("none", "") else value
    return f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
