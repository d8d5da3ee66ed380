"""What a process says where JAX has not the device that is asked for, and what a search leaves of its JAX."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import pytest

import ecojax
from ecojax import jax_devices
from ecojax.cli.devices import devices as show_devices
from ecojax.errors import InputError
from ecojax.session import driver_device, workplace
from ecojax.session.loop import Listener

SMALL: dict[str, Any] = {
    "dataset": "digits",
    "families": ["mlp"],
    "train_size": 300,
    "epochs": 1,
    "population": 2,
    "evaluations": 1,
    "objectives": ["accuracy", "flops"],
    "energy_ci": 0.5,
    "watts_per_core": 10.0,
}


class Notes(Listener):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def noted(self, text: str) -> None:
        self.texts.append(text)


def run(*command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, as JAX starts once; without variables that choose a platform."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JAX_PLATFORM")}
    return subprocess.run(
        command, env=kept | environment, cwd=folder, capture_output=True, text=True, timeout=250
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    ecojax.search(**SMALL, device="cpu", executor="inline", out=folder / "study")
    return ecojax.export_model(folder / "study", to=folder / "model")


@pytest.mark.parametrize(
    ("platforms", "said"),
    [
        ("cuda", ""),
        ("cuda,cpu", ""),  # JAX itself falls back to the CPU without a word
        ("tpu", "Unable to initialize backend 'tpu'"),
        ("cdua", "Backend 'cdua' is not in the list of known backends"),
    ],
)
def test_a_platform_that_cannot_be_used_is_named_with_what_jax_says(
    platforms: str, said: str, model: Path, tmp_path: Path
) -> None:
    """`ecojax.load`, `ecojax.energy.measure`, `per_call` and `ask_tell` on the way: nothing is called damaged."""
    program = f"""
import warnings
import numpy, ecojax, ecojax.energy
from ecojax.cli import main
from ecojax.space import Float
def measure():
    with ecojax.energy.measure():
        pass
def ask():
    search = ecojax.ask_tell([Float("x", 0, 1)], ["y"], population=2)
    for _ in range(9):
        for asked in search.ask():
            search.tell(asked, asked.configuration["x"])
for call in (
    lambda: ecojax.load({str(model)!r}),
    measure,
    lambda: ecojax.energy.per_call(lambda x: x + 1, numpy.ones(3)),
    ask,
):
    try:
        call()
    except ecojax.EcojaxError as error:
        print(error)
"""
    done = run(
        sys.executable, "-c", program, folder=tmp_path, JAX_PLATFORMS=platforms, CUDA_VISIBLE_DEVICES=""
    )
    answers = done.stdout.splitlines()
    # the engine needs a CPU only
    assert len(answers) >= (3 if "cpu" in platforms else 4), done.stdout + done.stderr
    for answer in answers:
        assert answer.startswith(f"JAX_PLATFORMS={platforms} cannot be used here: JAX ")
        assert said in answer
        assert "damaged" not in answer


@pytest.mark.parametrize("command", ["search", "measure", "devices", "export"])
def test_a_command_on_a_gpu_that_is_not_there_is_refused_in_a_sentence(
    command: str, model: Path, tmp_path: Path
) -> None:
    arguments = {
        "search": ["--dataset", "digits", "--family", "mlp", "--train-size", "300", "--out", "study"],
        "measure": [str(model), "--batch", "1", "--seconds", "1"],
        "devices": [],
        "export": [str(model.parent / "study"), "--to", "again"],
    }[command]
    ecojax_command = (sys.executable, "-m", "ecojax", command, *arguments)
    done = run(*ecojax_command, folder=tmp_path, JAX_PLATFORMS="cuda", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ecojax: JAX_PLATFORMS=cuda cannot be used here: JAX ")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_choice_of_platforms_is_none(tmp_path: Path) -> None:
    program = "import ecojax.jax_devices as d; print(d.local_devices()[0].platform, repr(d.setting()))"
    done = run(sys.executable, "-c", program, folder=tmp_path, JAX_PLATFORMS="", JAX_PLATFORM_NAME="cpu")
    assert done.stdout.split() == ["cpu", "'JAX_PLATFORM_NAME=cpu'"], done.stderr


def test_the_cpu_is_there_in_a_process_that_holds_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = SimpleNamespace(platform="gpu")
    monkeypatch.setattr(workplace, "local_devices", lambda: [gpu])
    assert workplace.select_device("auto") is workplace.select_device("gpu") is gpu
    assert workplace.select_device("cpu") == jax.local_devices(backend="cpu")[0]
    with pytest.raises(InputError, match=r"tpu.* was asked for, but JAX finds only gpu"):
        workplace.select_device("tpu")


def test_a_gpu_that_fails_is_no_quiet_search_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """JAX's own words where a plugin is installed and its driver does not answer."""
    devices = jax.local_devices

    def local_devices(*, backend: str | None = None) -> list[Any]:
        if backend == "cuda":
            raise RuntimeError("Backend 'cuda' failed to initialize: CUDA_ERROR_UNKNOWN. Available: ['cpu']")
        return devices(backend=backend)

    monkeypatch.setattr(jax, "local_devices", local_devices)
    monkeypatch.setattr(workplace, "setting", lambda: "")
    with pytest.raises(InputError, match=r"CUDA_ERROR_UNKNOWN.*device.*cpu"):
        workplace.select_device("auto")
    assert workplace.select_device("cpu").platform == "cpu"
    show_devices(json=True)
    assert "CUDA_ERROR_UNKNOWN" in capsys.readouterr().err


