"""What a person installs: the lock, the declared dependencies, and the scripts that install them from a clone.

Nothing here touches the network: uv is played by a stub that makes a .venv whose `ecojax` prints its arguments.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ecojax

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if not line.startswith("#")
]
SHELL_SCRIPTS = [ROOT / ".ci/run", *sorted((ROOT / "scripts").iterdir())]


def locked(python: str) -> dict[str, str]:
    """Version by package name, as the lock has them for a `python` such as "3.12" on Linux."""
    environment = default_environment() | {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
    }
    applicable = [r for r in LOCK if r.marker is None or r.marker.evaluate(environment)]
    versions = {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in applicable}
    assert len(versions) == len(applicable), "a package is locked twice for one Python"
    return versions


def test_lock_is_nothing_but_exact_versions():
    for requirement in LOCK:
        assert re.fullmatch(r"==[\w.+!]+", str(requirement.specifier)), requirement
        assert requirement.url is None, requirement
        assert not requirement.extras, f"constraints cannot carry extras: {requirement}"


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_lock_satisfies_every_declared_dependency(python):
    versions = locked(python)
    extras = PROJECT["optional-dependencies"]
    for line in sum(extras.values(), PROJECT["dependencies"]):
        requirement = Requirement(line)
        version = versions[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} is locked to {version}"
    assert (
        versions["jax"]
        == versions["jaxlib"]
        == versions["jax-cuda12-plugin"]
        == versions["jax-cuda13-plugin"]
    )


def test_installed_version_is_the_package_version():
    assert importlib.metadata.version("ecojax-tuner") == ecojax.__version__


@pytest.mark.parametrize("script", SHELL_SCRIPTS, ids=lambda path: path.name)
def test_shell_scripts_parse(script):
    head = script.read_text().splitlines()[0]
    if head.endswith("bash") or script.suffix == ".sh":
        subprocess.run(["bash", "-n", script], check=True)
    assert os.access(script, os.X_OK) == head.startswith("#!")


STUB_UV = """#!/usr/bin/env bash
echo "uv prints on stdout too"
echo "$*" >>"$UV_LOG"
if [[ $1 == venv ]]; then
  venv=${!#}
  mkdir -p "$venv/bin"
  ln -sf "$STUB_PYTHON" "$venv/bin/python"
elif [[ $2 == install ]]; then
  case ${UV_FATE:-} in fails) exit 1 ;; killed) kill -9 0 ;; esac
  printf '#!/usr/bin/env bash\\nprintf "<%%s>" "$@"\\n' >.venv/bin/ecojax
  chmod +x .venv/bin/ecojax
