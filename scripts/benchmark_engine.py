#!/usr/bin/env python
"""The engine's figures, each with its bar and its peers beside it.

    .venv/bin/python scripts/benchmark_engine.py [--quick] [--part wins] [--jobs 2] [--tables ../shared/data/tables]

Prints, and writes to benchmarks/results/engine-<device>.json:

    right   final hypervolume of NSGA-II on ZDT1, DTLZ2, WFG and constrained problems, and pymoo's
    fast    generations a second against pymoo's, ask and tell, compilation, an assisted proposal
    wins    hypervolume ratio to the true front at 50, 100, 200 and 500 evaluations, against Optuna's samplers and
            pymoo's MixedVariableGA, on tables of trained networks, EC-NAS cells with their joules, ZDT1-4, ZDT6 and
            DTLZ2; Wilcoxon's tests; and LCBench by PriMO's protocol, 20 trainings
    batch   the same of batches of 4 and 8 with pending trials
    noise   the front that is named when every trial is one random training

On two idle cores with --jobs 2: right 5 minutes, fast 4, wins 2 to 3 hours (of them Optuna's GPSampler, a second and
a half a trial, over one), batch and noise 30 minutes; --quick a few minutes.

Needs the extra `bench`. What is done is remembered in `--cache` and not done again until the code it ran changes, so
an interrupted benchmark is called again and goes on.
"""

