"""The scripts of `scripts/` still fit the package: what they import is there, and their cheap parts run."""

import ast
import json
import subprocess
import sys
from importlib import import_module, util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
BENCHMARKS = [path for path in SCRIPTS if path.stem.startswith("benchmark_")]


def of_ours(path: Path) -> list[tuple[str, str]]:
    """Every module and name that a script imports from the repository, inside functions, too."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    return [
        (node.module, alias.name)
        for node in nodes
        if node.module.partition(".")[0] in ("ecojax", "benchmarks")
        for alias in node.names
    ]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_what_a_script_imports_is_there(path):
    for module, name in of_ours(path):
        there = import_module(module)
        if not hasattr(there, name):
            assert util.find_spec(f"{module}.{name}"), f"{module} has no {name}"


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_says_what_it_does(path, monkeypatch, capsys):
    spec = util.spec_from_file_location(path.stem, path)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", [path.name, "--help"])
    with pytest.raises(SystemExit, match=r"^0$"):
        module.main()
    assert "--out" in capsys.readouterr().out


CHEAP = {
    "search": ["convolutions", "digits", "warm", "regret", "--quick"],
    "energy": ["--only", "cpu"],
    "engine": ["--quick", "--part", "batch", "--seeds", "1", "--trials", "50", "--problems", "zdt1"],
    "scale": ["store", "--quick", "--trials", "2000"],
    "packing": ["--quick"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHEAP)
def test_the_cheap_parts_of_a_benchmark_run(name, tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / f"benchmark_{name}.py"), *CHEAP[name]]
    cache = ["--cache", str(tmp_path / "cache.jsonl")] if name == "engine" else []
    out = tmp_path / "out"
    out.mkdir()
    ran = subprocess.run([*command, *cache, "--out", str(out)], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    (record,) = out.glob("*.json")
    assert json.loads(record.read_text())


def test_a_search_of_the_engine_that_ends_before_its_first_figure_is_refused(tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "benchmark_engine.py"), "--trials", "20", "--quick"]
    ran = subprocess.run([*command, "--out", str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "--trials 20 ends before the first figure; give 50 or more" in ran.stderr
