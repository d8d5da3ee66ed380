import csv
import io
import json

import pytest
from rich.console import Console
from scipy import stats

from ecojax.frontier.plot import draw
from ecojax.frontier.quantities import duration, joules, scale, written
from ecojax.frontier.table import render_table, to_csv, to_json
from ecojax.study import METRICS

MORE = {
    "accuracy_se": 0.0104,
    "energy_per_sample_j_ci95": 4e-7,
    "test_accuracy": 0.873,
    "latency_ms": 0.25,
    "parameters": 12345,
    "flops": 2.5e6,
    "train_energy_j": 321.0,
    "train_seconds": 12.0,
}
POINTS = [(0.9, 4.13e-5), (0.7, 1.2e-5), None]
CONFIGURATIONS = [
    {"family": "convnet", "width": 16, "activation": "relu", "flip": True, "learning_rate": 0.0123456},
    {"family": "mlp", "hidden_width": 64, "activation": "relu", "flip": False, "learning_rate": 0.1},
    {"family": "mlp"},
]


def lines(study, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(render_table(study, width))
    return console.file.getvalue().splitlines()


def row(text: list[str], start: str) -> str:
    return next(line for line in text if line.strip().startswith(start))


def test_cells_units_and_provenance(make_study):
    text = lines(make_study(POINTS, more=MORE, configurations=CONFIGURATIONS), 160)
    assert row(text, "trial").split() == ["trial", "%", "%", "µJ", "µs", "k", "MFLOP", "J", "s", "network"]
    first = row(text, "◆ 0")
    for cell in ("90.0 ± 2.0", "87.3", "41.3 ± 0.4", "250", "12.3", "2.50", "321", "12.0"):
        assert cell in first
    # Only what differs, the architecture before the recipe.
    assert first.rstrip().endswith("convnet width=16 flip learning_rate=0.0123")
    assert any("modeled (CPU time × 10 W per core, this process, ±30 %)" in line for line in text)
    assert any("trials: 2 complete, 1 diverged" in line for line in text)


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120, 200])
def test_no_row_is_wider_than_the_terminal_and_none_is_broken(make_study, width):
    long = [c | {f"parameter_{i}": id_ for i in range(9)} for id_, c in enumerate(CONFIGURATIONS)]
    text = lines(make_study(POINTS, more=MORE, configurations=long), width)
    assert max(map(len, text)) <= width
    rule = next(i for i, line in enumerate(text) if line.startswith("──"))
    assert text[rule + 3].strip() == ""  # two members, two lines


def test_at_80_columns_the_important_columns_are_there(make_study):
    text = lines(make_study(POINTS, more=MORE, configurations=CONFIGURATIONS), 80)
    header = next(line for line in text if "accuracy" in line)
    assert header.split() == ["accuracy", "test", "energy", "latency", "params"]
    assert "network" in row(text, "trial")


def test_a_test_set_that_was_not_read_takes_no_column(make_study):
    assert not any("test" in line for line in lines(make_study(POINTS), 120))


def test_without_a_frontier_the_reason_is_shown(make_study):
    text = " ".join(" ".join(lines(make_study([None]), 80)).split())
    assert (
        "no frontier yet, none of its trials is complete (1 diverged; the last: the loss is not finite)"
        in text
    )


def test_constraints_are_stated(make_study):
    study = make_study(POINTS, constraints={"accuracy": {"min": 0.8}})
    assert any("accuracy ≥ 0.8; feasible trials: 1" in line for line in lines(study, 100))


def test_brackets_in_a_configuration_are_no_markup(make_study):
    configurations = [{"name": "[red]a"}, {"name": "[/b]"}, {}]
    assert any("[red]a" in line for line in lines(make_study(POINTS, configurations=configurations), 80))


def test_csv_gives_back_every_value(make_study):
    study = make_study(POINTS, more=MORE, configurations=CONFIGURATIONS)
    rows = list(csv.DictReader(io.StringIO(to_csv(study))))
    assert [int(row["trial"]) for row in rows] == [trial.id for trial in study.frontier()]
    for cells, trial in zip(rows, study.frontier(), strict=True):
        for name, value in trial.metrics.items():
            assert float(cells[name]) == value
        for name, value in trial.configuration.items():
            assert cells[f"config.{name}"] == str(value)
    assert rows[0]["config.hidden_width"] == ""


def test_csv_of_nothing_is_a_header(make_study):
    (header,) = csv.reader(io.StringIO(to_csv(make_study([None]))))
    assert header[:3] == ["trial", "accuracy", "test_accuracy"]


def test_json_is_the_summary(make_study):
    study = make_study(POINTS, more=MORE)

    def refuse(constant):
        raise AssertionError(constant)

    assert json.loads(to_json(study), parse_constant=refuse) == study.summary()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 J"),
        (4.13e-5, "41.3 µJ"),
        (1e-6, "1.00 µJ"),
        (9.996e-7, "1.00 µJ"),
        (0.5, "500 mJ"),
        (1234.5, "1.23 kJ"),
        (3.2e-10, "320 pJ"),
    ],
)
def test_joules(value, text):
    assert joules(value) == text


def test_times_are_written_however_short():
    """39 ms of training was 0.0 s, and half a second of a search 0 s."""
    assert written(METRICS["train_seconds"], 0.039) == "0.0390 s"
    assert [duration(seconds) for seconds in (0.039, 0.5, 7.26, 59.4, 185)] == [
        "0.039 s",
        "0.5 s",
        "7.3 s",
        "59 s",
        "3 min 05 s",
    ]
    assert duration(0) == "0 s"
    assert written(METRICS["energy_per_sample_j"], float("nan")) == joules(float("inf")) == "–"


def test_table_and_plot_have_the_same_intervals(make_study):
    """The table had one standard error where the plot had 95 %; now 1.96 of them in both, and it says so."""
    study = make_study(POINTS[:1], more=MORE)
    text = lines(study, 160)
    (axes,) = draw(study).axes
    vertical = axes.containers[0].lines[2][1].get_segments()[0]
    low, high = vertical[:, 1]
    assert (high - low) / 2 == pytest.approx(100 * stats.norm.ppf(0.975) * MORE["accuracy_se"], rel=1e-5)
    assert f"90.0 ± {(high - low) / 2:.1f}" in row(text, "◆ 0")
    for figure in ("accuracy", "energy"):
        assert any(line.startswith(f"{figure}: ") and "± half of the 95 % interval" in line for line in text)


def test_picks_are_named_below_the_table(make_study):
    text = " ".join(lines(make_study(POINTS), 100))
    assert "◆ knee: trial 0, the pick by default; best: trial 0, cheapest: trial 1" in text


def test_a_column_takes_the_unit_of_its_median():
    assert scale(METRICS["energy_per_sample_j"], [2e-7, 3e-5, 4e-3]).unit == "µJ"
    assert scale(METRICS["latency_ms"], [0.2, 0.3, 0.4]).unit == "µs"
    assert scale(METRICS["latency_ms"], [250.0]).factor == pytest.approx(1)
    assert scale(METRICS["parameters"], []).unit == ""
    assert written(METRICS["accuracy"], 0.974) == "97.4 %"
