"""The NVML meter through NVIDIA's own binding and a driver library of ours, on a host shared by several jobs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STUB = Path(__file__).with_name("nvml_stub.c")
WATTS = 300.0

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None,
    reason="no C compiler to make a driver library with",
)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The folder of the driver library, beside which there is no CUDA driver that knows better."""
    folder = tmp_path_factory.mktemp("driver")
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", folder / "libnvidia-ml.so.1", STUB], check=True
    )
    subprocess.run(
        ["cc", "-shared", "-x", "c", "-o", folder / "libcuda.so.1", "-"], input=b"int none;", check=True
    )
    return folder


@pytest.fixture
def on_boards(library, tmp_path):
    """`on_boards(program, boards="…")`: what a program prints on a host with such boards, as JSON."""

    def run(program: str, **stub: str):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CUDA_")}
        environment |= {"LD_LIBRARY_PATH": str(library), "JAX_PLATFORMS": "cpu"}
        environment |= {f"STUB_{name.upper()}": value for name, value in stub.items()}
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


METER = """
import json
from ecojax.energy.meters.nvml import NvmlMeter
from ecojax.energy.window import Window
with NvmlMeter() as meter:
    start = meter.read_on_tick()
    end = meter.read_on_tick()
    for _ in range(50):
        end = meter.read_on_tick()
    print(json.dumps([meter.details["uuid"], Window(start, end).power_w, meter.tick_s, str(meter.provenance)]))
"""


def test_the_board_of_this_job_is_metered_beside_those_of_others(on_boards):
    uuid, power_w, tick_s, provenance = on_boards(METER, boards="denied,lost,H100,none")
    assert uuid == "GPU-00000001-2222-3333-4444-000000000002"
    assert power_w == pytest.approx(WATTS, rel=0.1)
    assert tick_s == pytest.approx(0.02, rel=0.25)
    assert provenance == f"measured (NVML energy counter, NVIDIA H100 {uuid}, ±5 %)"


REFUSED = """
import json
from ecojax.energy.meters.nvml import NvmlMeter
from ecojax.errors import MeterError
try:
    NvmlMeter()
except MeterError as error:
    print(json.dumps(str(error)))
"""


def test_a_job_without_a_board_is_told_why(on_boards):
    said = on_boards(REFUSED, boards="denied,lost")
    assert "NVML's GPU 0 does not answer (Insufficient Permissions)" in said
    assert "NVML's GPU 1 does not answer (GPU is lost)" in said
    assert "meter='modeled'" in said


PLACES = """
import json
from ecojax.execute import places
places.CUDA_PLUGINS = ("json",)  # as if it were installed
print(json.dumps([[one["CUDA_VISIBLE_DEVICES"] for one in places.places("gpu", None)], places.closed()]))
"""


def test_each_board_of_this_job_has_a_worker(on_boards):
    boards, closed = on_boards(PLACES, boards="H100,denied,H100")
    assert boards == [f"GPU-00000001-2222-3333-4444-{index:012d}" for index in (0, 2)]
    assert closed == ["NVML's GPU 1 does not answer (Insufficient Permissions)"]


PROBE = """
import json
from ecojax.energy.meters.probe import probe
print(json.dumps([[one.available, one.scope, one.reason] for one in probe(ticks=False) if one.name == "nvml"]))
"""


def test_a_probe_lists_boards_of_other_jobs(on_boards):
    found = on_boards(PROBE, boards="denied,H100")
    assert found == [
        [True, "NVIDIA H100 GPU-00000001-2222-3333-4444-000000000001", "NVML energy counter"],
        [False, "", "NVML's GPU 0 does not answer (Insufficient Permissions)"],
    ]


SEARCH = """
import json
import ecojax
from ecojax.energy.meters.nvml import NvmlMeter
from ecojax.execute import places
from ecojax.session.loop import Listener

places.CUDA_PLUGINS = ("json",)  # as if it were installed
notes = []

class Ear(Listener):
    def noted(self, text):
        notes.append(text)

settings = dict(dataset="digits", families=["mlp"], train_size=300, population=2, epochs=1, energy_ci=0.5,
                frontier_energy_ci=0)
with NvmlMeter() as meter:
    study = ecojax.search(
        **(dict(resume=True, evaluations=3) if RESUME else dict(settings, evaluations=2)),
        meter=meter, out="study", listener=Ear(),
    )
power = [trial.metrics["energy_per_sample_j"] * 64 / trial.metrics["latency_ms"] * 1e3 for trial in study.frontier()]
provenances = {name: study.provenances(name) for name in ("energy_per_sample_j", "train_energy_j")}
print(json.dumps({"counts": study.counts(), "power_w": power, "notes": notes, "provenances": provenances}))
"""


@pytest.mark.slow
def test_a_search_metered_by_nvml_ends_with_a_frontier_and_goes_on_on_another_board(on_boards):
    first = on_boards(SEARCH.replace("RESUME", "False"), boards="H100,denied")
    assert first["counts"]["complete"] == 2
    assert first["power_w"]
    # joules are watts times seconds, but for a busy host: latency is a median, energy a mean
    assert first["power_w"] == [pytest.approx(WATTS, rel=0.5)] * len(first["power_w"])
    assert first["notes"][0] == "NVML's GPU 1 does not answer (Insufficient Permissions); it is left out"
    board = "measured (NVML energy counter, NVIDIA H100 GPU-00000001-2222-3333-4444-000000000000, ±5 %)"
    assert first["provenances"] == {"energy_per_sample_j": [board], "train_energy_j": [board]}
    # the job is requeued on another host
    then = on_boards(SEARCH.replace("RESUME", "True"), boards="H100", host="2")
    assert then["counts"]["complete"] == 3
    model = "measured (NVML energy counter, NVIDIA H100, ±5 %)"
    assert then["provenances"] == {"energy_per_sample_j": [model], "train_energy_j": [model]}
