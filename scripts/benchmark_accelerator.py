#!/usr/bin/env python
"""What a search achieves on an accelerator, in parts of under eight minutes each.

    .venv/bin/python scripts/benchmark_accelerator.py --part board              the first run on a new board
    .venv/bin/python scripts/benchmark_accelerator.py --part ecopt --data-dir DIR
    .venv/bin/python scripts/benchmark_accelerator.py --peak-tflops 989         every part that is not there yet

board     `ecojax devices`; a search of six on digits; the meter's tick and the cost of reading it; an epoch with and
          without each launch option; compile seconds of each program; 1, 2 and 4 processes side by side
ecopt     200 candidates of configs/ecopt_cifar10.toml: minutes (ECOpt: 61 on an A100 80 GB, as published), the share
          of them in which the device was busy: training and metering over wall, by the account of the search. Stops
          after seven minutes; the next call goes on with it.
airbench  configs/airbench94.toml on the JPEG copy of CIFAR-10, 50,000 images: seconds and joules of training, and the
          accuracy on validation and test images; of 5 seeds. Published: 94.0 % in 2.6 s with Muon on an A100.
epoch     model-FLOP utilisation of one epoch of that network: three times the FLOPs of one view of an image, over the
          time and the device's peak (--peak-tflops; dense bfloat16, from the maker's sheet)

Each result is in benchmarks/results/accelerator-<board>.json as soon as it is measured; what is there for this board
and these versions is skipped, unless --again. Packing is scripts/benchmark_packing.py's. --quick takes tiny versions on
digits, also on a CPU, in about a minute; without it a CPU is refused.
"""

import argparse
import shutil
import statistics
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.accelerator import board  # noqa: E402
from benchmarks.kept import Kept  # noqa: E402

PARTS = ("board", "ecopt", "airbench", "epoch")
BARS = {"ecopt_minutes": 6.0, "busy": 0.8, "accuracy": 0.93}
ASK = """import jax, json
device = jax.devices()[0]
print(json.dumps({"platform": device.platform, "kind": device.device_kind}))"""
SECONDS = 420.0  # of one call's work on a part
QUICK: dict[str, Any] = {"train_size": 300, "energy_ci": 0.5, "frontier_energy_ci": 0.0}


def busy(account: dict[str, float]) -> float:
    """The share of a search's time in which its device trained or was metered, by the account of its wall time."""
    working = ("training", "metering", "measuring the frontier")
    return sum(account.get(part, 0.0) for part in working) / sum(account.values())


def ecopt(kept: Kept, work: Path, options: dict[str, Any], *, quick: bool) -> None:
    """Searches for SECONDS at most and goes on in the next call."""
    import ecojax

    folder, ends = work / "ecopt", time.perf_counter() + SECONDS
    if (folder / "study.db").exists():
        options = {"resume": True}
    elif quick:
        options = {
            "dataset": "digits",
            "families": ["mlp"],
            "evaluations": 2,
            "population": 2,
            "epochs": 1,
            **QUICK,
        }
    else:
        options = {"config": ROOT / "configs" / "ecopt_cifar10.toml", **options}
    study = ecojax.search(out=folder, stop=lambda: time.perf_counter() > ends, **options)
    account = study.progress["account"]
    ended = sum(count for status, count in study.counts().items() if str(status) != "running")
    kept.save(
        "ecopt",
        {
            "trials": {str(status): count for status, count in study.counts().items() if count},
            "minutes": sum(account.values()) / 60,
            "busy": busy(account),
            "account_seconds": account,
            "energy_provenance": study.facts.energy_provenance,
            "frontier": [
                {
                    name: trial.metrics.get(name)
                    for name in ("accuracy", "test_accuracy", "energy_per_sample_j")
                }
                for trial in study.frontier()
            ],
            "bars": BARS,
        },
        finished=ended >= study.settings["evaluations"]
        and all("test_accuracy" in trial.metrics for trial in study.frontier()),
    )


def airbench(kept: Kept, work: Path, options: dict[str, Any], *, quick: bool) -> None:
    """One evaluation a seed, each saved; the first compiles. Begins no seed after SECONDS."""
    import ecojax

    if quick:
        small = {"first_width": 16, "second_width": 16, "third_width": 16}
        options = {
            "dataset": "digits",
            "families": ["airbench"],
            "evaluations": 1,
            "population": 2,
            "epochs": 1,
        }
        options |= {"pin": small, **QUICK}
    else:
        options = {"config": ROOT / "configs" / "airbench94.toml", **options}
    rows = dict((kept.result("airbench") or {}).get("seeds", {}))
    seeds, ends = range(1 if quick else 5), time.perf_counter() + SECONDS
    for seed in seeds:
        if str(seed) in rows or time.perf_counter() > ends:
            continue
        folder = work / f"airbench-{seed}"
        again = {"resume": True} if (folder / "study.db").exists() else {"seed": seed, **options}
        study = ecojax.search(out=folder, **again)
        (trial,) = study.trials
        if not trial.complete:
            raise SystemExit(f"the network was not trained ({trial.status}): {trial.error}")
        names = ("accuracy", "test_accuracy", "train_seconds", "train_energy_j", "energy_per_sample_j")
        rows[str(seed)] = {name: trial.metrics.get(name) for name in names}
        rows[str(seed)]["epochs"] = study.settings["epochs"] * trial.metrics["trained_share"]
        result = {"seeds": rows, "train_images": study.facts.record()["splits"]["train"]["size"]}
        result["energy_provenance"] = study.facts.energy_provenance
        kept.save("airbench", result, finished=len(rows) == len(seeds))


