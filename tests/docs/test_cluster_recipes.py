"""The recipes of `configs/cluster/`, as far as one machine allows.

Slurm, Ray and ecojax are played by stubs that write down how they were called; what they would start is held against
the real command line and the real settings. The cluster files are held against Ray's own schema.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from ecojax.cli import app
from ecojax.settings import resolve

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "configs" / "cluster"
SCRIPTS = sorted(RECIPES.glob("*.sh"))
CLUSTERS = sorted(RECIPES.glob("*.yaml"))

# in one write, as several may at a time
RECORD = 'printf "%s\\n" "$(printf "%q " "$(basename "$0")" "$@")" >> "$CALLS"\n'
STUBS = {
    "srun": RECORD + 'while [[ $1 == --* ]]; do shift; done; exec "$@"\n',
    "scontrol": RECORD + 'if [[ $1 == show ]]; then printf "%s\\n" node-7 node-8 node-9; fi\n',
    "hostname": "echo 192.0.2.7 2001:db8::7\n",
    # a search that is through at once, or does what the test says; in Python, as
    # bash could not hear a signal that it was started deaf to
    "venv/bin/ecojax": RECORD + f'[[ -z $SEARCH ]] || exec {sys.executable} -c "$SEARCH"\n',
    # the cluster is there a moment after its head was started
    "venv/bin/ray": RECORD + "if [[ $1 == status ]]; then [[ -e $CALLS.up ]]; exit; fi\n"
    '[[ $* != *--head* ]] || { sleep 0.2; touch "$CALLS.up"; }; exec sleep 60\n',
}  # fmt: skip
# as `ecojax search` does
ENDLESS = """import os, signal, time
signal.signal(signal.SIGINT, lambda *_: exit(130))
open(os.environ["CALLS"] + ".listening", "w").close()
time.sleep(60)"""


class Slurm:
    """What a job's script finds when Slurm starts it, and what it called."""

    def __init__(self, folder: Path):
        for name, text in STUBS.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"#!/usr/bin/env bash\n{text}")
            path.chmod(0o755)
        self.out, self.record = folder / "out", folder / "calls"
        self.record.touch()
        self.environment = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "CALLS": str(self.record),
            "SEARCH": "",
            "VENV": str(folder / "venv"),
            "DATA_DIR": "/shared/data",
            "OUT": str(self.out),
            "SLURM_JOB_ID": "31415",
            "SLURM_JOB_NODELIST": "node-[7-9]",
            "SLURM_SUBMIT_DIR": str(ROOT),
            "SLURM_ARRAY_JOB_ID": "27182",
            "SLURM_ARRAY_TASK_ID": "5",
        }

    def start(self, name: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", RECIPES / name],
            env=self.environment | more,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, name: str, **more: str) -> None:
        _, errors = self.start(name, **more).communicate(timeout=20)
        assert not errors

    def calls(self, program: str) -> list[list[str]]:
        """The arguments of every call of `program` so far."""
        words = [shlex.split(line) for line in self.record.read_text().splitlines()]
        return [rest for first, *rest in words if first == program]

    def search(self) -> dict[str, object]:
        """The options of the only search that was called, as ecojax itself reads them."""
        (arguments,) = self.calls("ecojax")
        assert arguments[0] == "search"
        command = typer.main.get_command(app).commands["search"]
        options = command.make_context("search", arguments[1:]).params
        return {
            name: value
            for name, value in options.items()
            if value not in (None, (), []) and value is not False
        }


@pytest.fixture
def slurm(tmp_path):
    return Slurm(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_valid_bash(script):
    subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script):
    if shutil.which("shellcheck") is None:
        pytest.skip("needs shellcheck")
    subprocess.run(["shellcheck", script], check=True)


def test_the_settings_are_a_search_that_ecojax_takes():
    settings, _ = resolve(RECIPES / "cifar10.toml", {})
    assert settings.dataset == "cifar10"
    assert settings.device == "gpu"
    assert settings.trial_timeout is not None
    for executor in ("ray", "local"):  # the recipes say which
        assert resolve(RECIPES / "cifar10.toml", {"executor": executor})[0].executor == executor


