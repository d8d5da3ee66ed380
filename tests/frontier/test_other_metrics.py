"""A study of another task than image classification: its own metrics, in every form that a study takes."""

import csv
import io
import json
import math

import pytest
from rich.console import Console

from ecojax.errors import InputError, StudyError
from ecojax.frontier import Study
from ecojax.frontier.pick import in_words
from ecojax.frontier.plot import draw, plot
from ecojax.frontier.table import render_table, to_csv, to_json
from ecojax.study import Metric, Status, StudyStore
from ecojax.study.parts import parted

OBJECTIVES = ("perplexity", "energy_per_token_j")
TASK = (
    Metric("perplexity", "minimize", "", "of the validation text", least=1, link="log", chance=30.0),
    Metric("energy_per_token_j", "minimize", "J", "energy of a token", when="metered", link="log"),
)
# the last one has learnt nothing; the fourth is beaten
POINTS = [(12.0, 4e-3), (15.0, 2e-3), (22.0, 1e-3), (16.0, 3e-3), (31.0, 1e-4)]


@pytest.fixture
def study(make_study) -> Study:
    records = [metric.to_record() for metric in TASK]
    return make_study(POINTS, OBJECTIVES, metrics=records, dataset="prose", dataset_title="Prose")


def shown(study: Study, width: int = 120) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(render_table(study, width))
    return console.file.getvalue()


def test_its_frontier_is_best_first_by_its_quality(study):
    assert study.quality.name == "perplexity"
    assert [trial.id for trial in study.frontier()] == [0, 1, 2, 4]
    assert study.best().id == study.pick("best").id == 0
    assert study.best("energy_per_token_j").id == 2  # the cheapest one has learnt nothing


def test_picks_know_quality_from_cost(study):
    """Both are minimised, and only one of them is cheap where it is small."""
    assert study.pick("perplexity<=20").id == 1
    assert study.pick("energy_per_token_j<=2mJ").id == 1
    assert study.pick("perplexity<=25, energy_per_token_j<=1500uJ").id == 2
    assert study.pick("cheapest").id == 2
    assert in_words(study, "cheapest", study.pick("cheapest")) == (
        "cheapest: trial 2, perplexity 22.0, energy 1.00 mJ; cheaper, but not significantly better than chance "
        "(30.0): trial 4"
    )
    with pytest.raises(
        InputError, match=r"'accuracy' is no metric; there are perplexity, energy_per_token_j"
    ):
        study.pick("accuracy>=0.5")
    with pytest.raises(
        InputError, match=r"bounds such as 'perplexity<=10' or 'perplexity<=10, energy_per_token_j<="
    ):
        study.pick("nothing")


def test_the_table_speaks_of_its_metrics(study):
    text = shown(study)
    head = text.splitlines()[2].split()
    assert head[:2] == ["perplexity", "energy"]
    assert "† perplexity not significantly better than chance (30.0; one-sided 95 %)" in text
    assert "perplexity: validation split" in text
    assert "energy: one token at batch 64" in text
    assert "accuracy" not in text
    assert "image" not in text


def test_json_and_csv_hold_its_metrics_and_the_rest_of_the_contract(study):
    summary = json.loads(to_json(study))
    assert summary["objectives"][0]["direction"] == "minimize"
    assert summary["chance_perplexity"] == 30.0
    assert summary["hypervolume_reference"] == {"perplexity": 30.0, "energy_per_token_j": 4e-3}
    assert 0 < summary["hypervolume"] < 1
    assert summary["hypervolume_meaning"] == "area in log perplexity × log energy"
    assert summary["hypervolume_ideal"] == {"perplexity": 1.0, "energy_per_token_j": pytest.approx(4e-9)}
    assert summary["extent"]["best"] == {"perplexity": 12.0}
    assert summary["extent"]["spans"] == {
        "energy_per_token_j": pytest.approx(4.0)
    }  # the guess is not counted
    member = summary["frontier"][0]["metrics"]
    assert member["perplexity"] == 12.0
    assert member["test_perplexity"] is member["latency_ms"] is None
    assert "accuracy" not in member
    assert "parameters" not in member
    head = next(csv.reader(io.StringIO(to_csv(study))))
    assert head[:4] == ["trial", "perplexity", "test_perplexity", "energy_per_token_j"]
    assert {"perplexity", "energy_per_token_j"} <= set(study.to_dataframe().columns)


def test_the_plot_has_its_quality_upright_whatever_the_order(study, tmp_path):
    for objectives in (OBJECTIVES, OBJECTIVES[::-1]):
        settings = study.settings | {"objectives": list(objectives)}
        axes = draw(Study(study.path, settings, study.trials, facts=study.facts)).axes[0]
        assert axes.get_ylabel() == "perplexity"
        assert axes.get_xlabel().startswith("energy per token at batch 64 (mJ)")
        assert "chance (30.0)" in axes.get_legend_handles_labels()[1]
    plot(study, tmp_path / "study.svg")


def test_repeats_have_means_and_intervals_of_its_metrics(make_study):
    study = make_study(
        [(12.0, 4e-3), (14.0, 2e-3)],
        OBJECTIVES,
        configurations=[{"width": 8}] * 2,
        metrics=[metric.to_record() for metric in TASK],
    )
    (member,) = study.frontier()
    assert member.metrics["perplexity"] == pytest.approx(13.0)
    assert member.metrics["perplexity_se"] == pytest.approx(1.0)
    assert member.metrics["energy_per_token_j_ci95"] == pytest.approx(12.7062 * 1e-3, rel=1e-4)
    assert member.metrics["perplexity_ci95"] == pytest.approx(12.7062, rel=1e-4)
    assert "13.0 ± 12.7" in shown(study)


def test_a_metric_without_an_end_is_measured_from_the_best_there_is(make_study):
    score = Metric("score", "maximize", least=float("-inf"))
    study = make_study(
        [(-1.0, 2e-3), (3.0, 4e-3), (2.0, 1e-3)],
        ("score", "energy_per_token_j"),
        metrics=[score.to_record(), TASK[1].to_record()],
    )
    assert study.hypervolume_reference() == {"score": -1.0, "energy_per_token_j": 4e-3}
    # of trial 2 the box from its point to the reference: three quarters of both sides
    assert study.hypervolume(plain=True) == pytest.approx(0.75 * 0.75)
    # who declares no scale is measured as it is, the energy by its logarithm
    assert study.hypervolume_meaning() == "area in score × log energy"
    assert study.hypervolume() == pytest.approx(0.75 * math.log10(4) / 6)
    assert study.extent().best == {"score": 3.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": [{"name": "perplexity"}]}, "direction"),
        ({"metrics": [3]}, "metrics"),
        ({"objectives": ["accuracy"]}, "'accuracy' is no metric of this study"),
        ({"objectives": ["test_perplexity"]}, "'test_perplexity' is no objective"),
        ({"constraints": {"accuracy": {"min": 0.5}}}, "'accuracy' is no metric of this study"),
    ],
)
def test_records_that_make_no_sense_are_damage(tmp_path, changes, message):
    facts = {"objectives": list(OBJECTIVES), "metrics": [metric.to_record() for metric in TASK]}
    parts = parted(facts | changes)
    with StudyStore.create(tmp_path / "study", parts["settings"], facts=parts["facts"]) as store:
        store.start(0, {}, origin="sobol", seed=0)
        store.end(0, Status.COMPLETE, metrics=dict(zip(OBJECTIVES, POINTS[0], strict=True)))
    with pytest.raises(StudyError, match=message):
        Study.open(tmp_path / "study")