fi
"""


class Clone:
    """A copy of the scripts, run where the only commands are the few they need and, if asked for, the stub uv."""

    def __init__(self, folder: Path, uv: bool = True):
        self.root = folder / "a clone"
        self.uv_log = folder / "uv.log"
        self.bin = folder / "bin"
        self.bin.mkdir()
        for command in (
            "bash",
            "env",
            "dirname",
            "readlink",
            "cksum",
            "sort",
            "mkdir",
            "ln",
            "chmod",
            "flock",
        ):
            if found := shutil.which(command):
                (self.bin / command).symlink_to(found)
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.root)
        if uv:
            (self.bin / "uv").write_text(STUB_UV)
            (self.bin / "uv").chmod(0o755)

    def call(self, *arguments: str, script: Path | None = None, **environment: str):
        environment = {
            "PATH": str(self.bin),
            "UV_LOG": str(self.uv_log),
            "STUB_PYTHON": sys.executable,
            "ECOJAX_CUDA": "0",
        } | environment
        return subprocess.run(
            [script or self.root / "scripts/ecojax", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            cwd="/",
            start_new_session=True,
        )

    def driver(self, version: str, capability: str = "9.0") -> None:
        """Puts an nvidia-smi on PATH that tells of this driver and GPU."""
        (self.bin / "nvidia-smi").write_text(
            f"#!/usr/bin/env bash\ncase $* in *driver_version*) echo {version} ;; *) echo {capability} ;; esac\n"
        )
        (self.bin / "nvidia-smi").chmod(0o755)

    def has(self, *packages: str) -> None:
        """Puts folders of these names where .venv keeps its packages."""
        for package in packages:
            (self.root / ".venv/lib/python3.12/site-packages" / package).mkdir(parents=True)

    def installs(self) -> list[str]:
        """What each install so far asked for, such as ".[cuda]"."""
        lines = self.uv_log.read_text().splitlines()
        return [line.split()[-1] for line in lines if line.startswith("pip install")]


def test_first_call_installs_and_second_only_runs(tmp_path):
    clone = Clone(tmp_path)
    link = tmp_path / "ecojax"
    link.symlink_to(clone.root / "scripts/ecojax")
    first = clone.call("search", "two words", script=link)
    assert (first.returncode, first.stdout) == (0, "<search><two words>")
    assert "this happens once" in first.stderr
    second = clone.call("frontier")
    assert (second.returncode, second.stdout, second.stderr) == (0, "<frontier>", "")
    assert clone.installs() == ["."]


def test_changed_lock_and_new_extras_install_again(tmp_path):
    clone = Clone(tmp_path)
    clone.call()
    clone.call(ECOJAX_CUDA="12")
    clone.call()  # what a node with a GPU installed serves one without
    with (clone.root / "constraints.txt").open("a") as lock:
        lock.write("# changed\n")
    clone.call()
    assert clone.installs() == [".", ".[cuda]", ".[cuda]"]


def test_failed_install_says_so_and_is_tried_again(tmp_path):
    clone = Clone(tmp_path)
    failed = clone.call(UV_FATE="fails")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.splitlines()[-1].startswith("ecojax: the installation failed")
    assert clone.call("x").stdout == "<x>"


def test_interrupted_install_is_started_over(tmp_path):
    clone = Clone(tmp_path)
    clone.call(UV_FATE="killed")
    assert clone.call("x").stdout == "<x>"
    assert [line.split()[0] for line in clone.uv_log.read_text().splitlines()] == ["venv", "pip"] * 2


def test_without_a_python_the_error_says_what_to_install(tmp_path):
    clone = Clone(tmp_path, uv=False)
    result = clone.call()
    assert (result.returncode, result.stdout) == (1, "")
    assert "no Python 3.11 or newer found on PATH: install Python" in result.stderr
    assert "ECOJAX_PYTHON=/nowhere is not" in clone.call(ECOJAX_PYTHON="/nowhere").stderr


@pytest.mark.skipif(Path("/proc/driver/nvidia/version").exists(), reason="this host has a driver of its own")
@pytest.mark.parametrize(
    ("driver", "capability", "extra"),
    [
        ("580.65.06", "9.0", "cuda13"),
        ("615.10", "12.0", "cuda13"),
        ("615.10", "7.5", "cuda13"),
        ("575.57.08", "9.0", "cuda"),
        ("580.65.06", "7.0", "cuda"),  # a V100, which CUDA 13 has dropped
        ("580.65.06", "'[N/A]'", "cuda13"),
    ],
)
def test_the_cuda_build_is_chosen_by_the_driver_and_the_gpu(tmp_path, driver, capability, extra):
    clone = Clone(tmp_path)
    clone.driver(driver, capability)
    clone.call(ECOJAX_CUDA="")
    assert clone.installs() == [f".[{extra}]"]


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19\nGCC version:  gcc 12.3.0", "535"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build", "580"),
        ("nothing of the kind", ""),
    ],
)  # fmt: skip
def test_the_driver_is_read_from_what_the_kernel_says(tmp_path, text, major):
    (tmp_path / "version").write_text(text)
    script = f'. "{ROOT}/scripts/bootstrap.sh"; driver_major "{tmp_path}/version"'
    assert subprocess.check_output(["bash", "-euc", script], text=True).strip() == major


def test_a_cuda_build_that_is_there_is_kept_whatever_the_driver(tmp_path):
    clone = Clone(tmp_path)
    clone.driver("575.57.08")
    clone.call(ECOJAX_CUDA="")
    clone.driver("615.10")
    assert clone.call("x", ECOJAX_CUDA="").stderr == ""
    assert clone.installs() == [".[cuda]"]


def test_a_plugin_that_was_installed_by_hand_is_not_replaced_by_the_other(tmp_path):
    clone = Clone(tmp_path)
    clone.call()
    clone.has("jax_cuda12_plugin")
    clone.driver("615.10")
    clone.call(ECOJAX_CUDA="")
    assert clone.installs() == [".", ".[cuda]"]


def test_the_other_cuda_build_gets_a_new_venv_since_the_two_clash(tmp_path):
    clone = Clone(tmp_path)
    clone.call("--with", "ray", ECOJAX_CUDA="12")
    clone.call(ECOJAX_CUDA="13")
    clone.call(ECOJAX_CUDA="1")
    assert clone.installs() == [".[cuda,ray]", ".[cuda13,ray]"]
    assert [line.split()[0] for line in clone.uv_log.read_text().splitlines()] == ["venv", "pip"] * 2


def test_a_driver_too_old_for_the_build_that_is_there_is_told(tmp_path):
    clone = Clone(tmp_path)
    clone.call(ECOJAX_CUDA="13")
    clone.driver("575.57.08")
    called = clone.call("x", ECOJAX_CUDA="1")
    assert called.stdout == "<x>"
    if not Path("/proc/driver/nvidia/version").exists():
        assert "needs a driver of 580 or newer, and this one is 575: 'ECOJAX_CUDA=12" in called.stderr


def test_an_unknown_value_of_ecojax_cuda_is_refused(tmp_path):
    called = Clone(tmp_path).call(ECOJAX_CUDA="11")
    assert called.returncode == 1
    assert "ECOJAX_CUDA=11 is not known: write 0" in called.stderr


def test_with_installs_extras_once_and_then_runs_the_command(tmp_path):
    clone = Clone(tmp_path)
    assert clone.call("--with", "ray,pandas", "search", "two words").stdout == "<search><two words>"
    assert clone.call("--with=ray", "--with", "pandas").stdout == ""  # nothing to run
    assert clone.installs() == [".[pandas,ray]"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--with"], "--with needs the name of an extra"),
        (["--with", "rya"], "there is no extra 'rya': it is one of"),
        (["--with", "cuda,cuda13"], "the extras cuda and cuda13 clash"),
    ],
)
def test_with_of_what_is_no_extra_is_refused_before_anything_is_installed(tmp_path, arguments, complaint):
    clone = Clone(tmp_path)
    called = clone.call(*arguments)
    assert (called.returncode, called.stdout) == (1, "")
    assert complaint in called.stderr
    assert not clone.uv_log.exists()


def test_every_extra_is_known_to_the_script():
    script = f'. "{ROOT}/scripts/bootstrap.sh"; known_extras'
    known = subprocess.check_output(["bash", "-euc", script], text=True).split()
    assert known == list(PROJECT["optional-dependencies"])


def test_the_former_distribution_called_ecojax_is_taken_out_of_an_existing_venv(tmp_path):
    clone = Clone(tmp_path)
    clone.call()
    clone.has("ecojax-0.1.0.dist-info")
    with (clone.root / "pyproject.toml").open("a") as project:
        project.write("# changed\n")
    clone.call()
    calls = [line.split() for line in clone.uv_log.read_text().splitlines()]
    assert [call[:2] for call in calls[-2:]] == [["pip", "uninstall"], ["pip", "install"]]
    assert calls[-2][-1] == "ecojax"
