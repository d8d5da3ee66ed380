#!/usr/bin/env python
"""Whether a search keeps up with many workers and a hundred thousand trials: tables of how busy workers are kept, and
of what proposing, recording and opening cost.

    .venv/bin/python scripts/benchmark_scale.py [local ray driver store] [--trials 100000] [--quick] [--out FOLDER]

local   evaluations that sleep, exponentially distributed with a mean of a second (coefficient of variation 1), on 1 to
        8 local workers: what share of their time workers are busy when whoever is free is given the next trial (the
        search's own loop, NSGA-II proposing), and when the same evaluations are handed out in generations of as many
        as there are workers. Counted while there is work for everyone, that is until the last trial begins; the share
        up to the last end stands beside it. The clock starts when all workers are up and what proposes is compiled.
        Beside them the model-assisted proposer, which takes up to a tenth of a second for every second proposal.
ray     the same on 1 to 32 workers of a Ray that runs on this host
driver  the search's own loop with workers whose trials end at once: trials a second and memory at 10,000, 50,000 and
        100,000 trials, by proposer, and opening what it leaves; trials a second of local workers who answer at once

store   a study of so many trials as real ones are (some 2.5 kB of JSON each): seconds to open it, and memory; trials
        that are started and ended in a second, with a commit each and 16 to a commit; milliseconds to note and propose
        a trial with 1,000, 10,000 and 100,000 in the archive, by proposer, and memory as it grows; with the
        model-assisted one, with 1,000 and 10,000.

Every measurement runs in a process of its own, so that memory is its own. Studies are made in a temporary folder, in
TMPDIR, and deleted: put that on the disk in question. On two cores `store` takes about half an hour, the others
together a quarter; with `--quick` `store` has a twentieth of the trials, and the others take one or two minutes.
What `--out` holds of parts that were not measured this time stays.
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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

BARS = {"open_s": 2.0, "trials_per_s": 200.0, "note_and_propose_ms": 3.0, "utilisation": 0.95}
PROPOSERS = ("random", "sobol", "nsga2", "assisted")
PLACES = (1_000, 10_000, 50_000, 100_000)
WINDOW = 200  # trials that a time is the mean over
ASSISTED = 10  # times fewer trials: a proposal takes up to a tenth of a second
TOGETHER = 16
WORKERS = {"local": (1, 2, 4, 8), "ray": (1, 2, 4, 8, 16, 32)}
EACH, GENERATIONS = 20, 10  # trials a worker
CPUS = 0.03  # that Ray sets aside for a worker who sleeps
OBJECTIVES = ("accuracy", "energy_per_sample_j")
POPULATION = 24
DRIVEN = ("nsga2", "random")
IMAGE_SHAPE = (32, 32, 3)


# What a search of 100,000 trials would hold


def space() -> Any:
    from ecojax.tasks.composition import compose_space, family_parameters
    from ecojax.train.images.recipe import recipe_parameters

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
    metrics |= {
        "train_energy_j": 4e3 * c,
        "train_seconds": d,
        "validation_loss": 1.0 + a,
        "trained_share": 1.0,
    }
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
        "per_sample_j": values[1], "per_sample_ci95_j": a, "latency_s": b, "batch_size": 64, "windows": 3, "seconds": c,
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
    import ecojax.session.loop  # noqa: F401  (its imports are no part of opening)
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
        assert len(running) == counts.get(Status.RUNNING, 0)
        began = time.perf_counter()
        assert sum(1 for _ in store.each()) == found["trials"]
        found["each_s"] = time.perf_counter() - began
    return found


def proposing(proposer: str, trials: int) -> dict[str, Any]:
    """A whole search, but that no trial costs anything, with its stop on stagnation and its record of rivals."""
    from ecojax.engine.archive import Observation
    from ecojax.engine.engine import Engine
    from ecojax.session.aim import Aim
    from ecojax.session.rivals import Standings
    from ecojax.session.stagnation import Stagnation, Watch
    from ecojax.study import Status, Trial

    of, rng = space(), np.random.default_rng(0)
    engine = Engine(of, objectives=2, population=POPULATION, seed=0, proposer=proposer)
    history, watch = engine.history(), Watch(Stagnation(1000, POPULATION))
    standings = Standings(Aim(OBJECTIVES))
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


def asynchronous(executor: Any, proposer: str, trials: int) -> tuple[list[tuple[float, float]], float]:
    """When each trial of a real search began and ended, and the seconds that compiling took beforehand."""
    from ecojax.budget import Budget
    from ecojax.engine.engine import Engine
    from ecojax.session.aim import Aim
    from ecojax.session.loop import Loop
    from ecojax.study import StudyStore

    compile_s = compiled(proposer, trials)
    engine = Engine(space(), objectives=2, population=POPULATION, seed=0, proposer=proposer)
    with (
        tempfile.TemporaryDirectory(prefix="ecojax-scale-") as folder,
        StudyStore.create(f"{folder}/study", {}) as store,
    ):
        Loop(store, engine, executor, Aim(OBJECTIVES), Budget(trials)).run()
        slept = [(trial.details["began_s"], trial.details["ended_s"]) for trial in store.each()]
    assert len(slept) == trials
    return slept, compile_s


def compiled(proposer: str, trials: int) -> float:
    """Has a proposal made at every size of archive that is compiled for, of which programs are kept; the seconds."""
    from ecojax.engine.archive import Observation
    from ecojax.engine.engine import Engine

    of, rng = space(), np.random.default_rng(1)
    engine = Engine(of, objectives=2, population=POPULATION, seed=1, proposer=proposer)
    history = engine.history()
    for step in range(trials):
        if step >= POPULATION and (step & (step - 1) == 0 or step == trials - 1):
            for turn in range(4):  # of the assisted proposer
                engine.propose(4 * step + turn, history)
        genome = rng.random(len(of))
        history.add(step, Observation(of.decode(genome), objectives(genome)))
    return engine.compile_seconds


def generational(executor: Any, trials: int) -> list[tuple[float, float]]:
    """When each of the same trials began and ended, if every generation is waited for; proposing costs nothing here."""
    from ecojax.execute.executor import Job
    from ecojax.session.loop import trial_seed
    from ecojax.trial.worker import Evaluate

    slept = []
    for first in range(0, trials, executor.workers):
        for id_ in range(first, min(first + executor.workers, trials)):
            executor.submit(Job(id_, Evaluate({}, trial_seed(0, id_))))
        while executor.running:
            slept += [ended.value.details for ended in executor.wait()]
    return [(details["began_s"], details["ended_s"]) for details in slept]


def workers_up(kind: str, workers: int, mean_s: float) -> Any:
    """An executor whose workers are all up."""
    from ecojax.execute.executor import Maker

    maker = Maker("benchmarks.scale.sleeper:Sleeper", {"mean_s": mean_s})
    if kind == "ray":
        from ecojax.execute.ray import RayExecutor

        executor: Any = RayExecutor(
            maker, address="local", workers=workers, gpus_per_worker=0.0, cpus_per_worker=CPUS
        )
    else:
        from ecojax.execute.local import LocalExecutor

        executor = LocalExecutor(maker, environments=[{}] * workers)
    executor.start()
    while executor.free < workers:
        time.sleep(0.05)
    return executor


def sleeping(kind: str, counts: list[int], mean_s: float, assisted: bool) -> dict[str, Any]:
    """A row for each of `counts` of workers; that of the last may tell of the model-assisted proposer, too."""
    from dataclasses import asdict

    from benchmarks.scale.utilisation import utilisation

    rows = []
    for workers in counts:
        began = time.perf_counter()
        executor = workers_up(kind, workers, mean_s)
        try:
            row: dict[str, Any] = {"workers": workers, "start_s": time.perf_counter() - began}
            for proposer in ("nsga2", "assisted") if assisted and workers == counts[-1] else ("nsga2",):
                slept, compile_s = asynchronous(executor, proposer, EACH * workers)
                row[proposer] = {**asdict(utilisation(slept, workers)), "compile_s": compile_s}
            slept = generational(executor, GENERATIONS * workers)
            row["generational"] = asdict(utilisation(slept, workers))
        finally:
            executor.close()
        rows.append(row)
    return {"rows": rows}


def driving(proposer: str, folder: str, trials: int, limit_s: float) -> dict[str, Any]:
    """The search's own loop with workers whose trials end at once."""
    from benchmarks.scale.instant import InstantExecutor
    from ecojax.budget import Budget
    from ecojax.engine.engine import Engine
    from ecojax.session.aim import Aim
    from ecojax.session.loop import Listener, Loop
    from ecojax.study import Status, StudyStore
    from ecojax.trial.outcome import Outcome

    of, rng = space(), np.random.default_rng(0)
    compile_s = compiled(proposer, min(trials, 4 * PLACES[0]))
    places: dict[str, dict[str, float]] = {}
    began = time.perf_counter()

    def evaluate(configuration: Mapping[str, Any], seed: int) -> Outcome:
        return Outcome(Status.COMPLETE, **outcome(objectives(of.encode(configuration)), rng))

    class Places(Listener):
        ended = 0
        since = (0, began)

        def trial_ended(self, trial: Any) -> None:
            self.ended += 1
            if self.ended in PLACES or self.ended == trials:
                self.note()

        def note(self) -> None:
            now, (before, then) = time.perf_counter(), self.since
            if self.ended > before:
                rate = (self.ended - before) / (now - then)
                places[str(self.ended)] = {"trials_per_s": rate, "rss_mb": rss_mb()}
                self.since = (self.ended, now)

    listener = Places()
    engine = Engine(of, objectives=2, population=POPULATION, seed=0, proposer=proposer)
    with StudyStore.create(
        folder, {"objectives": list(OBJECTIVES), "dataset": "cifar10", "seed": 0}
    ) as store:
        reason = Loop(
            store,
            engine,
            InstantExecutor(TOGETHER, evaluate),
            Aim(OBJECTIVES),
            Budget(trials),
            listener=listener,
            stop=lambda: time.perf_counter() - began > limit_s,
        ).run()
        seconds = time.perf_counter() - began
        listener.note()
    found = {"trials": listener.ended, "cut_off": reason is None, "trials_per_s": listener.ended / seconds}
    return {**found, "compile_s": compile_s, "at": places}