def test_a_process_that_holds_a_gpu_is_told_what_that_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    jax.devices()
    before = dict(jax.config.values)
    listener = Notes()
    with driver_device.cpu_only(listener):
        assert dict(jax.config.values) == before
    assert listener.texts == []
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    with driver_device.cpu_only(listener):
        pass
    (note,) = listener.texts
    assert "XLA_PYTHON_CLIENT_PREALLOCATE=false" in note
    assert 'executor="inline"' in note


@pytest.mark.slow
def test_after_a_search_a_process_may_use_its_accelerators(tmp_path: Path) -> None:
    """The emulation: a plugin of JAX is said to be there. Afterwards JAX starts anew, and another search runs."""
    program = f"""
import ecojax, jax
from ecojax.execute import places
from ecojax.jax_devices import initialised
places.accelerator_installed.__globals__["ROCM_PLUGINS"] = ("json",)
for name in ("first", "second"):
    study = ecojax.search(**{SMALL | {"evaluations": 4, "device": "cpu"}!r}, out=name)
    assert [trial.complete for trial in study.trials] == [True] * 4, study.trials
    assert not initialised() and jax.config.values["jax_platforms"] is None
    print(jax.numpy.arange(3).sum() if name == "second" else "")
"""
    done = run(sys.executable, "-c", program, folder=tmp_path)
    assert done.stdout.split() == ["3"], done.stderr


def test_the_engine_computes_on_the_cpu_whatever_device_is_the_default(tmp_path: Path) -> None:
    program = """
import jax
from ecojax.engine import variator
from ecojax.engine.ask_tell import ask_tell
from ecojax.space import Float
breeder, found = variator._breeder, set()
def spy(*sizes):
    program = breeder(*sizes)
    def breed(*arguments):
        children = program(*arguments)
        found.update(children.devices())
        return children
    return breed
variator._breeder = spy
first, second = jax.devices()
with jax.default_device(second):
    search = ask_tell([Float("x", 0, 1)], ["y"], population=2, proposer="nsga2")
    for _ in range(5):
        for asked in search.ask():
            search.tell(asked, asked.configuration["x"])
assert found == {first}, found
"""
    flags = "--xla_force_host_platform_device_count=2"
    done = run(sys.executable, "-c", program, folder=tmp_path, XLA_FLAGS=flags, JAX_PLATFORMS="cpu")
    assert done.returncode == 0, done.stderr


def test_programs_are_made_for_the_device_they_run_on() -> None:
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        assert jax_devices.platform() == "cpu"
    with jax.default_device("cpu"):
        assert jax_devices.platform() == "cpu"
