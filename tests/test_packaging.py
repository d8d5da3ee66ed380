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
    assert versions["jax"] == versions["jaxlib"] == versions["jax-cuda12-plugin"]


def test_installed_version_is_the_package_version():
    assert importlib.metadata.version("ecojax") == ecojax.__version__


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
else
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
    clone.call(ECOJAX_CUDA="1")
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
