"""What to know of a new board first: its meter, a small search, and what compiling and launching cost there."""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MINUTES = 7  # after which a child is ended
# By name, what is added to XLA_FLAGS. An option that this XLA does not know ends its process, and is noted as such.
LAUNCH_OPTIONS = {
    "cpu": {"default": "", "no fusion emitters": "--xla_cpu_use_fusion_emitters=false"},
    "gpu": {
        "default": "",
        "no command buffers": "--xla_gpu_enable_command_buffer=",
        "command buffers from one kernel on": "--xla_gpu_graph_min_graph_size=1",
        "convolution fusion": "--xla_gpu_experimental_enable_conv_fusion=true",
        "latency hiding": "--xla_gpu_enable_latency_hiding_scheduler=true",
    },
    "tpu": {"default": ""},
}


def child(*arguments: str, flags: str = "") -> subprocess.Popen[str]:
    """One of this project's programs, with `flags` added to XLA_FLAGS."""
    environment = {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()}
    # several share a board: none is to take three quarters of its memory at the start
    environment |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, **environment, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The JSON that ends a child's output, or the end of what it complained of."""
    try:
        out, errors = process.communicate(timeout=60 * MINUTES)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return {"error": f"ended after {MINUTES} minutes"}
    if process.returncode:
        return {"error": errors.strip()[-500:] or f"exit {process.returncode}"}
    found: dict[str, Any] = json.loads(out[out.index("{") :])
    return found


def devices(platform: str, size: str, precision: str) -> dict[str, Any]:
    return answer(child("-m", "ecojax", "devices", "--json"))


def digits(platform: str, size: str, precision: str) -> dict[str, Any]:
    """A search of six on digits by the command line, as a new user begins."""
    small = "--family mlp --epochs 1 --train-size 300 --energy-ci 50% --frontier-energy-ci 0 --population 2"
    evaluations = ["--evaluations", "2", *small.split()] if size == "quick" else ["--evaluations", "6"]
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        process = child(
            "-m", "ecojax", "search", "--dataset", "digits", "--out", f"{scratch}/s", "-q", *evaluations
        )
        _, errors = process.communicate(timeout=60 * MINUTES)
        seconds = time.perf_counter() - began
        if process.returncode:
            return {"error": errors.strip()[-500:], "exit": process.returncode}
        from ecojax import Study

        study = Study.open(f"{scratch}/s")
        return {
            "seconds": seconds,
            "trials": {str(status): count for status, count in study.counts().items() if count},
            "members": len(study.frontier()),
            "account_s": study.progress["account"],
            "energy_provenance": study.facts.energy_provenance,
        }


def meter(platform: str, size: str, precision: str) -> dict[str, Any]:
    """Length of the counter's tick, and what one call to read it costs."""
    return answer(child("-m", "benchmarks.accelerator.meter", "--ticks", "4" if size == "quick" else "20"))


def launch(platform: str, size: str, precision: str) -> dict[str, Any]:
    """An epoch with and without each launch option, a process each."""
    return {name: _epoch(size, precision, flags) for name, flags in LAUNCH_OPTIONS[platform].items()}


def compiling(platform: str, size: str, precision: str) -> dict[str, Any]:
    """Seconds to compile each program with an empty cache."""
    found = _epoch(size, precision)
    return found if "error" in found else found["compile_s"]


def side_by_side(platform: str, size: str, precision: str) -> dict[str, Any]:
    """Images a second of 1, 2 and 4 processes that train on the same device at once, together."""
    found: dict[str, Any] = {}
    for processes in (1, 2) if size == "quick" else (1, 2, 4):
        arguments = ("-m", "benchmarks.accelerator.epoch", "--size", size, "--precision", precision)
        children = [child(*arguments, "--wait") for _ in range(processes)]
        for one in children:  # each says when it has compiled; then all begin
            assert one.stdout is not None
            one.stdout.readline()
        for one in children:
            with suppress(BrokenPipeError):  # it has failed, as its answer tells
                assert one.stdin is not None
                one.stdin.write("begin\n")
                one.stdin.flush()
        answers = [answer(one) for one in children]
        errors = [one["error"] for one in answers if "error" in one]
        found[str(processes)] = (
            {"error": errors[0]} if errors else {"images_per_s": sum(one["images_per_s"] for one in answers)}
        )
    return found


def _epoch(size: str, precision: str, flags: str = "") -> dict[str, Any]:
    arguments = ("-m", "benchmarks.accelerator.epoch", "--size", size, "--precision", precision)
    return answer(child(*arguments, flags=flags))


MEASURED = {
    "devices": devices,
    "digits": digits,
    "meter": meter,
    "launch": launch,
    "compile": compiling,
    "side-by-side": side_by_side,
}