import argparse
import json
import os
import platform
import re
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PARTS = ("right", "fast", "wins", "batch", "noise")
PACKAGES = ("ecojax", "jax", "jaxlib", "evosax", "numpy", "scipy", "optuna", "torch", "pymoo", "moocore")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--part", nargs="+", choices=[*PARTS, "all"], default=["all"], help="what to measure")
    add("--quick", action="store_true", help="few seeds, few trials, two problems, no slow peers: minutes")
    add("--seeds", type=int, help="seeds of ecojax's searches (15; quick 3)")
    add("--peer-seeds", type=int, help="seeds of the peers' searches (as --seeds)")
    add("--slow-peer-seeds", type=int, help="seeds of Optuna's GPSampler and AutoSampler (3; quick 0)")
    add("--slow-peer-seconds", type=float, default=300.0, help="after which a run of those ends where it is")
    add("--trials", type=int, help="evaluations of a search (500; quick 100)")
    add("--problems", nargs="+", help="only these")
    add("--methods", nargs="+", help="only these of ecojax's and the peers' methods")
    add("--judged", default="assisted", help="ecojax's method that the bars are about")
    add(
        "--replicate",
        type=int,
        default=5,
        help="under noise, every so many trials a member is evaluated again",
    )
    add("--jobs", type=int, default=1, help="processes, each of one thread where there are several")
    add("--budget-seconds", type=float, default=float("inf"), help="start no run after so many seconds")
    add(
        "--cache",
        type=Path,
        default=ROOT / "runs" / "benchmark_engine.jsonl",
        help="where runs are remembered",
    )
    add("--out", type=Path, help="folder of the record (benchmarks/results; quick: none)")
    add("--record", default="engine", help="its name, before the device; another keeps a partial run apart")
    tables = os.environ.get("ECOJAX_TABLES", ROOT.parent / "shared" / "data" / "tables")
    add("--tables", type=Path, default=Path(tables), help="folder of the tables, or $ECOJAX_TABLES")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    from benchmarks.engine import closed_forms, ours, parts, peers, problems
    from benchmarks.engine.ledger import CHECKPOINTS
    from benchmarks.engine.report import Bars
    from benchmarks.engine.tasks import Remembered, run_all

    quick = arguments.quick
    seeds = arguments.seeds or (3 if quick else 15)
    there = problems.there(arguments.tables)
    everything = [*there, *closed_forms.DIMENSIONS]
    methods = [*ours.METHODS, *(p for p in peers.PEERS if not quick or p not in peers.SLOW)]
    chosen = arguments.problems or ([*there[:1], "zdt1"] if quick else everything)
    for given, known in ((chosen, everything), (arguments.methods or [], methods)):
        if unknown := sorted(set(given) - set(known)):
            sys.exit(f"'{unknown[0]}' is unknown or not there; there are {', '.join(known)}")
    if arguments.trials is not None and arguments.trials < CHECKPOINTS[0]:
        sys.exit(f"--trials {arguments.trials} ends before the first figure; give {CHECKPOINTS[0]} or more")
    if len(there) < len(problems.FILES):
        print(f"only {len(there)} of {len(problems.FILES)} tables are in the folder given by --tables\n")
    plan = parts.Plan(
        tables=arguments.tables.resolve(),
        problems=tuple(chosen),
        methods=tuple(arguments.methods or methods),
        judged=arguments.judged,
        seeds=seeds,
        peer_seeds=seeds if arguments.peer_seeds is None else arguments.peer_seeds,
        slow_seeds=(0 if quick else 3) if arguments.slow_peer_seeds is None else arguments.slow_peer_seeds,
        slow_seconds=arguments.slow_peer_seconds,
        right_seeds=2 if quick else 11,
        trials=arguments.trials or (100 if quick else 500),
        replicate=arguments.replicate,
        populations=(100, 1000) if quick else (100, 1000, 10_000),
    )
    wanted = PARTS if "all" in arguments.part else [part for part in PARTS if part in arguments.part]
    until = time.monotonic() + arguments.budget_seconds
    remembered = Remembered(arguments.cache)
    record, bars = {}, {part: Bars() for part in wanted}
    if "fast" in wanted:  # first, while nothing else runs
        record["fast"] = parts.fast_report(plan, bars["fast"])
    needs = {
        "right": parts.right_tasks,
        "wins": parts.wins_tasks,
        "batch": parts.batch_tasks,
        "noise": parts.noise_tasks,
    }
    tasks = [task for part, tasks_of in needs.items() if part in wanted for task in tasks_of(plan)]
    unique = {json.dumps(task, sort_keys=True): task for task in tasks}
    left = run_all(unique.values(), remembered, jobs=arguments.jobs, until=until)
    if left:
        print(f"{len(left)} of {len(unique)} runs were left when the time was up; call again to go on\n")
    for part, report in (
        ("right", parts.right_report),
        ("wins", parts.wins_report),
        ("batch", parts.batch_report),
        ("noise", parts.noise_report),
    ):
        if part in wanted:
            record[part] = report(plan, remembered, bars[part])
    asked = [bar for part in wanted for bar in bars[part].bars]
    print(f"{sum(bar.met is True for bar in asked)} of {len(asked)} bars met", end="; ")
    print(f"{sum(bar.met is None for bar in asked)} not measured")
    for bar in asked:
        if bar.met is False:
            print(f"   missed: {bar.what}: {bar.value:g}, bar {bar.sense} {bar.bar:g} {bar.note}".rstrip())
    folder = arguments.out or (None if quick else ROOT / "benchmarks" / "results")
    if folder is not None:
        write(
            folder,
            arguments.record,
            plan,
            {part: {"bars": bars[part].records(), **record[part]} for part in wanted},
        )


def write(folder: Path, name: str, plan, record: dict) -> None:  # type: ignore[no-untyped-def]
    """One JSON a device; the parts that were not measured now stay as they were."""
    import jax

    from benchmarks.engine.ledger import GRID

    device = jax.devices()[0]
    stamp = {
        "date": datetime.now(UTC).date().isoformat(),
        "device": f"{device.platform}: {device.device_kind}",
        "cores": os.cpu_count(),
        "load": round(
            os.getloadavg()[1], 1
        ),  # of five minutes; above the cores, times are those of a busy machine
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "seeds": plan.seeds,
        "trials": plan.trials,
    }
    path = folder / f"{name}-{device.platform}.json"
    whole = json.loads(path.read_text()) if path.exists() else {}
    whole["curve_at"] = GRID
    whole |= {part: stamp | found for part, found in record.items()}
    text = json.dumps(whole, indent=1, ensure_ascii=False)
    # lists of numbers and the innermost tables on a line each
    for inner in (r"\[[^\[\]{}]*\]", r"\{[^{}]*\}"):
        text = re.sub(inner, lambda match: re.sub(r"\s*\n\s*", " ", match[0]), text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
    print(f"written to {path}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
