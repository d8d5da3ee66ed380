#!/usr/bin/env python
"""Kills a real search on digits at random instants, and looks whether anything was lost.

    .venv/bin/python scripts/kill_anywhere.py [--kills 200] [--seed 0] [--out FOLDER]

One search after the other is started, killed with SIGKILL at instants drawn over the length of an unbroken run, and
gone on with until it is through; what is killed is drawn, too: the driver, its worker, or the whole process group.
After every kill the study must open and hold every trial that had ended, once and as it was, with whole weights; no
process may be left. In the end the trials must equal those of the unbroken run of the same seed. The objectives are
accuracy and flops, which repeat exactly. Prints a table; with --out writes kills-cpu.json there. About 8 seconds a
kill.
"""

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

OPTIONS = [
    "--dataset",
    "digits",
    "--family",
    "mlp",
    "--train-size",
    "300",
    "--epochs",
    "2",
    "--energy-ci",
    "0.5",
]
OPTIONS += ["--objective", "accuracy", "--objective", "flops", "--population", "3", "--evaluations", "8"]
OPTIONS += ["--seed", "3", "--device", "cpu"]
TARGETS = ("driver", "worker", "group")
GONE_S = 20.0


def start(folder: Path, *more: str) -> subprocess.Popen[bytes]:
    """The search, begun or gone on with, in a process group of its own."""
    options = ["--resume"] if (folder / "study.db").exists() else OPTIONS
    command = [sys.executable, "-m", "ecojax", "search", *options, *more, "--out", str(folder)]
    with folder.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=log)


def members(group: int) -> Iterator[int]:
    """The processes of a group that have not ended."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] != "Z":
                yield int(entry.name)


def finished(folder: Path) -> dict[int, tuple[Any, ...]]:
    """The trials that have ended, by id, after checking that the study is whole."""
    from ecojax import Study
    from ecojax.study import Status, StudyStore

    if not (folder / "study.db").exists():
        return {}
    study = Study.open(folder)
    ids = [trial.id for trial in study.trials]
    assert ids == list(range(len(ids))), ids
    with StudyStore.open(folder) as store:
        for trial in study.trials:
            if trial.weights is not None:
                assert store.arrays(trial)  # raises where they are gone or not whole
    return {t.id: facts(t) for t in study.trials if t.status is not Status.RUNNING}


def facts(trial: Any) -> tuple[Any, ...]:
    metrics = trial.metrics
    known = tuple(metrics.get(name) for name in ("accuracy", "validation_loss", "flops", "parameters"))
    return str(trial.status), json.dumps(dict(trial.configuration)), trial.origin, trial.seed, known


def kill(process: subprocess.Popen[bytes], target: str, rng: random.Random) -> bool:
    """Kills what is drawn; False where there is no such process (any more)."""
    if process.poll() is not None:
        return False
    if target == "group":
        os.killpg(process.pid, signal.SIGKILL)
        return True
    if target == "driver":
        process.kill()
        return True
    workers = [pid for pid in members(process.pid) if pid != process.pid]
    if not workers:
        return False
    try:
        os.kill(rng.choice(workers), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(group: int) -> None:
    end = time.monotonic() + GONE_S
    while left := list(members(group)):
        assert time.monotonic() < end, f"processes {left} outlived their driver by {GONE_S:g} s"
        time.sleep(0.05)


def unbroken(folder: Path) -> tuple[dict[int, tuple[Any, ...]], float]:
    """The trials of a run that nobody kills, and how long it took with warm compilation caches."""
    for name in ("cold", "warm"):
        began = time.monotonic()
        process = start(folder / name)
        assert process.wait() == 0, "the search fails without being killed"
        seconds = time.monotonic() - began
    cold, warm = finished(folder / "cold"), finished(folder / "warm")
    assert cold == warm, "the search does not repeat"
    return warm, seconds


def killed(
    folder: Path, whole: dict[int, tuple[Any, ...]], seconds: float, rng: random.Random, most: int
) -> Counter[str]:
    """Goes on with one study until it is through, killed up to `most` times; who was killed how often."""
    kills: Counter[str] = Counter()
    before: dict[int, tuple[Any, ...]] = {}
    while True:
        process = start(folder)
        targets = list(TARGETS)
        try:
            while process.poll() is None and kills.total() < most:
                try:
                    process.wait(timeout=rng.uniform(0, 1.1 * seconds))
                except subprocess.TimeoutExpired:
                    target = rng.choice(targets)
                    if kill(process, target, rng):
                        kills[target] += 1
                        # a trial whose worker dies at both attempts has crashed, as it should
                        targets = [other for other in targets if other != "worker" or target != "worker"]
            code = process.wait()
            wait_until_gone(process.pid)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        after = finished(folder)
        assert before.items() <= after.items(), "a finished trial was lost or changed"
        different = {id_: (after[id_], whole.get(id_)) for id_ in after if after[id_] != whole.get(id_)}
        assert not different, f"trials differ from those of the unbroken run: {different}"
        before = after
        if code == 0:
            assert after == whole, "the trials differ from those of the unbroken run"
            return kills
        assert code == -signal.SIGKILL, (code, folder.with_suffix(".log").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rng, kills, studies = random.Random(arguments.seed), Counter[str](), 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        whole, seconds = unbroken(Path(scratch))
        print(f"unbroken: {len(whole)} trials in {seconds:.1f} s", flush=True)
        while kills.total() < arguments.kills:
            left = arguments.kills - kills.total()
            kills += killed(Path(scratch) / f"study-{studies}", whole, seconds, rng, left)
            studies += 1
            print(f"{kills.total()} kills in {studies} studies: {dict(kills)}", flush=True)
    print(f"nothing was lost, and all {studies} studies have the trials of the unbroken run")
    if arguments.out:
        from ecojax.session.workplace import versions

        record = {
            "date": datetime.now(UTC).date().isoformat(),
            "cores": os.cpu_count(),
            "device": f"cpu: {platform.machine()}",
            "versions": versions(),
            "seed": arguments.seed,
            "options": OPTIONS,
            "kills": dict(kills),
            "studies": studies,
            "unbroken_seconds": seconds,
            "seconds": time.monotonic() - began,
            "lost": 0,
        }
        path = arguments.out / "kills-cpu.json"
        path.write_text(json.dumps(record, indent=2) + "\n")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
