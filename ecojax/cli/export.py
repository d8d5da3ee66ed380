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

    A condition picks the cheapest model of the frontier that meets it. The trial that was chosen is printed with its
    figures; while there are others, none that is no better than chance is the cheapest. Load the result in Python
    with `ecojax.load("model")`.

    \b
    ecojax export runs/c10 --pick knee --to model
    ecojax export runs/c10 --pick "accuracy>=0.6" --to model
    """
    from ecojax import api
    from ecojax.export import require_vacant
    from ecojax.frontier import Study
    from ecojax.frontier.pick import in_words

    require_vacant(to)  # before the work
    opened = Study.open(study)
    folder = api.export_model(opened, pick=pick, to=to)
    print(in_words(opened, pick, opened.pick(pick)))
    print(f"wrote {folder}; load it with ecojax.load({str(folder)!r})", flush=True)
