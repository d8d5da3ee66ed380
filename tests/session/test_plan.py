"""What a search will do is shown before it does it, each choice with where it came from."""

import sys

import pytest

import ecojax
from ecojax.cli import main
from ecojax.errors import InputError
from ecojax.session.loop import Listener
from ecojax.session.plan import on_the_host
from ecojax.settings import SearchSettings, find_config, resolve

SMALL = {"families": ["mlp"], "train_size": 300, "population": 2, "epochs": 1, "executor": "inline"}


class Heard(Listener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def told_plan(self, lines) -> None:
        self.lines += lines


def line(lines: list[str], name: str) -> str:
    return next(one for one in lines if one.startswith(name))


def test_a_dry_run_shows_the_plan_with_its_origins_and_writes_nothing(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    words = "search --dataset digits --family mlp --train-size 300 --executor inline --seed 3 --budget 2h --dry-run"
    monkeypatch.setattr(sys, "argv", ["ecojax", *words.split(), "--constraint", "accuracy>=50%"])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr()
    assert (stop.value.code, said.out) == (0, "")
    lines = said.err.splitlines()
    assert "300 images train, 288 validate" in line(lines, "data")
    assert "mlp (--family)" in line(lines, "space")
    assert line(lines, "objectives").endswith("accuracy, energy_per_sample_j (default)")
    assert line(lines, "constraints").endswith("accuracy ≥ 0.5 (--constraint)")
    assert "48 evaluations (digits.toml), budget 2h (--budget)" in line(lines, "budget")
    assert "epochs 20 (digits.toml), seed 3 (--seed)" in line(lines, "training")
    assert "cpu: cpu, float32, 1 worker" in line(lines, "device")
    assert "modeled (CPU time" in line(lines, "meter")
    assert "mlp of " in line(lines, "a dry run")
    assert list(tmp_path.iterdir()) == []


def test_a_listener_in_python_hears_the_plan_and_a_dry_run_gives_a_study_without_trials(tmp_path) -> None:
    heard = Heard()
    study = ecojax.search("digits", **SMALL, dry_run=True, listener=heard, out=tmp_path / "s")
    assert "mlp (families)" in line(heard.lines, "space")
    assert line(heard.lines, "constraints").endswith("none")
    assert study.trials == []
    assert not (tmp_path / "s").exists()
    with pytest.raises(InputError, match="dry_run=True shows a new search; leave resume=True out"):
        ecojax.search(out=tmp_path / "s", resume=True, dry_run=True)


def test_a_dry_run_finds_what_cannot_be_built(tmp_path, monkeypatch) -> None:
    def unbuildable(self):
        raise ValueError("no such network")

    monkeypatch.setattr("ecojax.tasks.supervised.training.SupervisedTraining.lowered", unbuildable)
    with pytest.raises(ValueError, match="no such network"):
        ecojax.search("digits", **SMALL, dry_run=True, out=tmp_path / "s")


@pytest.mark.parametrize(
    ("kind", "bounded"), [("cpu: cpu", True), ("gpu: NVIDIA H100", False), ("tpu: v5", False)]
)
def test_the_bound_of_cifar10_holds_on_cpu_hosts_alone(kind, bounded) -> None:
    settings, _ = resolve(find_config("cifar10"), {})
    assert on_the_host(settings, kind).bounds() == ({"flops": {"max": 4e7}} if bounded else {})


def test_a_bound_for_a_host_shows_and_an_option_wins_over_it(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[constraints_on.cpu.parameters]\nmax = "50k"\n[constraints_on.gpu.parameters]\nmax = 9')
    heard = Heard()
    study = ecojax.search("digits", **SMALL, config=path, dry_run=True, listener=heard, device="cpu")
    assert line(heard.lines, "constraints").endswith(f"parameters ≤ 50000 ({path}, on cpu)")
    assert study.constraints == {"parameters": {"max": 50_000}}
    given, _ = resolve(path, {"constraints": ["parameters<=60k"]})
    assert on_the_host(given, "cpu: cpu").bounds() == {"parameters": {"max": 60_000}}


def test_a_bound_for_a_host_is_checked_as_any_other(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[constraints_on.gpu.accuracy]\nmin = 90")
    with pytest.raises(InputError, match=r"mine\.toml: constraints_on\.gpu\.accuracy: .*is a share"):
        resolve(path, {})
    path.write_text("[constraints_on.npu.accuracy]\nmin = 0.9")
    with pytest.raises(InputError, match=r"mine\.toml: .*npu"):
        resolve(path, {})
    assert SearchSettings().constraints_on == {}
