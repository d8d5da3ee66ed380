"""What a study looks like on a terminal."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ecojax.frontier import Study


def so_far(folder: "Path | None") -> "Study | None":
    """What a search that failed has found; None where that is nothing to show."""
    from ecojax.errors import EcojaxError
    from ecojax.frontier import Study

    try:
        study = None if folder is None else Study.open(folder)
        return study if study is not None and study.frontier() else None
    except EcojaxError:  # the failure itself is what is to be told
        return None


def print_frontier(study: "Study") -> None:
    """The frontier as a table on standard output, as wide as the terminal or, in a pipe, as it needs."""
    from rich.console import Console

    from ecojax.frontier.table import render_table

    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(render_table(study, console.width))


def print_account(study: "Study") -> None:
    """Where the search's time went, in one line on standard error; nothing for a study that has no account yet."""
    from ecojax.frontier.quantities import duration
    from ecojax.session.account import in_words

    seconds = study.progress.get("account", {})
    if shares := in_words(seconds):
        print(f"{duration(sum(seconds.values()))}: {shares}", file=sys.stderr)
