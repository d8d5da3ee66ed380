#!/usr/bin/env python
"""Whether a search keeps up with a hundred thousand trials: the table of what proposing, recording and opening cost.

    .venv/bin/python scripts/benchmark_scale.py [store] [--trials 100000] [--quick] [--out FOLDER]

store   a study of so many trials as real ones are (some 2.5 kB of JSON each): seconds to open it, and memory; trials
        that are started and ended in a second, with a commit each and 16 to a commit; milliseconds to note and propose
        a trial with 1,000, 10,000 and 100,000 in the archive, by proposer, and memory as it grows; with the
        model-assisted one, with 1,000 and 10,000.

Every measurement runs in a process of its own, so that memory is its own. Studies are made in a temporary folder, in
TMPDIR, and deleted: put that on the disk in question. About half an hour on two cores; `--quick` takes a twentieth of
the trials.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

BARS = {"open_s": 2.0, "trials_per_s": 200.0, "note_and_propose_ms": 3.0}
PROPOSERS = ("random", "sobol", "nsga2", "assisted")
PLACES = (1_000, 10_000, 50_000, 100_000)
WINDOW = 200  # trials that a time is the mean over
ASSISTED = 10  # times fewer trials: a proposal takes up to a tenth of a second
TOGETHER = 16
IMAGE_SHAPE = (32, 32, 3)


# What a search of 100,000 trials would hold


def space() -> Any:
    from ecojax.tasks.composition import compose_space, family_parameters
    from ecojax.train.recipe import recipe_parameters

    parameters = [
        *family_parameters(("convnet", "mlp"), IMAGE_SHAPE),
        *recipe_parameters(IMAGE_SHAPE, 50_000),
    ]
    return compose_space(parameters)


def objectives(genome: np.ndarray) -> list[float]:
    """Two that are at odds, in microseconds."""
    first, second = ((genome - 0.3) ** 2).sum(), ((genome[:8] - 0.7) ** 2).sum() + 0.1 * genome[9]
    return [-1.0 / (1.0 + float(first)), 1e-6 * (1.0 + float(second))]


def outcome(values: list[float], rng: np.random.Generator) -> dict[str, Mapping[str, Any]]:
    """Metrics, provenance and details as an evaluator records them."""
    a, b, c, d, *others = (1e-4 * rng.random(24)).tolist()
    metrics = {
        "parameters": 62_006.0,
        "flops": 1.4e6 + a,
        "energy_per_sample_j": values[1],
        "accuracy": -values[0],
    }
    metrics |= {"energy_per_sample_j_ci95": 0.01 * values[1], "latency_ms": 1e3 * a, "accuracy_se": b}
    metrics |= {"train_energy_j": 4e3 * c, "train_seconds": d, "validation_loss": 1.0 + a, "epochs": 3.0}
    metrics |= {
        "compile_seconds": a,
        "metering_seconds": b,
        "validation_seconds": c,
        "trial_seconds": a + b + c + d,
    }
    by = "modeled (CPU time × 10 W per core, this process, ±30 %)"
    provenance = dict.fromkeys(("energy_per_sample_j", "train_energy_j"), by)
    provenance |= {"accuracy": "measured (5000 validation images)", "latency_ms": "measured (wall clock)"}
    energy = {
        "per_sample_j": values[1], "ci95_j": a, "latency_s": b, "batch_size": 64, "windows": 3, "seconds": c,
        "spent_j": d, "window_j": others[:10], "window_s": others[10:20], "precision": "float32", "converged": True,
        "provenance": {"kind": "modeled", "by": "CPU time × 10 W per core", "scope": "this process"},
        "gates": {"checksum_error": a, "time_ratio": 1.0 + b}, "device": "a processor of many cores",
        "idle": {"power_w": 12.0 + a, "seconds": 1.0 + b, "samples": 31}, "accuracies": [[1, a], [3, b]],
    }  # fmt: skip
    return {"metrics": metrics, "provenance": provenance, "details": {"energy": energy}}


def rss_mb() -> float:
    """Memory that this process holds now."""
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # the most it ever held


# Each runs in a process of its own


def recording(folder: str, trials: int, at_once: int) -> dict[str, float]:
    """Starts and ends trials, so many to a commit. The first takes the configurations and the last is left running."""
    from contextlib import nullcontext

    from ecojax.study import Status, StudyStore

    rng, of = np.random.default_rng(0), space()
    configurations = [of.decode(rng.random(len(of))) for _ in range(256)]
    outcomes = [outcome(objectives(rng.random(len(of))), rng) for _ in range(256)]
    settings = {"objectives": ["accuracy", "energy_per_sample_j"], "dataset": "cifar10", "seed": 0}
    with StudyStore.create(folder, settings) as store:
        began = time.perf_counter()
        for first in range(0, trials, at_once):
            with store.together() if at_once > 1 else nullcontext():
                for id_ in range(first, min(first + at_once, trials)):
                    store.start(id_, configurations[id_ % 256], origin="variation", seed=id_)
                    if id_:
                        store.end(id_ - 1, Status.COMPLETE, **outcomes[id_ * 7 % 256])
        seconds = time.perf_counter() - began
    size = sum(path.stat().st_size for path in Path(folder).rglob("*"))
    return {"trials_per_s": trials / seconds, "bytes_per_trial": size / trials, "rss_mb": rss_mb()}


def opening(folder: str) -> dict[str, float]:
    import ecojax.search.loop  # noqa: F401  (its imports are no part of opening)
    from ecojax.frontier.study import Study
    from ecojax.study import Status, StudyStore

    before = rss_mb()
    began = time.perf_counter()
    study = Study.open(folder)
    opened = time.perf_counter()
    held = rss_mb() - before
    members = len(study.frontier())
    found = {"open_s": opened - began, "frontier_s": time.perf_counter() - opened, "open_mb": held}
    found |= {"members": members, "trials": len(study.trials), "with_frontier_mb": rss_mb() - before}
    with StudyStore.open(folder) as store:
        began = time.perf_counter()
        counts, last, running = store.counts(), store.last_id(), list(store.each(Status.RUNNING))
        found["count_ms"] = 1e3 * (time.perf_counter() - began)
        assert sum(counts.values()) == last + 1 == found["trials"]
        assert len(running) == 1
        began = time.perf_counter()
        assert sum(1 for _ in store.each()) == found["trials"]
        found["each_s"] = time.perf_counter() - began
    return found


def proposing(proposer: str, trials: int) -> dict[str, Any]:
    """A whole search, but that no trial costs anything, with its stop on stagnation and its record of rivals."""
    from ecojax.search.archive import Observation
    from ecojax.search.engine import Engine
    from ecojax.search.rivals import Standings
    from ecojax.search.stagnation import Stagnation, Watch
    from ecojax.study import Status, Trial

    of, rng = space(), np.random.default_rng(0)
    engine = Engine(of, objectives=2, population=24, seed=0, proposer=proposer)
    history, watch = engine.history(), Watch(Stagnation(1000, 24))
    standings = Standings(("accuracy", "energy_per_sample_j"), {})
    times = {"note_and_propose_ms": [0.0] * trials, "watch_and_rivals_ms": [0.0] * trials}
    places: dict[str, dict[str, float]] = {}
    for step in range(trials):
        began = time.perf_counter()
        proposal = engine.propose(step, history)
        assert proposal is not None
        history.add(step, Observation(proposal.configuration, None, pending=True))
        times["note_and_propose_ms"][step] = time.perf_counter() - began
        values = objectives(of.encode(proposal.configuration))
        ended = Observation(proposal.configuration, values)
        trial = Trial(step, Status.COMPLETE, proposal.configuration, "", 0, outcome(values, rng)["metrics"])
        began = time.perf_counter()
        history.add(step, ended)
        times["note_and_propose_ms"][step] += time.perf_counter() - began
        began = time.perf_counter()
        watch.add(ended)
        watch.reached()
        standings.add(trial)
        standings.rivals()
        times["watch_and_rivals_ms"][step] = time.perf_counter() - began
        if step + 1 in PLACES or step + 1 == trials:
            window = {
                name: 1e3 * float(np.mean(spent[step + 1 - WINDOW : step + 1]))
                for name, spent in times.items()
            }
            slowest = 1e3 * max(times["note_and_propose_ms"][step + 1 - WINDOW : step + 1])
            places[str(step + 1)] = {
                **window,
                "slowest_ms": slowest,
                "rows": len(history),
                "rss_mb": rss_mb(),
            }
    first, last = next(iter(places.values())), list(places.values())[-1]
    grown = trials - int(next(iter(places)))
    return {"at": places, "bytes_per_trial": 1e6 * (last["rss_mb"] - first["rss_mb"]) / max(grown, 1)}


MEASUREMENTS: dict[str, Callable[..., dict[str, Any]]] = {
    "recording": recording,
    "opening": opening,
    "proposing": proposing,
}


def apart(name: str, *arguments: Any) -> dict[str, Any]:
    """What a measurement finds in a process of its own."""
    command = [sys.executable, __file__, "--measurement", json.dumps([name, *arguments])]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(answer.stdout.splitlines()[-1]))


# The parts


def store(trials: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="ecojax-scale-") as folder:
        found: dict[str, Any] = {
            "recording_each": apart("recording", f"{folder}/each", trials // 10, 1),
            "recording_together": apart("recording", f"{folder}/together", trials, TOGETHER),
            "opening": apart("opening", f"{folder}/together"),
        }
    for proposer in PROPOSERS:
        most = trials // ASSISTED if proposer == "assisted" else trials
        found[f"proposing_{proposer}"] = apart("proposing", proposer, most)
    return found


def show_store(found: Mapping[str, Any]) -> None:
    for name, what in (
        ("recording_each", "a commit each"),
        ("recording_together", f"{TOGETHER} to a commit"),
    ):
        row = found[name]
        print(
            f"recording, {what}: {row['trials_per_s']:.0f} trials/s (bar {BARS['trials_per_s']:.0f}), "
            f"{row['bytes_per_trial']:.0f} B each on the disk, {row['rss_mb']:.0f} MB held"
        )
    row = found["opening"]
    print(
        f"opening {row['trials']:,} trials: {row['open_s']:.2f} s (bar {BARS['open_s']:g}), {row['open_mb']:.0f} MB; "
        f"their frontier: {row['frontier_s']:.2f} s more; counting them by status: {row['count_ms']:.1f} ms"
    )
    print(
        f"{'proposer':10}{'trials':>9}{'propose ms':>12}{'slowest ms':>12}{'stop, rivals ms':>17}{'rows':>7}{'MB':>7}"
    )
    for proposer in PROPOSERS:
        for place, row in found[f"proposing_{proposer}"]["at"].items():
            print(
                f"{proposer:10}{int(place):9,}{row['note_and_propose_ms']:12.2f}{row['slowest_ms']:12.2f}"
                f"{row['watch_and_rivals_ms']:17.3f}{row['rows']:7}{row['rss_mb']:7.0f}"
            )


PARTS: dict[str, tuple[Callable[[int], dict[str, Any]], Callable[[Mapping[str, Any]], None]]] = {
    "store": (store, show_store),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="by default all", metavar="PART")
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    parser.add_argument("--out", type=Path, help="folder for scale-<device>[-quick].json")
    parser.add_argument("--measurement", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measurement:
        name, *given = json.loads(arguments.measurement)
        print(json.dumps(MEASUREMENTS[name](*given)))
        return
    trials = arguments.trials // 20 if arguments.quick else arguments.trials
    found: dict[str, Any] = {}
    for part in arguments.parts or PARTS:
        measure, show = PARTS[part]
        found[part] = measure(trials)
        show(found[part])
    if arguments.out:
        import jax

        from ecojax.api import VERSIONS, _version

        device = jax.devices()[0]
        record = {
            "date": datetime.now(UTC).date().isoformat(),
            "device": f"{device.platform}: {device.device_kind}",
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "versions": {name: _version(name) for name in VERSIONS},
            "quick": arguments.quick,
            "trials": trials,
            "bars": BARS,
            **found,
        }
        path = arguments.out / f"scale-{device.platform}{'-quick' if arguments.quick else ''}.json"
        path.write_text(json.dumps(record, indent=2) + "\n")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
