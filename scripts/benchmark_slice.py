#!/usr/bin/env python
"""The figures of the main job: the first search on digits, the loop's own overhead, the time of `--help`.

    .venv/bin/python scripts/benchmark_slice.py [--out benchmarks/results]

Runs `ecojax search --dataset digits` twice in fresh processes, first with an empty compilation cache, then with the
one that the first left, and prints for each: seconds in all, the size of the frontier, the test accuracy of its most
accurate model, and the loop's overhead: the share of the search that was neither compiling (candidates or engine),
metering, training nor validating. About four minutes on two cores.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

BARS = {"seconds": 180.0, "frontier": 5, "test_accuracy": 0.97, "overhead": 0.02, "help_s": 0.3}
ACCOUNTED = ("compile_seconds", "metering_seconds", "train_seconds", "validation_seconds")


def search(folder: Path, cache: Path) -> dict[str, float]:
    """One default search on digits, in a process of its own."""
    environment = os.environ | {"ECOJAX_CACHE_DIR": str(cache)}
    command = [
        sys.executable,
        "-m",
        "ecojax",
        "search",
        "--dataset",
        "digits",
        "--quiet",
        "--out",
        str(folder),
    ]
    began = time.perf_counter()
    subprocess.run(command, check=True, env=environment)
    seconds = time.perf_counter() - began

    from ecojax import Study

    study = Study.open(folder)
    accounted = sum(trial.metrics.get(name, 0.0) for trial in study.trials for name in ACCOUNTED)
    accounted += study.progress["engine_compile_seconds"]
    spans = {name: sum(trial.metrics.get(name, 0.0) for trial in study.trials) for name in ACCOUNTED}
    return {
        "seconds": seconds,
        "trials": len(study.trials),
        "frontier": len(study.frontier()),
        "test_accuracy": study.best().metrics["test_accuracy"],
        "overhead": 1 - accounted / study.progress["search_seconds"],
        "hypervolume": study.hypervolume(),
        **spans,
    }


def help_seconds(runs: int = 15) -> float:
    """Median seconds of `ecojax --help`, as a whole process."""
    command = [str(Path(sys.executable).with_name("ecojax")), "--help"]
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for slice-<device>.json")
    arguments = parser.parse_args()

    import jax

    from ecojax.session.workplace import versions

    with tempfile.TemporaryDirectory() as scratch:
        cache = Path(scratch) / "cache"
        results = {
            "cold": search(Path(scratch) / "cold", cache),
            "warm": search(Path(scratch) / "warm", cache),
            "help_s": help_seconds(),
        }
    device = jax.devices()[0]
    record = {
        "date": datetime.now(UTC).date().isoformat(),
        "device": f"{device.platform}: {device.device_kind}",
        "cores": os.cpu_count(),
        "versions": versions(),
        "bars": BARS,
        **results,
    }
    print(f"ecojax --help: {results['help_s']:.3f} s (bar {BARS['help_s']} s)")
    for name in ("cold", "warm"):
        row = results[name]
        print(
            f"digits, {name} compilation cache: {row['seconds']:.0f} s (bar {BARS['seconds']:.0f} s), "
            f"{row['trials']} trials, frontier of {row['frontier']} (bar {BARS['frontier']}), most accurate on test "
            f"{row['test_accuracy']:.4f} (bar {BARS['test_accuracy']}), overhead {row['overhead']:.2%} "
            f"(bar {BARS['overhead']:.0%})"
        )
        total = row["seconds"]
        print(
            "   " + ", ".join(f"{key.removesuffix('_seconds')} {row[key] / total:.0%}" for key in ACCOUNTED)
        )
    if arguments.out:
        path = arguments.out / f"slice-{device.platform}.json"
        path.write_text(json.dumps(record, indent=2) + "\n")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
