"""Searches where JAX answers as it does on an accelerator: a CUDA or TPU client tells nothing of a program's cost."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import pytest

import ecojax
from ecojax.energy import ModeledMeter
from ecojax.session.loop import Listener
from ecojax.study import Status

OPTIONS: dict[str, Any] = {
    "dataset": "digits",
    "families": ["mlp"],
    "train_size": 300,
    "epochs": 1,
    "population": 2,
    "evaluations": 2,
    "energy_ci": 0.5,
    "frontier_energy_ci": 0,
    "early_stop": False,
    "objectives": ["accuracy", "flops", "energy_per_sample_j"],
}


@pytest.mark.parametrize("memory", ["none", "raises"])
def test_a_search_needs_no_analysis_of_cost_or_memory(tmp_path, monkeypatch, memory) -> None:
    def unanswered(_: Any) -> None:
        if memory == "raises":
            raise jax.errors.JaxRuntimeError("UNIMPLEMENTED: no such call in this plugin")

    monkeypatch.setattr(jax.stages.Lowered, "cost_analysis", lambda _: None)
    monkeypatch.setattr(jax.stages.Compiled, "cost_analysis", lambda _: None)
    monkeypatch.setattr(jax.stages.Compiled, "memory_analysis", unanswered)
    study = ecojax.search(**OPTIONS, meter=ModeledMeter(10.0), out=tmp_path / "study")
    assert study.counts()["complete"] == 2
    assert study.frontier()
    for trial in study.trials:
        shape = trial.configuration
        widths = [64, *[shape["hidden_width"]] * shape["hidden_layers"], 10]
        products = sum(a * b for a, b in pairwise(widths))
        assert trial.metrics["flops"] == 2 * products


@pytest.mark.slow  # two processes with JAX
def test_workers_whose_client_tells_nothing_end_with_a_frontier(tmp_path) -> None:
    """As every client of PJRT's C API, CUDA's and TPU's among them, here in the driver and in its workers."""
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent(
            """
            import importlib.util, sys

            class Finder:
                def find_spec(self, name, path=None, target=None):
                    if name == "jax._src.xla_bridge":
                        sys.meta_path.remove(self)
                        spec = importlib.util.find_spec(name)
                        load = spec.loader.exec_module
                        def exec_module(module):
                            load(module)
                            module.using_pjrt_c_api = lambda backend=None: True
                        spec.loader.exec_module = exec_module
                        return spec

            sys.meta_path.insert(0, Finder())
            """
        )
    )
    paths = [str(tmp_path), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    asked = "import jax; print(jax.jit(lambda x: x @ x).lower(jax.numpy.ones((2, 2))).cost_analysis())"
    python = [sys.executable, "-c", asked]
    told = subprocess.run(python, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "None"
    options = (
        "--dataset digits --family convnet --train-size 300 --epochs 1 --population 2 --evaluations 2 --energy-ci 50% "
        "--frontier-energy-ci 0 --constraint flops<=1e6 --watts-per-core 10 --device cpu --executor local --quiet"
    )
    command = [sys.executable, "-m", "ecojax", "search", *options.split(), "--out", str(tmp_path / "study")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    study = ecojax.Study.open(tmp_path / "study")
    assert [trial.status for trial in study.trials] == [Status.COMPLETE] * 2, study.trials
    assert study.frontier()


class Heard(Listener):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def noted(self, text: str) -> None:
        self.notes.append(text)


def test_a_study_whose_flops_xla_counted_says_so_when_it_goes_on(tmp_path) -> None:
    out = tmp_path / "study"
    ecojax.search(**OPTIONS, meter=ModeledMeter(10.0), out=out)
    with closing(sqlite3.connect(out / "study.db")) as database, database:
        database.execute("UPDATE trials SET provenance = json_remove(provenance, '$.flops')")
    heard = Heard()
    study = ecojax.search(out=out, resume=True, evaluations=3, meter=ModeledMeter(10.0), listener=heard)
    assert any("flops of 2 trials are an older ecojax's count by XLA" in note for note in heard.notes)
    assert study.provenance("flops") == "computed; counted (matrix products and convolutions)"
