"""`ecojax export`."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    study: Annotated[Path, typer.Argument(help="Folder of a study.")],
    to: Annotated[Path, typer.Option(help="Folder to write, new or empty.")],
    pick: Annotated[
        str,
        typer.Option(help="knee, best, cheapest, a trial's number, or a condition such as 'accuracy>=0.6'."),
    ] = "knee",
) -> None:
    """Write one model of STUDY to files: weights, configuration, model card and energy label.

    A condition picks the cheapest model of the frontier that meets it. Load the result in Python with
    `ecojax.load("model")`.

    \b
    ecojax export runs/c10 --pick knee --to model
    ecojax export runs/c10 --pick "accuracy>=0.6" --to model
    """
    from ecojax import api

    folder = api.export_model(study, pick=pick, to=to)
    typer.echo(f"wrote {folder}; load it with ecojax.load({str(folder)!r})")