def answering(trials: int) -> dict[str, Any]:
    """Trials a second of the loop with local workers who do not sleep."""
    workers = WORKERS["local"][-1]
    executor = workers_up("local", workers, 0.0)
    try:
        slept, _ = asynchronous(executor, "nsga2", trials)
    finally:
        executor.close()
    seconds = max(end for _, end in slept) - min(begin for begin, _ in slept)
    return {"workers": workers, "trials": trials, "trials_per_s": trials / seconds}


def place() -> dict[str, Any]:
    """Where all of this runs. In a process of its own, as one that has JAX's threads should not fork."""
    import jax

    from ecojax.session.workplace import versions

    device = jax.devices()[0]
    return {
        "platform": device.platform,
        "device": f"{device.platform}: {device.device_kind}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions(),
    }


MEASUREMENTS: dict[str, Callable[..., dict[str, Any]]] = {
    "recording": recording,
    "opening": opening,
    "proposing": proposing,
    "sleeping": sleeping,
    "driving": driving,
    "answering": answering,
    "place": place,
}


def apart(name: str, *arguments: Any) -> dict[str, Any]:
    """What a measurement finds in a process of its own."""
    command = [sys.executable, __file__, "--measurement", json.dumps([name, *arguments])]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(answer.stdout.splitlines()[-1]))