def test_a_job_starts_a_head_then_the_other_nodes_and_searches_there(slurm):
    # it is not through before the other nodes have heard of it
    wait = "import os, time\nwhile open(os.environ['CALLS']).read().count('srun ') < 2: time.sleep(0.02)"
    slurm.run("slurm-ray.sh", SEARCH=wait)
    head, others = slurm.calls("srun")
    at = "--address=192.0.2.7:21415"
    assert {"--nodes=1", "--nodelist=node-7", "--head", "--node-ip-address=192.0.2.7", "--port=21415"} <= {
        *head
    }
    assert {"--nodes=2", "--ntasks=2", "--exclude=node-7", "start", at} <= {*others}
    assert "--head" not in others
    assert all({"start", "--block"} <= {*step} for step in (head, others))  # or Slurm takes the step for done
    assert ["status", at] in slurm.calls("ray")
    assert slurm.search() == {
        "out": slurm.out,
        "config": RECIPES / "cifar10.toml",
        "data_dir": "/shared/data",
        "executor": "ray",
        "ray_address": "192.0.2.7:21415",
    }
    assert not [call for call in slurm.calls("scontrol") if call[0] == "requeue"]


def test_an_array_searches_with_the_seed_of_its_task(slurm):
    slurm.run("slurm-array.sh")
    assert slurm.search() == {
        "out": slurm.out / "seed-5",
        "config": RECIPES / "cifar10.toml",
        "data_dir": "/shared/data",
        "executor": "local",
        "workers": 1,
        "seed": 5,
    }
    assert not slurm.calls("srun")


def test_the_task_that_joins_starts_from_every_other_study(slurm):
    for seed in (0, 1):
        (slurm.out / f"seed-{seed}").mkdir(parents=True)
    slurm.run("slurm-array.sh", JOIN="yes")
    assert slurm.search()["start_from"] == [str(slurm.out / "seed-0"), str(slurm.out / "seed-1")]


@pytest.mark.parametrize(
    ("script", "study", "job"),
    [("slurm-ray.sh", ".", "31415"), ("slurm-array.sh", "seed-5", "27182_5")],
)
def test_a_job_whose_time_is_over_stops_the_search_and_is_queued_again(slurm, script, study, job):
    """Then the same script goes on with the study, and says nothing that `--resume` would refuse."""
    process = slurm.start(script, SEARCH=ENDLESS)
    listening = slurm.record.with_suffix(".listening")
    until = time.monotonic() + 20
    while not listening.exists():
        assert time.monotonic() < until, process.poll()
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)  # what --signal=B: sends goes to the script alone
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert ["requeue", job] in slurm.calls("scontrol")

    slurm.record.write_text("")
    (slurm.out / study).mkdir(parents=True)
    (slurm.out / study / "study.db").touch()
    slurm.run(script)
    assert slurm.search()["resume"] is True
    assert not {"config", "seed", "start_from"} & {*slurm.search()}


@pytest.mark.parametrize("variable", ["VENV", "DATA_DIR", "OUT"])
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_what_a_script_needs_and_does_not_get_it_names(slurm, script, variable):
    del slurm.environment[variable]
    process = slurm.start(script.name)
    _, errors = process.communicate(timeout=20)
    assert process.returncode != 0
    assert f"{variable}: the" in errors
    assert not slurm.record.read_text()


@pytest.mark.parametrize("path", CLUSTERS, ids=lambda path: path.name)
def test_a_cluster_file_is_what_rays_launcher_takes(path):
    yaml = pytest.importorskip("yaml")
    jsonschema = pytest.importorskip("jsonschema")
    autoscaler = Path(pytest.importorskip("ray.autoscaler").__file__).parent
    schema = json.loads((autoscaler / "ray-schema.json").read_text())
    cluster = yaml.safe_load(path.read_text())
    jsonschema.validate(cluster, schema)
    kinds = cluster["available_node_types"]
    assert cluster["head_node_type"] in kinds
    assert "GPU" not in kinds["head"]["resources"]  # as the settings want GPUs, no trial runs there
    assert kinds["gpu"]["resources"]["GPU"] == 1
    assert kinds["gpu"]["max_workers"] == cluster["max_workers"]
    for commands in (value for key, value in cluster.items() if key.endswith("_commands")):
        for command in commands:
            subprocess.run(["bash", "-n", "-c", command], check=True)


def test_the_cluster_files_differ_in_the_cloud_alone():
    yaml = pytest.importorskip("yaml")
    one, other = (yaml.safe_load(path.read_text()) for path in CLUSTERS)
    assert one.keys() == other.keys()
    for key in ("setup_commands", "head_start_ray_commands", "worker_start_ray_commands", "file_mounts"):
        assert one[key] == other[key], key


@pytest.mark.parametrize("path", sorted(RECIPES.iterdir()), ids=lambda path: path.name)
def test_what_a_recipe_names_exists_and_is_of_the_documentation(path):
    """A link that a reader of either can follow."""
    text = path.read_text()
    for word in text.replace("'", " ").split():
        if word.startswith("configs/cluster/"):
            assert (ROOT / word.strip("`,.;]")).is_file(), word
    assert f"configs/cluster/{path.name}" in (ROOT / "docs" / "cluster.md").read_text()
