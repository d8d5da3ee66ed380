"""`ecojax measure`."""

import math
from typing import Annotated

import typer

from ecojax.errors import InputError

Option = typer.Option


def measure(
    target: Annotated[
        str, typer.Argument(help="module.py:function, or the folder of an exported model.", metavar="TARGET")
    ],
    batch: Annotated[
        str | None,
        Option(help="Batch sizes, as in 1,64,1024. [default: the target's own]", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        Option(
            help="For an exported model of your own: the function that builds it, as in mine.py:build. The file is "
            "executed.",
            metavar="PLACE",
        ),
    ] = None,
    seconds: Annotated[float, Option(help="Measure each batch size for so long at most.")] = 30.0,
    energy_ci: Annotated[str, Option(help="95 % half width to reach, as a share: 2% or 0.02.")] = "2%",
    meter: Annotated[str, Option(help="auto, or a meter by name; see `ecojax devices`.")] = "auto",
    watts_per_core: Annotated[float | None, Option(help="For the modeled meter.")] = None,
    ram_watts_per_gib: Annotated[
        float | None,
        Option(help="Also state memory, modeled, in a column of its own: 0.375 is 3 W for 8 GiB."),
    ] = None,
    grid: Annotated[
        str | None, Option(help="Also state carbon, by a country's grid: DE, FR, US, ..., WORLD.")
    ] = None,
    grid_intensity: Annotated[
        float | None, Option(help="Also state carbon, at so many grams of CO2e per kWh.")
    ] = None,
    pue: Annotated[float, Option(help="Power usage effectiveness of the building, for carbon.")] = 1.0,
    wue: Annotated[float | None, Option(help="Also state water, at so many litres per kWh.")] = None,
    json: Annotated[bool, Option("--json", help="Print JSON in place of a table.")] = False,
) -> None:
    """Measure a JAX function or an exported model: joules, latency, throughput, with confidence intervals.

    The example inputs of a function stand in its file: a tuple `example_inputs` of its arguments, or a function
    `example_inputs(batch_size)` that returns one. The last argument is varied from call to call. A function that
    takes no argument may instead return the pair (function, arguments). The file is executed.

    \b
    ecojax measure model.py:predict --batch 1,64,1024
    ecojax measure model/ --seconds 60 --json
    ecojax measure model/ --model mine.py:build
    ecojax measure model/ --grid DE --pue 1.2
    """
    batches, share = _batches(batch), _share(energy_ci)
    if not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"--seconds {seconds:g} must be a positive number")
    if ram_watts_per_gib is not None and not (math.isfinite(ram_watts_per_gib) and ram_watts_per_gib > 0):
        raise InputError(f"--ram-watts-per-gib {ram_watts_per_gib:g} must be a positive number")

    from ecojax.energy.carbon import carbon

    factors = None
    if grid is not None or grid_intensity is not None:
        factors = carbon(grid, intensity_g_per_kwh=grid_intensity, pue=pue, wue_l_per_kwh=wue)
    elif wue is not None or pue != 1.0:
        raise InputError("--pue and --wue go with carbon; add --grid DE or --grid-intensity 381")

    from ecojax.energy import open_meter
    from ecojax.measurement import measure_target, resolve
    from ecojax.measurement.table import render, to_record

    resolved = resolve(target, model)
    with open_meter(meter, watts_per_core=watts_per_core) as opened:
        rows = list(
            measure_target(
                resolved,
                meter=opened,
                batches=batches,
                seconds=seconds,
                confidence_target=share,
                ram_w_per_gib=ram_watts_per_gib,
            )
        )
    if json:
        import json as writer

        print(writer.dumps(to_record(resolved.name, rows, factors), indent=2, allow_nan=False), flush=True)
        return
    import sys

    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    console.print(render(resolved.name, rows, factors), soft_wrap=False)


def _batches(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise InputError(f"--batch '{text}' should be whole numbers of at least 1, as in 1,64,1024")
    return sizes


def _share(text: str) -> float:
    from ecojax.settings import share

    found = share(text)
    if not (isinstance(found, float) and 0 < found < 1):
        raise InputError(f"--energy-ci '{text}' should be a share between 0 and 1, as in 2% or 0.02")
    return found
