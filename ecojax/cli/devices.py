"""`ecojax devices`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ecojax.energy.meters.probe import Finding


def devices(
    json: Annotated[bool, typer.Option("--json", help="The same as JSON, for scripts.")] = False,
) -> None:
    """Show what can be metered on this host, by what and how well, and what to do to get better.

    First JAX's devices, each with the meter that --meter auto would take for it; then every meter there is, the
    best first. Error is what repeating does not average out; tick is the time between two updates of a counter.

    \b
    ecojax devices
    ecojax devices --json | jq '.meters[] | select(.available) | .name'
    """
    from ecojax.energy.meters.probe import probe
    from ecojax.jax_devices import cpu_device, failed_accelerator, local_devices

    local, cpu = local_devices(), cpu_device()
    if local[0].platform == "cpu" and (failed := failed_accelerator()):
        typer.echo(f"ecojax: JAX falls back to the CPU: {failed}", err=True)
    if cpu is not None and local[0].platform != "cpu":
        local = [*local, cpu]
    chosen = [_described(device) for device in local]
    found = probe(local)
    if json:
        import json as text

        record = {"devices": chosen, "meters": [_record(finding) for finding in found]}
        print(text.dumps(record, indent=2), flush=True)
    else:
        _print(chosen, found)


def _described(device: Any) -> dict[str, Any]:
    from ecojax.energy.meters.choose import open_meter
    from ecojax.energy.meters.cpu_watts import cpu_model
    from ecojax.errors import EcojaxError

    kind = cpu_model() if device.platform == "cpu" else device.device_kind
    try:
        with open_meter("auto", device=device) as meter:
            auto, error = meter.provenance, None
    except EcojaxError as refusal:
        auto, error = None, str(refusal)
    return {
        "id": device.id,
        "platform": device.platform,
        "kind": kind,
        "auto": None if auto is None else auto.to_dict() | {"text": str(auto)},
        "error": error,
    }


def _record(finding: "Finding") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(finding) | {"rank": int(finding.rank), "label": finding.rank.label}


def _print(chosen: list[dict[str, Any]], found: "list[Finding]") -> None:
    import sys

    from rich.console import Console

    # Texts are messages with brackets of their own (".[cuda]"), and long paths that must stay whole.
    console = Console(width=None if sys.stdout.isatty() else 120, markup=False, highlight=False)
    rows: list[tuple[str, ...]] = [
        (
            f"{device['platform']}:{device['id']}",
            device["kind"],
            device["auto"]["text"] if device["auto"] else f"nothing: {device['error']}",
        )
        for device in chosen
    ]
    console.print(_table("JAX computes on", ("device", "", "metered by --meter auto"), rows))
    rows = [
        (
            finding.name,
            f"{finding.rank:d} {finding.rank.label}",
            finding.scope,
            "unknown" if finding.systematic_percent is None else f"±{finding.systematic_percent:g} %",
            f"{1000 * finding.tick_s:.3g} ms" if finding.tick_s else "none",
            finding.reason,
        )
        for finding in found
        if finding.available
    ]
    console.print(_table("Meters here", ("--meter", "rank", "counts", "error", "tick", "how"), rows))
    rows = [
        (finding.name, f"{finding.rank:d} {finding.rank.label}", finding.reason, finding.remedy)
        for finding in found
        if not finding.available
    ]
    console.print(_table("Not here", ("--meter", "rank", "why not", "to have it"), rows))


def _table(title: str, columns: tuple[str, ...], rows: "Sequence[tuple[str, ...]]") -> "Table":
    from rich.table import Table

    table = Table(title=f"\n{title}", title_justify="left", box=None)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
