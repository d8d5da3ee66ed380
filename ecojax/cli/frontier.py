"""`ecojax frontier`."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def frontier(
    study: Annotated[Path, typer.Argument(help="Folder of a study, finished or not.")],
    format: Annotated[  # noqa: A002 - it is the option's name
        Format, typer.Option(help="table for people, json for scripts, csv for spreadsheets.")
    ] = Format.TABLE,
    plot: Annotated[Path | None, typer.Option(help="Also draw it, to a .png, .svg or .pdf file.")] = None,
) -> None:
    """Show the models of STUDY that no other beats: the Pareto frontier, best first.

    A model is on the frontier when no other is at least as good in every objective and better in one. Read it from the
    top: the first row is the best in the first objective, say accuracy or R², and each row down gives up some of it
    for less of a cost, say a cheaper inference. Energy says how it was obtained: `measured` by a counter in the device,
    or `modeled` from CPU time.

    Exits 3 where there is no frontier, and says why: which trials failed of what, or which bound kept them off it.

    \b
    ecojax frontier runs/c10
    ecojax frontier runs/wine --plot frontier.png
    ecojax frontier runs/c10 --format json | jq '.frontier[0].metrics'
    """
    from ecojax.cli.console import print_frontier
    from ecojax.frontier import Study
    from ecojax.frontier.table import to_csv, to_json

    if plot is not None:
        from ecojax.frontier.plot import require_drawable

        require_drawable(plot)  # before the work
    opened = Study.open(study)
    if format is Format.JSON:
        print(to_json(opened), flush=True)
    elif format is Format.CSV:
        print(to_csv(opened), end="", flush=True)
    else:
        print_frontier(opened)
    if not opened.frontier():
        if format is not Format.TABLE:
            print(f"ecojax: no frontier yet: {opened.why_no_frontier()}", file=sys.stderr)
        raise typer.Exit(3)
    if plot is not None:
        from ecojax.frontier.plot import plot as draw

        draw(opened, plot)
        print(f"plot written to {plot}", file=sys.stderr)
