"""Rows as a table for people, and as a record for scripts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ecojax.frontier.quantities import digits, joules, written
from ecojax.measurement.run import Row
from ecojax.study import METRICS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ecojax.energy.carbon import Carbon

FORMAT, VERSION = "ecojax-measure", 2
MILLION = 1_000_000


def to_record(name: str, rows: Sequence[Row], carbon: "Carbon | None" = None) -> dict[str, Any]:
    """Everything about every row, ready for JSON, with date and versions."""
    from ecojax.version import __version__

    return {
        "format": FORMAT,
        "version": VERSION,
        "target": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"ecojax": __version__, "jax": version("jax"), "jaxlib": version("jaxlib")},
        "rows": [row.to_dict(carbon) for row in rows],
    }


def render(name: str, rows: Sequence[Row], carbon: "Carbon | None" = None) -> "RenderableType":
    """A table of one line a batch size, and below it what all of them rest on."""
    from rich.console import Group
    from rich.table import Table

    table = Table(title=name, title_justify="left", box=None, pad_edge=False)
    heads = ["batch", "energy a sample", "less idle", "latency p50", "p99", "samples a second", "windows"]
    with_ram = rows[0].ram_w is not None
    heads += (["memory (modeled)"] if with_ram else []) + (["CO2e a million", "water"] if carbon else [])
    for head in heads:
        table.add_column(head, justify="right")
    for row in rows:
        energy = row.energy
        cells = [
            str(energy.batch_size),
            f"{joules(energy.per_sample_j)} ± {_percent(energy.per_sample_ci95_j / energy.per_sample_j)}",
            "-" if energy.net_per_sample_j is None else joules(energy.net_per_sample_j),
            written(METRICS["latency_ms"], 1e3 * row.latency.p50_s),
            written(METRICS["latency_ms"], 1e3 * row.latency.p99_s),
            _throughput(row),
            str(energy.windows) + ("" if energy.converged else " (target not met)"),
        ]
        if with_ram:
            cells.append(joules(row.ram_per_sample_j or 0.0))
        if carbon:
            litres = carbon.litres(MILLION * energy.per_sample_j)
            cells += [
                f"{carbon.grams(MILLION * energy.per_sample_j):.3g} g",
                "-" if litres is None else f"{litres:.3g} l",
            ]
        table.add_row(*cells)
    return Group(table, *_footnotes(rows, carbon))


def _throughput(row: Row) -> str:
    width = row.throughput_ci95_per_s
    rate = row.throughput_per_s
    return f"{rate:,.{digits(rate)}f}" + ("" if width is None else f" ± {_percent(width / rate)}")


def _percent(share: float) -> str:
    """Two digits, however small: a width never rounds to nothing."""
    return f"{100 * share:.2g} %"


def _footnotes(rows: Sequence[Row], carbon: "Carbon | None") -> list[str]:
    first = rows[0].energy
    lines = [
        f"{first.provenance}",
        f"{first.precision} on {first.device}; energy is gross, of steady state on the device; latency is of a call "
        "from the host, dispatch included",
    ]
    if first.idle_w is not None:
        lines.append(
            f"idle {first.idle_w:.3g} W; reading the meter takes {_percent(first.measuring_share or 0.0)} of power"
        )
    for row in rows:
        gates = ", ".join(f"{gate} {value:.4g}" for gate, value in row.energy.gates.items())
        lines.append(f"batch {row.energy.batch_size}: {row.energy.input_shape}; gates: {gates}")
        if row.energy.rejected:
            thrown = ", ".join(f"{reason} ({count} ×)" for reason, count in row.energy.rejected.items())
            lines.append(f"batch {row.energy.batch_size}: windows rejected: {thrown}")
    if carbon:
        lines.append(
            f"carbon at {carbon.intensity_g_per_kwh:g} g/kWh ({carbon.source}), PUE {carbon.pue:g}"
            + ("" if carbon.wue_l_per_kwh is None else f", WUE {carbon.wue_l_per_kwh:g} l/kWh")
        )
    return lines + [f"note: {note}" for note in dict.fromkeys(n for row in rows for n in row.energy.notes)]