def show(kept: Kept, part: str) -> None:
    row = kept.result(part)
    if part == "ecopt":
        print(
            f"ecopt: {row['trials']} in {row['minutes']:.1f} minutes (bar {BARS['ecopt_minutes']:g}), the device busy "
            f"{row['busy']:.0%} of them (bar {BARS['busy']:.0%})"
        )
    elif part == "airbench":
        for name in ("accuracy", "test_accuracy", "train_seconds", "train_energy_j"):
            values = [one[name] for one in row["seeds"].values()]
            print(
                f"airbench94: {name} {statistics.fmean(values):.4g} ({min(values):.4g} to {max(values):.4g})"
            )
    elif part == "epoch" and "error" not in row:
        of_peak = f", {row['utilisation']:.1%} of the peak" if row.get("utilisation") else ""
        print(f"epoch: {row['model_flop_per_s'] / 1e12:.3g} TFLOP/s of the model{of_peak}")
    else:
        print(f"{part}: {row}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", action="append", choices=PARTS, help="repeat for several; by default all")
    parser.add_argument("--again", action="store_true", help="measure what is there already, too")
    parser.add_argument("--peak-tflops", type=float, help="of the device, dense, in the precision trained in")
    parser.add_argument("--data-dir", type=Path, help="where prepared CIFAR-10 lies")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks" / "results", help="folder of the results"
    )
    parser.add_argument("--work", type=Path, help="folder of the studies [default: runs/accelerator-BOARD]")
    parser.add_argument("--quick", action="store_true", help="a smoke run, also on a CPU")
    arguments = parser.parse_args()

    from ecojax.execute.places import places
    from ecojax.session.workplace import versions

    on_cpu = places("auto", None)[0].get("JAX_PLATFORMS") == "cpu"
    if on_cpu and not arguments.quick:
        raise SystemExit(
            "there is no accelerator here that JAX can use; --quick makes a smoke run on the CPU"
        )
    # a process of its own asks: this one must not hold the board's memory while others are measured
    device = board.answer(board.child("-c", ASK))
    if "error" in device:
        raise SystemExit(f"JAX does not start here: {device['error']}")
    platform, size = device["platform"], "quick" if arguments.quick else "full"
    precision = "float32" if platform == "cpu" else "bfloat16"
    kept = Kept(arguments.out, "accelerator", device["kind"], versions(), quick=arguments.quick)
    # a study goes on only under the versions that it was begun with
    edition = zlib.crc32(repr(sorted(kept.versions.items())).encode())
    work = (arguments.work or ROOT / "runs" / kept.path.stem) / f"{edition:08x}"
    options = {} if arguments.data_dir is None else {"data_dir": str(arguments.data_dir)}

    todo: list[tuple[str, Callable[[], None]]] = []

    def small(part: str, measure: Callable[[str, str, str], dict[str, Any]]) -> Callable[[], None]:
        def run() -> None:
            result = measure(platform, size, precision)
            kept.save(part, result, finished="error" not in result)

        return run

    def one_epoch(platform: str, size: str, precision: str) -> dict[str, Any]:
        found = board.answer(
            board.child("-m", "benchmarks.accelerator.epoch", "--size", size, "--precision", precision)
        )
        if arguments.peak_tflops and "error" not in found:
            found["peak_tflops"] = arguments.peak_tflops
            found["utilisation"] = found["model_flop_per_s"] / (1e12 * arguments.peak_tflops)
        return found

    for part in arguments.part or PARTS:
        if part == "board":
            todo += [(name, small(name, measure)) for name, measure in board.MEASURED.items()]
        elif part == "epoch":
            todo.append((part, small(part, one_epoch)))
        else:
            measure = {"ecopt": ecopt, "airbench": airbench}[part]
            todo.append((part, lambda measure=measure: measure(kept, work, options, quick=arguments.quick)))
    for name, measure in todo:
        if kept.done(name) and not arguments.again:
            print(f"{name}: is in {kept.path}; --again measures it once more")
            continue
        if arguments.again:
            for folder in work.glob(f"{name}*"):
                shutil.rmtree(folder)
        began = time.perf_counter()
        measure()
        show(kept, name)
        print(f"   {time.perf_counter() - began:.0f} s; written to {kept.path}", flush=True)


if __name__ == "__main__":
    main()
