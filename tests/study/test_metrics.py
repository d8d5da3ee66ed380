"""Metrics as declarations: what a study has beside its task's own, and records that give them back."""

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecojax.errors import InputError
from ecojax.settings import SearchSettings, require_metrics, resolve
from ecojax.study import METRICS, Metric, Words
from ecojax.study.bounds import parse_constraint
from ecojax.study.declarations import declared, metrics_of, objective, selectable

PERPLEXITY = Metric("perplexity", "minimize", "", "of the validation text", least=1, link="log", chance=50.0)
TOKEN = Metric("energy_per_token_j", "minimize", "J", "energy of a token", when="metered", link="log")

words = st.builds(
    Words, st.text("abc µ", max_size=5), st.text("abc", max_size=5), unit_size=st.floats(1e-3, 100)
)
metrics = st.builds(
    Metric,
    st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
    st.sampled_from(["maximize", "minimize"]),
    st.sampled_from(["", "J", "ms"]),
    objective=st.booleans(),
    least=st.sampled_from([0.0, -math.inf, 1.5]),
    most=st.sampled_from([1, math.inf, 1e9]),
    when=st.sampled_from(["built", "metered", "trained"]),
    count=st.none() | st.integers(1, 10**6),
    chance=st.none() | st.floats(0, 1),
    spread=st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), max_size=2).map(tuple),
    words=st.none() | words,
    shown=st.sampled_from(["always", "wide", "never"]),
    contract=st.booleans(),
)


@given(metrics)
def test_a_record_in_json_gives_the_metric_back(metric: Metric) -> None:
    assert Metric.from_record(json.loads(json.dumps(metric.to_record(), allow_nan=False))) == metric


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (3, "'name' is missing"),
        ({"name": "f1"}, "'direction' is missing"),
        ({"name": "f1", "direction": "up"}, "direction = 'up'"),
        ({"name": "f 1", "direction": "maximize"}, "'f 1' cannot be the name of a metric"),
        ({"name": "f1", "direction": "maximize", "spread": [1]}, "spread.0 = 1"),
        ({"name": "f1", "direction": "maximize", "chance": "low"}, "chance = 'low'"),
    ],
)
def test_what_is_no_record_of_a_metric_is_refused(record: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Metric.from_record(record)


def test_a_direction_that_there_is_not_names_those_that_there_are() -> None:
    with pytest.raises(
        InputError, match="direction of the metric 'f1' is 'up'; write one of maximize, minimize"
    ):
        Metric("f1", "up")  # type: ignore[arg-type]


def test_a_task_adds_what_its_metrics_are_on_the_test_split_and_their_spread() -> None:
    found = declared([TOKEN, PERPLEXITY])
    assert next(iter(found)) == "perplexity"
    assert {"test_perplexity", "perplexity_se", "perplexity_ci95", "expected_perplexity"} <= found.keys()
    assert {"energy_per_token_j_ci95", "latency_ms", "train_energy_j", "trial_seconds"} <= found.keys()
    assert not {"accuracy", "energy_per_sample_j", "parameters"} & found.keys()
    assert [name for name, metric in found.items() if metric.is_inference_energy] == ["energy_per_token_j"]
    assert found["energy_per_token_j"].said.long == "energy per token"
    assert not found["test_perplexity"].objective
    assert not found["perplexity"].is_cost
    assert all(found[name].is_cost for name in ("energy_per_token_j", "latency_ms", "train_energy_j"))


def test_what_a_task_declares_goes_before_what_every_trial_has() -> None:
    own = Metric("latency_ms", "minimize", "ms", "of one token", when="metered")
    assert declared([PERPLEXITY, own])["latency_ms"].meaning == "of one token"


def test_a_study_without_records_is_of_image_classification() -> None:
    older = metrics_of({"inputs": {"class_names": list("abcd")}, "splits": {"validation": {"size": 70}}})
    assert list(older) == [name for name in METRICS if not re.search("r2|rmse", name)]
    assert (older["accuracy"].chance, older["accuracy"].count) == (0.25, 70)
    assert metrics_of({"chance_accuracy": 0.1})["accuracy"].chance == 0.1


@pytest.mark.parametrize("records", [{}, [], "accuracy", [1], [{"name": "f1"}]])
def test_a_study_of_damaged_records_is_refused(records: object) -> None:
    with pytest.raises(ValueError, match=r"metrics|missing"):
        metrics_of({"metrics": records})


def test_names_are_looked_up_among_the_tasks_metrics() -> None:
    own = declared([PERPLEXITY, TOKEN])
    assert objective("perplexity", own).least == 1
    with pytest.raises(InputError, match=r"'perplexty' is no objective \(did you mean 'perplexity'\?\)"):
        objective("perplexty", own)
    with pytest.raises(
        InputError, match="choosing by test_perplexity would spend the test set; use perplexity"
    ):
        selectable("test_perplexity", "the pick", own)
    with pytest.raises(InputError, match="'accuracy' is no metric; there are perplexity, energy_per_token_j"):
        selectable("accuracy", "the pick", own)
    assert parse_constraint("energy_per_token_j<=5mJ", own) == ("energy_per_token_j", {"max": 5e-3})
    with pytest.raises(InputError, match="perplexity is never below 1; give a number of at least 1"):
        parse_constraint("perplexity<=0.5", own)


def test_settings_of_a_task_that_is_not_known_yet_are_checked_once_it_is() -> None:
    given = {
        "objectives": ["perplexity", "energy_per_token_j"],
        "constraints": ["perplexity<=20", "energy_per_token_j<=2mJ", "f1>=80%"],
    }
    with pytest.raises(InputError, match="'perplexity' is no metric"):
        resolve(None, given)
    settings, origins = resolve(None, given | {"task": "mine.py:Prose"})
    assert settings.bounds() == {
        "perplexity": {"max": 20.0},
        "energy_per_token_j": {"max": 2e-3},
        "f1": {"min": 0.8},
    }
    with pytest.raises(InputError, match="'f1' is no metric"):
        require_metrics(settings, declared([PERPLEXITY, TOKEN]), origins)
    f1 = Metric("f1", "maximize", most=1)
    require_metrics(settings, declared([PERPLEXITY, TOKEN, f1]), origins)


def test_objectives_that_nobody_named_are_the_tasks() -> None:
    from types import SimpleNamespace

    from ecojax.session.workplace import completed

    def aims(metrics, **given):
        settings, origins = resolve(None, {"task": "mine.py:Prose", **given})
        task = SimpleNamespace(metrics=metrics, objectives=[one.name for one in metrics])
        return completed(settings, origins, task).objectives

    assert aims([PERPLEXITY, TOKEN]) == ["perplexity", "energy_per_token_j"]
    assert aims([PERPLEXITY, TOKEN], objectives=["latency_ms"]) == ["latency_ms"]
    assert SearchSettings().objectives == ["accuracy", "energy_per_sample_j"]
    with pytest.raises(InputError, match=r"'perplexit' is no objective \(did you mean 'perplexity'"):
        aims([PERPLEXITY, TOKEN], objectives=["perplexit"])
