"""The command line: one file a command. Parse, call one function, render.

`ecojax --help` must answer at once, so nothing here imports JAX, numpy or rich before a command needs it.
"""

import os
import sys

import typer

from ecojax.cli.devices import devices
from ecojax.cli.export import export
from ecojax.cli.frontier import frontier
from ecojax.cli.measure import measure
from ecojax.cli.search import search
from ecojax.cli.settings import GroupedCommand
from ecojax.cli.streams import prepare
from ecojax.wording import on_the_command_line

LONGEST = 2000  # characters of a complaint

app = typer.Typer(
    name="ecojax",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command(cls=GroupedCommand)(search)
app.command()(frontier)
app.command()(export)
app.command()(measure)
app.command()(devices)


@app.callback(invoke_without_command=True)
def ecojax(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    debug: bool = typer.Option(
        False, "--debug", help="Show the traceback of an error. Works anywhere on the line."
    ),
) -> None:
    """Find neural networks that are accurate and cheap to run.

    \b
    ecojax search --dataset digits --out runs/digits   trains candidates, measures their energy
    ecojax frontier runs/digits                        shows those that nothing else beats
    ecojax export runs/digits --pick knee --to model   writes one of them to files
    ecojax measure model                               joules, latency and throughput of it
    ecojax devices                                     what can be metered here, by what, how well

    Exit status: 0 done; 1 an error, which one sentence says; 2 the command line makes no sense; 3 the study has no
    frontier, since no trial succeeded or none met the constraints; 130 interrupted; 143 terminated; 141 the
    reader of a pipe left.
    """
    if version:
        from ecojax.version import __version__

        print(f"ecojax {__version__}", flush=True)
        raise typer.Exit
    if {"-h", "--help"} & set(sys.argv):
        return
    from ecojax.install import complaints

    for complaint in complaints():
        print(f"warning: {complaint}", file=sys.stderr)


def main() -> None:
    """Runs the command line; every failure is one sentence on standard error and a non-zero status."""
    prepare()
    with on_the_command_line():
        sys.exit(_run())


def _run() -> int:
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        status = typer.main.get_command(app).main(arguments, prog_name="ecojax", standalone_mode=False)
    except KeyboardInterrupt:
        status = _complain("interrupted", 130)
    except BrokenPipeError:
        status = _end_of_pipe()
    except SystemExit as leaving:  # typer has a status of its own for a closed pipe
        if not isinstance(leaving.__context__, BrokenPipeError):
            raise
        status = _end_of_pipe()
    except Exception as error:
        if debug:
            raise
        status = _complain(*_sentence(error))
    return status if isinstance(status, int) else 0


def _end_of_pipe() -> int:
    """The reader of a pipe has seen enough: what is still to be written goes nowhere."""
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    return 141


def _sentence(error: Exception) -> tuple[str, int]:
    from ecojax.errors import EcojaxError, FruitlessError

    if isinstance(error, FruitlessError):
        return str(error), 3
    if isinstance(error, EcojaxError):
        return str(error), 1
    if hasattr(error, "format_message"):  # the parser's own complaints about options
        return f"{error.format_message()} (see --help)", 2
    if isinstance(error, typer.Abort):
        return "aborted", 1
    if isinstance(error, ModuleNotFoundError):
        from ecojax.install import missing

        if told := missing(error):
            return told, 1
    if isinstance(error, OSError) and error.filename is None:  # standard output, on a full disk
        return f"cannot write: {error.strerror}; make room, or write elsewhere", 1
    if isinstance(error, ValueError):
        from ecojax.jax_settings import complaint

        if said := complaint(error):
            return said, 1
    message = " ".join(str(error).split())
    return f"internal error, {type(error).__name__}: {message}; run again with --debug for the traceback", 1


def _complain(message: str, status: int) -> int:
    if len(message) > LONGEST:
        message = message[:LONGEST] + "…"
    # whose names or values it quotes may be a stranger's, who must not drive the terminal
    printable = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    print(f"ecojax: {''.join(printable)}", file=sys.stderr)
    return status
