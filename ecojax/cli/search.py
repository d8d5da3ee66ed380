"""`ecojax search`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

Option = typer.Option


def search(
    dataset: Annotated[
        str | None, Option(help="digits (embedded), or any TFDS image-classification dataset, as in cifar10.")
    ] = None,
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
    evaluations: Annotated[int | None, Option(help="Configurations to evaluate, in all.")] = None,
    budget: Annotated[
        str | None, Option(help="Stop after so much time or energy, as in 2h, 30min, 50Wh, 500kJ.")
    ] = None,
    patience: Annotated[
        int | None, Option(help="Stop when so many trials have not enlarged the hypervolume.")
    ] = None,
    proposer: Annotated[
        str | None,
        Option(help="Who proposes after the first population: assisted, nsga2, local, sobol or random."),
    ] = None,
    enqueue: Annotated[
        Path | None, Option(help="TOML or JSON file of configurations to try first.", metavar="FILE")
    ] = None,
    start_from: Annotated[
        list[str] | None,
        Option("--from", help="Folder of a study whose frontier is tried first; repeat.", metavar="FOLDER"),
    ] = None,
    population: Annotated[int | None, Option(help="Parents that the search keeps.")] = None,
    replicate: Annotated[
        int | None,
        Option(
            help="Every so many trials, train a frontier member again from another seed; 0 never.",
            metavar="N",
        ),
    ] = None,
    epochs: Annotated[int | None, Option(help="Passes over the training images, per candidate.")] = None,
    no_early_stop: Annotated[
        bool, Option("--no-early-stop", help="Train every candidate to its last epoch, hopeless ones too.")
    ] = False,
    inherit: Annotated[
        bool, Option("--inherit", help="Begin training from the weights of the most similar trial.")
    ] = False,
    pack: Annotated[
        bool,
        Option("--pack", help="Train candidates of one shape together, where a probe finds that faster."),
    ] = False,
    lead: Annotated[
        int | None,
        Option(
            help="Candidates proposed before their turn, to compile while the device works. "
            "[default: 4 on an accelerator, 0 on a CPU]",
            metavar="N",
        ),
    ] = None,
    seed: Annotated[int | None, Option(help="Decides splits, proposals and trainings.")] = None,
    data_dir: Annotated[
        str | None,
        Option(help="Where prepared datasets lie. [default: $ECOJAX_DATA_DIR or ~/tensorflow_datasets]"),
    ] = None,
    train_size: Annotated[int | None, Option(help="Train on a stratified subset of so many images.")] = None,
    validation_size: Annotated[
        int | None, Option(help="Images to select on, taken from the training split.")
    ] = None,
    family: Annotated[
        list[str] | None,
        Option(help="Model family: convnet, mlp, linear, airbench or vit; repeat for several."),
    ] = None,
    objective: Annotated[
        list[str] | None,
        Option(help="What to optimise; repeat. [default: accuracy, energy_per_sample_j]", show_default=False),
    ] = None,
    constraint: Annotated[
        list[str] | None, Option(help="A bound such as 'flops<=6e7' or 'latency_ms<=2'; repeat.")
    ] = None,
    pin: Annotated[list[str] | None, Option(help="Hold a parameter, as in kernel=3; repeat.")] = None,
    meter: Annotated[
        str | None,
        Option(
            help="auto, nvml, amd, hwmon, rapl, tpu, external:FILE, or modeled (CPU time x watts); `ecojax devices` "
            "shows what there is here."
        ),
    ] = None,
    watts_per_core: Annotated[
        float | None,
        Option(help="For the modeled meter. [default: the processor's own, or 10]", show_default=False),
    ] = None,
    inference_batch: Annotated[
        int | None, Option(help="Batch size that energy and latency are stated at.")
    ] = None,
    energy_ci: Annotated[
        str | None, Option(help="95 % half width to measure energy to, as a share of it: 5% or 0.05.")
    ] = None,
    frontier_energy_ci: Annotated[
        str | None,
        Option(
            help="The same for the frontier's members, measured side by side in the end; 0 leaves that out."
        ),
    ] = None,
    precision: Annotated[
        str | None, Option(help="auto (bfloat16 on accelerators), float32 or bfloat16.")
    ] = None,
    device: Annotated[str | None, Option(help="auto, cpu, gpu or tpu.")] = None,
    workers: Annotated[
        int | None,
        Option(help="Processes that train. [default: one for each GPU, else one]", show_default=False),
    ] = None,
    executor: Annotated[
        str | None, Option(help="Where trials run: local, in processes here; ray; inline, in this process.")
    ] = None,
    ray_address: Annotated[
        str | None,
        Option(help="auto, HOST:PORT, or local for a Ray of its own. [default: auto]", show_default=False),
    ] = None,
    trial_timeout: Annotated[
        str | None, Option(help="Most that one trial may take: 90s, 10min, 2h.", metavar="TIME")
    ] = None,
    meter_device: Annotated[
        str | None,
        Option(help="Meter on this device of this host, train anywhere: cpu, gpu, gpu:1.", metavar="DEVICE"),
    ] = None,
    dry_run: Annotated[
        bool,
        Option("--dry-run", help="Show what would be searched, lower one candidate, and write nothing."),
    ] = False,
    quiet: Annotated[bool, Option("--quiet", "-q", help="No progress, no log, no table.")] = False,
) -> None:
    """Train candidates on DATASET, measure what each inference costs, and keep every result.

    Each candidate is compiled, metered, trained and judged on validation images; the next is proposed from what
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

    options: dict[str, Any] = {
        "dataset": dataset,
        "evaluations": evaluations,
        "budget": budget,
        "patience": patience,
        "proposer": proposer,
        "enqueue": enqueue,
        "start_from": start_from or None,
        "population": population,
        "replicate": replicate,
        "epochs": epochs,
        "early_stop": False if no_early_stop else None,
        "inherit": inherit or None,
        "pack": pack or None,
        "lead": lead,
        "seed": seed,
        "data_dir": data_dir,
        "train_size": train_size,
        "validation_size": validation_size,
        "families": family or None,
        "objectives": objective or None,
        "constraints": constraint or None,
        "pin": _pins(pin or []) or None,
        "watts_per_core": watts_per_core,
        "inference_batch": inference_batch,
        "energy_ci": energy_ci,
        "frontier_energy_ci": frontier_energy_ci,
        "precision": precision,
        "device": device,
        "workers": workers,
        "executor": executor,
        "ray_address": ray_address,
        "trial_timeout": trial_timeout,
        "meter_device": meter_device,
    }
    failure: Exception | None = None
    with listening(quiet=quiet) as listener, interruptible(listener) as stop:
        try:
            study = api.search(
                config=config,
                out=out,
                resume=resume,
                migrate=migrate,
                dry_run=dry_run,
                meter=meter,
                listener=listener,
                on_data=listener.data_progress,
                stop=stop,
                **options,
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


def _pins(texts: list[str]) -> dict[str, Any]:
    import tomllib

    from ecojax.errors import InputError

    pins: dict[str, Any] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not name or not value:
            raise InputError(f"--pin '{text}' is no value; write for instance kernel=3 or optimizer=sgd")
        try:
            pins[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            pins[name] = value  # a bare word
    return pins
