"""Bounds as people write them: in the metric's unit, whatever unit they were given in, and within its range."""

import pytest

from ecojax.errors import InputError
from ecojax.settings import SearchSettings, resolve
from ecojax.study import METRICS
from ecojax.study.bounds import bounds_of, parse_constraint


@pytest.mark.parametrize(
    ("text", "metric", "side", "bound"),
    [
        ("accuracy>=90%", "accuracy", "min", 0.9),
        ("accuracy >= 0.9", "accuracy", "min", 0.9),
        ("accuracy≥.9", "accuracy", "min", 0.9),
        ("latency_ms<=1ms", "latency_ms", "max", 1.0),
        ("latency_ms<=250µs", "latency_ms", "max", 0.25),
        ("latency_ms<=250 us", "latency_ms", "max", 0.25),
        ("latency_ms<=2s", "latency_ms", "max", 2000.0),
        ("train_seconds<=2min", "train_seconds", "max", 120.0),
        ("energy_per_sample_j<=5mJ", "energy_per_sample_j", "max", 0.005),
        ("train_energy_j≤1Wh", "train_energy_j", "max", 3600.0),
        ("parameters<=50k", "parameters", "max", 50_000.0),
        ("flops<=40M", "flops", "max", 4e7),
        ("flops<=40MFLOP", "flops", "max", 4e7),
        ("flops<=6e7", "flops", "max", 6e7),
    ],
)
def test_units_are_taken_in_bounds_as_in_budgets(text, metric, side, bound) -> None:
    assert parse_constraint(text) == (metric, {side: pytest.approx(bound, rel=1e-15)})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("accuracy>=90", "accuracy is a share; write accuracy>=0.9 or accuracy>=90%"),
        ("accuracy<=97.5", "write accuracy<=0.975 or accuracy<=97.5%"),
        ("accuracy>=150", "give a number from 0 to 1"),
        ("accuracy>=-0.1", "give a number from 0 to 1"),
        ("parameters<=-3", "parameters is never below 0"),
        ("latency_ms<=-1ms", "latency_ms is never below 0"),
        ("latency_ms<=5J", "'J' is none of the units ns"),
        ("energy_per_sample_j<=5 ms", "'ms' is none of the units nJ"),
        ("parameters<=50%", "'%' is none of the units k"),
        ("accuracy>=nan", "'nan' is no number"),
        ("flops<=1e999", "further than numbers reach"),
        ("acuracy>=0.9", r"'acuracy' is no metric \(did you mean 'accuracy'\?\)"),
        ("accuracy>0.9", "is no bound; write for instance"),
        ("flops", "is no bound; write for instance"),
    ],
)
def test_a_bound_that_its_metric_never_takes_is_refused_with_the_right_spelling(text, says) -> None:
    with pytest.raises(InputError, match=says):
        parse_constraint(text)


def test_texts_a_table_and_a_table_with_units_say_the_same() -> None:
    expected = {"accuracy": {"min": 0.9, "max": 0.99}, "latency_ms": {"max": 2.0}}
    assert bounds_of(["accuracy>=90%", "accuracy<=99%", "latency_ms<=2ms"]) == expected
    assert bounds_of({"accuracy": {"min": "90%", "max": 0.99}, "latency_ms": {"max": "2ms"}}) == expected
    assert SearchSettings(constraints=expected).bounds() == expected


def test_a_file_that_asks_for_ninety_of_a_share_is_refused(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[constraints.accuracy]\nmin = 90\n")
    with pytest.raises(InputError, match=r"mine\.toml: .*accuracy is a share; write accuracy>=0\.9"):
        resolve(path, {})
    path.write_text('[constraints.accuracy]\nmin = "90%"\n')
    assert resolve(path, {})[0].bounds() == {"accuracy": {"min": 0.9}}


def test_every_share_ends_at_one() -> None:
    shares = {name for name, metric in METRICS.items() if metric.is_share}
    assert {"accuracy", "test_accuracy", "expected_accuracy"} <= shares
    assert not shares & {"parameters", "flops", "epochs", "repeats"}
