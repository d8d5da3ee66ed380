"""Runs to be done, done in processes of their own, and remembered in a file, so that a benchmark goes on where it was.

A task is a dict that says all about a run; its record is remembered under the task and a fingerprint of the code that
it ran. When ecojax changes, its own runs are done again and the peers' are not.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import cache
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

Task = dict[str, Any]
ROOT = Path(__file__).parents[2]
SINGLE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NPROC": "1",  # XLA's pool
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}


def execute(task: Task) -> dict[str, Any]:
    """The record of a task."""
    from benchmarks.engine import convergence, ours, peers, problems

    arguments = {key: value for key, value in task.items() if key not in ("kind", "tables")}
    if task["kind"] == "converge":
        return convergence.converge(**arguments)
    problem = problems.load(arguments.pop("problem"), Path(task["tables"]))
    run = {"ours": ours.search, "noise": ours.noisy_search, "peer": peers.search}[task["kind"]]
    return run(problem, **arguments)


@cache
def _digest(*patterns: str) -> str:
    files = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def identity(task: Task) -> str:
    """What a record is remembered by: the task, and the code that answers it."""
    judge = _digest(
        *(
            f"benchmarks/engine/{name}.py"
            for name in ("problem", "tables", "cells", "lcbench", "closed_forms")
        )
    )
    theirs = task["kind"] == "peer" or task.get("method") == "pymoo"
    if theirs:
        package = "pymoo" if task["method"].startswith("pymoo") else "optuna"
        code = f"{package} {version(package)}"
    else:
        code = _digest("ecojax/engine/*.py", "ecojax/space/*.py")
    rest = {key: value for key, value in task.items() if key != "tables"}
    return json.dumps([rest, code, judge], sort_keys=True)


class Remembered:
    """Records by task, in a file of JSON lines that only grows."""

    def __init__(self, path: Path | None):
        self.path, self._records = path, {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                try:
                    entry = json.loads(line)
                except json.JSONDecodeError:
                    continue  # the process was killed while it wrote this one
                self._records[entry["task"]] = entry["record"]

    def __contains__(self, task: Task) -> bool:
        return identity(task) in self._records

    def __getitem__(self, task: Task) -> dict[str, Any]:
        return self._records[identity(task)]

    def get(self, task: Task) -> dict[str, Any] | None:
        return self._records.get(identity(task))

    def add(self, task: Task, record: dict[str, Any]) -> None:
        self._records[identity(task)] = record
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                file.write(json.dumps({"task": identity(task), "record": record}) + "\n")


def run_all(tasks: Iterable[Task], remembered: Remembered, *, jobs: int, until: float) -> list[Task]:
    """Does what is not remembered, in order, starting nothing after `until` (of `time.monotonic`).

    Returns the tasks that were left. A task that raises ends the benchmark.
    """
    waiting = [task for task in tasks if task not in remembered]
    if not waiting:
        return []
    total, began, done = len(waiting), time.monotonic(), 0
    xla_cache = str((remembered.path or ROOT / "runs" / "benchmark").with_suffix(".xla"))
    # every search compiles a dozen sizes; children are spawned and inherit this; it stays set
    os.environ |= {"JAX_COMPILATION_CACHE_DIR": xla_cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    if jobs > 1:
        os.environ |= SINGLE_THREAD
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running: dict[Future, Task] = {}
        while running or (waiting and time.monotonic() < until):
            while waiting and len(running) < jobs and time.monotonic() < until:
                task = waiting.pop(0)
                running[pool.submit(execute, task)] = task
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                remembered.add(task, future.result())
                done += 1
                print(
                    f"\r{done}/{total} runs, {time.monotonic() - began:.0f} s, last: {_title(task)}\033[K",
                    end="" if sys.stderr.isatty() else "\n",
                    file=sys.stderr,
                    flush=True,
                )
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return waiting


def _title(task: Task) -> str:
    return " ".join(str(value) for key, value in task.items() if key != "tables")