# The parts


def busy(kind: str, arguments: argparse.Namespace) -> dict[str, Any]:
    counts = WORKERS[kind][1:2] if arguments.quick else WORKERS[kind]
    mean_s = arguments.mean_s / 10 if arguments.quick else arguments.mean_s
    found = {"mean_s": mean_s, "trials_a_worker": EACH, "generations": GENERATIONS}
    return {**found, **apart("sleeping", kind, counts, mean_s, not arguments.quick)}


def show_busy(kind: str, found: Mapping[str, Any]) -> None:
    print(
        f"{kind}: trials of {found['mean_s']:g} s, {found['trials_a_worker']} a worker, in "
        f"{found['generations']} generations; % busy, and up to the last end (bar {100 * BARS['utilisation']:.0f})"
    )
    print(f"{'workers':>7}{'asynchronous':>21}{'by model':>21}{'generational':>21}")
    for row in found["rows"]:
        print(f"{row['workers']:7}", end="")
        for column in ("nsga2", "assisted", "generational"):
            shares = (
                [f"{100 * row[column][share]:.1f}" for share in ("supplied", "whole")]
                if column in row
                else []
            )
            print(f"{f'{shares[0]} ({shares[1]})' if shares else '':>21}", end="")
        print()


def local(arguments: argparse.Namespace) -> dict[str, Any]:
    return busy("local", arguments)


