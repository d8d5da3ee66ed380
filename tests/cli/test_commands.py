"""The commands as a person types them: search, frontier, export, on real digits."""

import csv
import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import ecojax as package

CONTRACT = {
    "accuracy",
    "test_accuracy",
    "energy_per_sample_j",
    "energy_per_sample_j_ci95",
    "latency_ms",
    "parameters",
    "flops",
    "train_energy_j",
    "train_seconds",
}


def test_help_imports_nothing_slow():
    """No JAX, numpy, pydantic or rich before a command needs it: that is what keeps --help under 0.3 s."""
    code = (
        "import sys\n"
        "from ecojax.cli import main\n"
        "sys.argv = ['ecojax', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'jax', 'numpy', 'pydantic', 'rich', 'matplotlib'} & set(sys.modules)), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "search" in ran.stdout
    assert ran.stderr.strip() == "[]"


@pytest.mark.parametrize("command", ["search", "frontier", "export", "devices", "measure"])
def test_every_command_has_help_with_an_example(ecojax, command):
    answer = ecojax(command, "--help")
    assert answer.status == 0
    assert f"ecojax {command} " in answer.out


def test_version(ecojax):
    assert ecojax("--version").out == f"ecojax {package.__version__}\n"


def test_frontier_json_is_the_contract(ecojax, study):
    answer = ecojax("frontier", study, "--format", "json")
    assert answer.status == 0
    record = json.loads(answer.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert record["study"] == study.name
    assert record["dataset"] == "digits"
    assert record["seed"] == 0
    assert record["trials"]["complete"] == 5
    assert [objective["name"] for objective in record["objectives"]] == ["accuracy", "energy_per_sample_j"]
    assert record["objectives"][1]["provenance"].startswith("modeled (CPU time")
    assert 0 < record["hypervolume"] <= 1
    for member in record["frontier"]:
        assert set(member["metrics"]) >= CONTRACT
        assert all(np.isfinite(member["metrics"][name]) for name in CONTRACT)
        assert member["metrics"]["energy_per_sample_j"] > 0


def test_frontier_members_do_not_dominate_each_other(ecojax, study):
    members = json.loads(ecojax("frontier", study, "--format", "json").out)["frontier"]
    points = [(m["metrics"]["accuracy"], m["metrics"]["energy_per_sample_j"]) for m in members]
    assert points == sorted(points, reverse=True)
    assert len({accuracy for accuracy, _ in points}) == len({energy for _, energy in points}) == len(points)


def test_frontier_csv_agrees_with_json(ecojax, study):
    rows = list(csv.DictReader(io.StringIO(ecojax("frontier", study, "--format", "csv").out)))
    members = json.loads(ecojax("frontier", study, "--format", "json").out)["frontier"]
    assert [int(row["trial"]) for row in rows] == [member["trial"] for member in members]
    assert [float(row["accuracy"]) for row in rows] == [member["metrics"]["accuracy"] for member in members]


def test_frontier_table_states_provenance(ecojax, study):
    answer = ecojax("frontier", study)
    assert "modeled (CPU time × 10 W per core" in answer.out
    assert "digits" in answer.out


def test_frontier_plot(ecojax, study, tmp_path):
    answer = ecojax("frontier", study, "--plot", tmp_path / "frontier.png")
    assert answer.status == 0
    assert (tmp_path / "frontier.png").read_bytes().startswith(b"\x89PNG")


def test_export_loads_back_with_the_trials_own_predictions(ecojax, study, tmp_path):
    """The exported model's test accuracy is the one that the search recorded for the trial."""
    answer = ecojax("export", study, "--pick", "best", "--to", tmp_path / "model")
    assert re.match(
        r"best: trial \d+, accuracy [\d.]+ ± [\d.]+ %, energy [\d.]+ ± [\d.]+ [nµ]J, test [\d.]+ %",
        answer.out,
    )
    assert answer.status == 0, answer.err
    model = package.load(tmp_path / "model")
    best = package.Study.open(study).best()
    from ecojax.data import load

    images, labels = load("digits", train_size=400).read_test()
    assert np.mean(model.predict(images) == labels) == best.metrics["test_accuracy"]
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text()
    assert "modeled" in card
    energy = json.loads((tmp_path / "model" / "energy.json").read_text())
    assert str(best.metrics["energy_per_sample_j"]) in json.dumps(energy)


@pytest.mark.parametrize("pick", ["knee", "cheapest", "accuracy>=0.2"])
def test_picks(ecojax, study, tmp_path, pick):
    assert ecojax("export", study, "--pick", pick, "--to", tmp_path / "model").status == 0
    assert (tmp_path / "model" / "model.json").is_file()


def test_picking_a_trial_by_its_number(ecojax, study, tmp_path):
    assert ecojax("export", study, "--pick", "0", "--to", tmp_path / "model").status == 0
    assert '"trial": 0' in (tmp_path / "model" / "configuration.json").read_text()


def test_a_log_line_a_trial_when_the_output_is_no_terminal(ecojax, tmp_path, small_search):
    answer = ecojax("search", *small_search, "--evaluations", "2", "--out", tmp_path / "s")
    assert answer.status == 0
    lines = [line for line in answer.err.splitlines() if line.startswith("[")]
    assert [line.split("]")[0] for line in lines] == ["[1/2", "[2/2"]
    assert re.search(r"accuracy [\d.]+ %, energy [\d.]+ [pnµm]?J, [\d.]+ s; spent", lines[0])
    assert "modeled" in answer.out  # the frontier, at the end


def test_quiet_is_quiet(ecojax, tmp_path, small_search):
    answer = ecojax("search", *small_search, "--evaluations", "1", "--out", tmp_path / "s", "--quiet")
    assert answer == (0, "", "")


def test_the_live_display_shows_what_a_search_is_doing(study):
    from rich.console import Console

    from ecojax.cli.progress import Live
    from ecojax.session.aim import Aim

    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    trials = package.Study.open(study).trials
    live = Live(console)
    with live.display:
        live.aiming(Aim(["accuracy", "energy_per_sample_j"]))
        live.search_started(study, trials[:2], 5)
        live.trial_started(trials[2])
        live.trial_ended(trials[2])
        live.trial_started(trials[3])
        console.print(live.display.get_renderable())
    shown = console.file.getvalue()
    assert "3/5" in shown
    assert "done 3   failed 0   running 3 (" in shown
    assert re.search(r"frontier  accuracy [\d.]+ %, energy [\d.]+ [pnµm]?J", shown)
    assert re.search(r"spent [\d.]+ k?J in", shown)
    assert re.search(r"left [\d.]+ (s|min)", shown)


def test_the_display_shows_the_objectives_of_the_search():
    """It spoke of accuracy and energy whatever was searched for, and took members beyond a bound."""
    from ecojax.cli.progress import Silent
    from ecojax.session.aim import Aim
    from ecojax.study import Status, Trial

    def trial(id_, **metrics):
        return Trial(id_, Status.COMPLETE, {"width": id_}, "sobol", id_, metrics)

    listener = Silent()
    listener.aiming(Aim(["latency_ms", "parameters", "accuracy"], {"flops": {"max": 1e6}}))
    first = trial(0, accuracy=0.9, latency_ms=2.0, parameters=5000.0, flops=1e5)
    trials = [
        first,
        trial(1, accuracy=0.5, latency_ms=1.0, parameters=9000.0, flops=1e5),
        trial(2, accuracy=0.4, latency_ms=1.5, parameters=9500.0, flops=1e5),  # dominated
        trial(3, accuracy=0.99, latency_ms=0.1, parameters=10.0, flops=1e7),  # beyond the bound
    ]
    listener.search_started(Path("s"), trials, 9)
    assert listener.point(first) == "latency 2.00 ms, params 5.00 k, accuracy 90.0 %"
    assert listener.best() == (
        "latency 1.00 ms, params 9.00 k, accuracy 50.0 % … latency 2.00 ms, params 5.00 k, accuracy 90.0 %"
    )


def test_a_search_tells_the_display_what_it_is_for(ecojax, tmp_path, small_search):
    out = tmp_path / "s"
    answer = ecojax("search", *small_search, "--evaluations", "1", "--objective", "parameters", "--out", out)
    assert answer.status == 0, answer.err
    (line,) = [line for line in answer.err.splitlines() if line.startswith("[")]
    assert re.search(r"\(default\) params [\d.]+ k?, ", line)
    assert "accuracy" not in line


def test_search_from_python(tmp_path, small_options):
    study = package.search(**small_options, evaluations=2, out=tmp_path / "s")
    assert [trial.id for trial in study.trials] == [0, 1]
    assert study.best() in study.frontier()
    frame = study.to_dataframe()
    assert len(frame) == 2
    assert frame["accuracy"].between(0, 1).all()


def test_the_search_accounts_for_its_time(ecojax, tmp_path, small_search):
    """All of it, over both sessions."""
    before = 0.0
    for options in ([*small_search, "--evaluations", "1"], ["--resume", "--evaluations", "2"]):
        began = time.perf_counter()
        answer = ecojax("search", *options, "--out", tmp_path / "s")
        took = time.perf_counter() - began
        line = next(line for line in answer.err.splitlines() if "waiting for compilation " in line)
        assert sum(map(int, re.findall(r" (\d+) %", line))) == 100
        study = package.Study.open(tmp_path / "s")
        account = study.progress["account"]
        assert 0 < sum(account.values()) - before <= took
        assert account["training"] == pytest.approx(sum(t.metrics["train_seconds"] for t in study.trials))
        assert sum(t.metrics["trial_seconds"] for t in study.trials) < sum(account.values())
        before = sum(account.values())
    # nothing is left to do, or less than nothing
    for options, budget in (([], 2), (["--evaluations", "1"], 1)):
        answer = ecojax("search", "--resume", *options, "--out", tmp_path / "s")
        assert answer.status == 0
        assert (
            f"nothing to do: the study has 2 trials, and the budget of {budget} evaluations is spent; to go on"
            in answer.err
        )
        assert "trials: 2 complete" in answer.out
