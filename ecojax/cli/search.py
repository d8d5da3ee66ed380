"""`ecojax search`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ecojax.cli.settings import given_settings, takes_settings

Option = typer.Option


@takes_settings
def search(
    out: Annotated[
        Path | None,
        Option(help="Folder of the study, new or empty. [default: runs/DATASET-N]", show_default=False),
    ] = None,
    config: Annotated[
        Path | None, Option(help="TOML file of settings; options given here override it. See configs/.")
    ] = None,
    resume: Annotated[
        bool, Option("--resume", help="Go on with the study in --out after an interruption.")
    ] = False,
    migrate: Annotated[
        bool,
        Option("--migrate", help="With --resume: go on in a changed space, with the trials that lie in it."),
    ] = False,
    dry_run: Annotated[
        bool,
        Option("--dry-run", help="Show what would be searched, lower one candidate, and write nothing."),
    ] = False,
    quiet: Annotated[bool, Option("--quiet", "-q", help="No progress, no log, no table.")] = False,
    **settings: Any,
) -> None:
    """Train candidates on DATASET, measure what each inference costs, and keep every result.

    Each candidate is compiled, metered, trained and judged on the validation split; the next is proposed from what
    came of the others. The test set is read once, at the end, for the frontier's members. Nothing finished
    is ever lost: kill it, and --resume goes on.

    \b
    ecojax search --dataset digits
    ecojax search --dataset cifar10 --train-size 10000 --evaluations 24 --epochs 3 --out runs/c10
    ecojax search --resume --out runs/c10 --evaluations 48

    Ctrl-C finishes the trials that run; a second one stops at once, as SIGTERM does.

    Exit status: 0 with a frontier; 3 without one, since no trial succeeded or none met the constraints; 1 an error; 2 a
    command line that makes no sense; 130 interrupted.
    """
    from ecojax import api
    from ecojax.cli.console import so_far
    from ecojax.cli.interruption import Terminated, interruptible
    from ecojax.cli.progress import listening

    failure: Exception | None = None
    with listening(quiet=quiet) as listener, interruptible(listener) as stop:
        try:
            study = api.search(
                config=config,
                out=out,
                resume=resume,
                migrate=migrate,
                dry_run=dry_run,
                listener=listener,
                on_data=listener.data_progress,
                stop=stop,
                **given_settings(settings),
            )
            if stop():
                raise KeyboardInterrupt
        except KeyboardInterrupt as interruption:
            what, status = (
                ("terminated", 143) if isinstance(interruption, Terminated) else ("interrupted", 130)
            )
            listener.interrupted(what)
            raise typer.Exit(status) from None
        except Exception as error:  # what was found before it is shown first
            found = None if quiet else so_far(listener.folder)
            if found is None:
                raise
            study, failure = found, error
    if dry_run:
        return
    if not quiet:
        from ecojax.cli.console import print_account, print_frontier

        print_frontier(study)
        print(file=sys.stderr)
        print_account(study)
        print(f"ecojax frontier {study.path}   shows this again", file=sys.stderr)
    if failure is not None:
        raise failure
    study.require_frontier()