def ray(arguments: argparse.Namespace) -> dict[str, Any]:
    return busy("ray", arguments)


def driver(arguments: argparse.Namespace) -> dict[str, Any]:
    trials = arguments.trials // 20 if arguments.quick else arguments.trials
    found: dict[str, Any] = {"answering": apart("answering", max(100, trials // 50))}
    with tempfile.TemporaryDirectory(prefix="ecojax-scale-") as folder:
        for proposer in DRIVEN:
            path = f"{folder}/{proposer}"
            found[proposer] = apart("driving", proposer, path, trials, arguments.limit_s)
            found[proposer]["opening"] = apart("opening", path)
    return found


def show_driver(found: Mapping[str, Any]) -> None:
    bar = f"(bar {BARS['trials_per_s']:.0f})"
    row = found["answering"]
    print(f"{row['workers']} local workers who answer at once: {row['trials_per_s']:.0f} trials/s {bar}")
    for proposer in DRIVEN:
        row = found[proposer]
        cut_off = ", where the time was up" if row["cut_off"] else ""
        print(f"driver, {proposer}: {row['trials_per_s']:.0f} trials/s {bar} over {row['trials']:,}{cut_off}")
        for place, then in row["at"].items():
            print(f"{int(place):9,}: {then['trials_per_s']:6.0f} trials/s since, {then['rss_mb']:6.0f} MB")
        print(f"  opening: {row['opening']['open_s']:.2f} s (bar {BARS['open_s']:g})")


def store(arguments: argparse.Namespace) -> dict[str, Any]:
    trials = arguments.trials
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


PARTS: dict[
    str, tuple[Callable[[argparse.Namespace], dict[str, Any]], Callable[[Mapping[str, Any]], None]]
] = {
    "local": (local, partial(show_busy, "local")),
    "ray": (ray, partial(show_busy, "ray")),
    "driver": (driver, show_driver),
    "store": (store, show_store),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="by default all", metavar="PART")
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--mean-s", type=float, default=1.0, help="of sleeping trials; a tenth if --quick")
    parser.add_argument("--limit-s", type=float, default=900.0, help="after which a driver's run is cut off")
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    parser.add_argument("--out", type=Path, help="folder for scale-<device>[-quick].json")
    parser.add_argument("--measurement", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measurement:
        name, *given = json.loads(arguments.measurement)
        print(json.dumps(MEASUREMENTS[name](*given)))
        return
    if arguments.quick:
        arguments.trials //= 20
    found: dict[str, Any] = {}
    for part in arguments.parts or PARTS:
        measure, show = PARTS[part]
        about = {"date": datetime.now(UTC).date().isoformat(), "load_before": os.getloadavg()[0]}
        measured = measure(arguments)
        found[part] = {**about, "load_after": os.getloadavg()[0], **measured}
        show(found[part])
        if arguments.out:
            write(arguments.out, found, arguments.quick)


def write(folder: Path, found: Mapping[str, Any], quick: bool) -> None:
    place = apart("place")
    path = folder / f"scale-{place.pop('platform')}{'-quick' if quick else ''}.json"
    earlier = json.loads(path.read_text()) if path.exists() else {}
    record = {
        "date": datetime.now(UTC).date().isoformat(),
        **place,
        "quick": quick,
        "bars": BARS,
        **{part: earlier[part] for part in PARTS if part in earlier},
        **found,
    }
    path.write_text(json.dumps(record, indent=2) + "\n")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
