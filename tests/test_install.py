"""What messages and pages say about installing, held against the project's metadata; what is installed wrongly."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ecojax.engine.engine import require_packages
from ecojax.errors import InputError
from ecojax.execute.places import places
from ecojax.install import (
    DISTRIBUTION,
    MODULES,
    NAMESAKE,
    STAMP,
    clashing_cuda,
    complaints,
    how_to_install,
    missing,
    namesake,
)

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = set(PROJECT["optional-dependencies"])
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "configs").rglob("*.*"))]
INSTALL = ROOT / "ecojax" / "install.py"  # which makes the commands of names that it is given
SOURCES = [
    file
    for file in [*sorted((ROOT / "ecojax").rglob("*.py")), *sorted((ROOT / "scripts").iterdir())]
    if file != INSTALL
]
IMPORTED_AS = {
    "nvidia-ml-py": {"pynvml"},
    "scikit-learn": {"sklearn"},
    "orbax-checkpoint": {"orbax"},
    "jax": {"jax", "jaxlib"},
}


def text_of(files: list[Path]) -> dict[Path, str]:
    return {file: file.read_text(encoding="utf-8") for file in files if file.is_file()}


def extras_named(text: str) -> list[set[str]]:
    """The extras of each command that installs, in any of the spellings that a message or a page may have."""
    spelled = re.findall(r"pip install [^`\n]*?'\.\[([^\]]*)\]'", text)
    spelled += re.findall(r"scripts/ecojax --with[ =]([\w,-]+)", text)
    spelled += [
        ",".join(re.findall(r"\w+", given)) for given in re.findall(r"how_to_install\(([^)]*)\)", text)
    ]
    return [{extra for extra in names.split(",") if extra} for names in spelled]


def test_the_distribution_is_not_called_like_the_strangers_and_the_command_is_still_ecojax():
    assert PROJECT["name"] == DISTRIBUTION == "ecojax-tuner"
    assert set(PROJECT["scripts"]) == {"ecojax"}


def test_nothing_says_to_install_the_strangers_package():
    for file, text in text_of(PAGES + SOURCES).items():
        assert "ecojax[" not in text, file
        for command in re.findall(r"pip install ([^`\n]*)", text):
            assert "ecojax" not in command.split("#")[0].split(), (file, command)


def test_every_extra_that_a_message_or_a_page_names_is_one():
    named = [extras for text in text_of(PAGES + SOURCES).values() for extras in extras_named(text)]
    assert len(named) > 12, "the pattern has lost its subject"
    for extras in named:
        assert extras <= EXTRAS, extras


@pytest.mark.parametrize("extras", [(), ("ray",), ("ray", "cuda13")])
def test_the_command_is_pips_in_an_environment_of_the_users(extras, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    command = how_to_install(*extras).split("`")[1]
    requirement = command.removeprefix("pip install ").strip("'")
    if requirement != ".":
        assert Requirement(f"{DISTRIBUTION}{requirement.removeprefix('.')}").extras == set(extras)


def test_the_command_is_the_scripts_in_an_environment_that_it_made(tmp_path, monkeypatch):
    (tmp_path / STAMP).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert how_to_install("ray").startswith("`scripts/ecojax --with ray`")
    assert how_to_install().startswith("`scripts/ecojax`")
    assert STAMP in (ROOT / "scripts/bootstrap.sh").read_text(encoding="utf-8")


class Installed(Distribution):
    """A distribution of some metadata and no files."""

    def __init__(self, metadata: str):
        self._metadata = metadata

    def read_text(self, filename):
        return self._metadata if filename == "METADATA" else None

    def locate_file(self, path):
        raise NotImplementedError


def found(metadata: str | None):
    def distribution(name: str) -> Distribution:
        if metadata is None or name != NAMESAKE:
            raise PackageNotFoundError(name)
        return Installed(metadata)

    return distribution


# as the index has it
STRANGER = "Name: ecojax\nVersion: 1.1\nSummary: A framework for simulating ecosystems in JAX.\n"


def test_the_strangers_package_beside_ours_is_told_with_the_remedy():
    (told,) = complaints(found(STRANGER), lambda module: None)
    assert "'ecojax' 1.1, an unrelated program (A framework for simulating ecosystems in JAX.)" in told
    # uninstalling the stranger's takes files of ours with it, so both go
    assert "`pip uninstall ecojax ecojax-tuner`, then" in told
    assert how_to_install() in told


def test_ours_alone_under_the_present_or_the_former_name_is_not_complained_of():
    former = "Name: ecojax\nVersion: 0.1.0\nProject-URL: Method, https://arxiv.org/abs/2601.08991\n"
    assert PROJECT["urls"]["Method"] in former
    assert namesake(found(former)) == ""
    assert namesake(found(None)) == ""


def test_plugins_for_cuda_12_and_13_beside_each_other_are_refused_where_there_is_a_gpu(monkeypatch):
    board = SimpleNamespace(
        NVMLError=type("NVMLError", (Exception,), {}),
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda k: k,
        nvmlDeviceGetUUID=lambda handle: "GPU-1",
        nvmlDeviceGetName=lambda handle: "A board",
    )
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setattr("ecojax.execute.places.find_spec", lambda module: module)
    monkeypatch.setattr("ecojax.execute.places.clashing_cuda", lambda: clashing_cuda(lambda module: module))
    with pytest.raises(
        InputError, match=r"CUDA 12 and for CUDA 13 are both installed.*pip uninstall jax-cuda"
    ):
        places("auto", None, nvml=board)
    assert places("cpu", None) == [{"JAX_PLATFORMS": "cpu"}]
    assert clashing_cuda(lambda module: module if "12" in module else None) == ""


def test_each_declared_dependency_is_one_that_is_told_when_missing():
    declared = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    modules = set().union(*(IMPORTED_AS.get(name, {name.replace("-", "_")}) for name in declared))
    assert modules == MODULES
    assert "orbax is missing" in missing(ModuleNotFoundError(name="orbax.checkpoint"))
    assert missing(ModuleNotFoundError(name="a_module_of_the_users")) == ""


def test_a_proposer_whose_package_is_missing_is_refused_at_the_start_and_the_others_do_without(monkeypatch):
    monkeypatch.setattr("ecojax.engine.engine.find_spec", lambda module: None)
    for proposer in ("assisted", "nsga2"):
        with pytest.raises(
            InputError, match=rf"proposer='{proposer}' needs the package evosax; run `.*or choose"
        ):
            require_packages(proposer)
    for proposer in ("local", "sobol", "random"):
        require_packages(proposer)


WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
sys.argv = ["ecojax", *{arguments!r}]
import runpy
runpy.run_module("ecojax", run_name="__main__")
"""


def without(absent: set[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m ecojax` where some packages are not installed."""
    program = WITHOUT.format(absent=absent, arguments=arguments)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("absent", ["typer", "jax"])
def test_a_package_that_is_missing_is_one_sentence_with_the_command(absent):
    result = without({absent}, "devices")
    assert (result.returncode, result.stdout) == (1, "")
    assert (
        result.stderr.strip()
        == f"ecojax: the package {absent} is missing, and this needs it; run {how_to_install()}"
    )


def test_a_search_beside_a_jax_that_is_there_needs_neither_evosax_nor_tensorflow_datasets(tmp_path):
    search = (
        "search --dataset digits --family linear --population 2 --epochs 1 --evaluations 2 --proposer sobol "
    )
    search += "--energy-ci 50% --frontier-energy-ci 0 --train-size 300 --executor inline"
    absent = {
        "evosax",
        "tensorflow_datasets",
        "array_record",
        "importlib_resources",
        "orbax",
        "matplotlib",
        "pynvml",
    }
    result = without(absent, *search.split(), "--out", str(tmp_path / "s"))
    assert result.returncode == 0, result.stderr
    assert "trials: 2 complete" in result.stdout
