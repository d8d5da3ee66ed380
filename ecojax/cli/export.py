"""`ecojax export`."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    study: Annotated[Path, typer.Argument(help="Folder of a study.")],
    to: Annotated[Path, typer.Option(help="Folder to write, new or empty.")],
    pick: Annotated[
        str,
        typer.Option(
            help="knee, best, cheapest, a trial's number, or bounds on its metrics: 'accuracy>=0.6', 'rmse<=55'."
        ),
    ] = "knee",
) -> None:
    """Write one model of STUDY to files: weights, configuration, model card and energy label.

    Bounds pick the cheapest model of the frontier that meets them. The trial that was chosen is printed with its
    figures; where it is known what chance gives, a model no better than that is the cheapest only if all are. Load
    the result in Python with `ecojax.load("model")`, a model of your own with `ecojax.load("model",
    model="mine.py:build")`.

    \b
    ecojax export runs/c10 --pick knee --to model
    ecojax export runs/c10 --pick "accuracy>=0.6" --to model
    ecojax export runs/diabetes --pick "rmse<=55" --to model
    """
    from ecojax import api
    from ecojax.export import require_vacant
    from ecojax.export.description import read_description
    from ecojax.frontier import Study
    from ecojax.frontier.pick import in_words

    require_vacant(to)  # before the work
    opened = Study.open(study)
    folder = api.export_model(opened, pick=pick, to=to)
    print(in_words(opened, pick, opened.pick(pick)))
    builder = read_description(folder).builder
    given = repr(str(folder)) + (f", model={builder!r}" if builder else "")
    print(f"wrote {folder}; load it with ecojax.load({given})", flush=True)
