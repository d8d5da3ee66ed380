"""Several trials of one configuration are one member, by their means; what is taken home is one of them."""

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from scipy import stats

from ecojax.frontier import repeats as of_repeats
from ecojax.frontier.intervals import half_width_95
from ecojax.frontier.plot import draw
from ecojax.frontier.repeats import by_configuration, repeats
from ecojax.frontier.table import render_table, to_csv
from ecojax.study import METRICS, Status, StudyStore, Trial

A, B, C = {"width": 8}, {"width": 16}, {"width": 24}


def trial(id_: int, configuration=A, **metrics: float) -> Trial:
    return Trial(id_, Status.COMPLETE, configuration, "sobol", id_, metrics)


def merged(trials):
    return of_repeats.merged(trials, METRICS)


@pytest.fixture
def repeated(make_study):
    """A's first training was lucky: by the means B beats it, and C is a trade-off of its own."""
    return make_study(
        [(0.95, 2e-5), (0.90, 2e-5), (0.80, 1e-5), (0.85, 2e-5), (0.75, 2e-5), None],
        configurations=[A, B, C, A, A, B],
        more={"accuracy_se": 0.01, "energy_per_sample_j_ci95": 1e-7},
    )


def test_dominance_is_by_the_means(repeated):
    """A's mean is .85 at B's cost; its lucky .95 counts for nothing, and B's failed repeat leaves B as it was."""
    assert [member.id for member in repeated.frontier()] == [1, 2]
    assert [repeats(t) for t in repeated.configurations()] == [3, 1, 1]
    assert repeated.best().id == 1
    assert repeated.best("energy_per_sample_j").id == 2


def test_a_single_trial_is_left_as_it_is(repeated):
    assert repeated.frontier() == [repeated.trials[1], repeated.trials[2]]


@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=6))
def test_means_and_their_errors(values):
    """Against scipy: the mean, its standard error, and Student's interval where the trials state none of their own."""
    found = merged(
        [
            trial(i, energy_per_sample_j=v, latency_ms=v, accuracy=v, parameters=7)
            for i, v in enumerate(values)
        ]
    )
    assert found.metrics["accuracy"] == pytest.approx(sum(values) / len(values))
    assert found.metrics["parameters"] == 7
    error = stats.sem(values)
    for name in ("latency_ms_se", "accuracy_se"):
        assert found.metrics[name] == pytest.approx(error, abs=1e-12)
    half = error * stats.t.ppf(0.975, len(values) - 1)
    assert found.metrics["energy_per_sample_j_ci95"] == pytest.approx(half, rel=1e-6, abs=1e-12)
    assert found.metrics["repeats"] == repeats(found) == len(values)
    assert set(found.metrics) <= set(METRICS)


def test_repeats_never_claim_more_than_the_trials_themselves():
    """Equal by chance, two trials still have their own intervals, and share their validation images."""
    stated = {"accuracy": 0.9, "accuracy_se": 0.02, "energy_per_sample_j": 1e-5}
    found = merged([trial(i, **stated, energy_per_sample_j_ci95=4e-7) for i in range(4)])
    assert found.metrics["accuracy_se"] == pytest.approx(0.02)
    assert found.metrics["energy_per_sample_j_ci95"] == pytest.approx(4e-7 / math.sqrt(4))


def test_the_order_of_equal_keys_does_not_make_another_configuration():
    trials = [trial(0, {"a": 1, "b": True}), trial(1, {"b": True, "a": 1}), trial(2, {"a": True, "b": 1})]
    assert [[t.id for t in group] for group in by_configuration(trials)] == [[0, 1], [2]]


def test_what_is_not_optimised_stays_the_first_trials_own():
    found = merged([trial(3, accuracy=0.9, test_accuracy=0.88), trial(5, accuracy=0.7, test_accuracy=0.6)])
    assert (found.id, found.seed, found.metrics["test_accuracy"]) == (3, 3, 0.88)


@pytest.fixture
def pair(make_study):
    """Of two configurations the better was trained twice."""
    return make_study(
        [(0.94, 2e-5), (0.6, 1e-5), (0.90, 2.2e-5)], configurations=[A, B, A], more={"test_accuracy": 0.5}
    )


def test_a_pick_is_judged_by_the_mean_and_gives_the_first_as_recorded(pair):
    assert pair.frontier()[0].metrics["accuracy"] == pytest.approx(0.92)
    for text in ("best", "accuracy>=0.91"):
        assert pair.pick(text) == pair.trials[0]
    assert (
        pair.pick("accuracy>=0.5, energy_per_sample_j<=2.05e-5").id == 1
    )  # 2e-5 it was once, not in the mean
    assert pair.pick("2") == pair.trials[2]
    assert (
        pair.repeats_of(pair.trials[0]) == pair.repeats_of(pair.trials[2]) == [pair.trials[0], pair.trials[2]]
    )


def test_a_configuration_is_feasible_when_each_of_its_trials_is(make_study):
    """As the engine has it, which knows sums of violations only."""
    study = make_study(
        [(0.9, 1e-5), (0.5, 1e-5), (0.7, 1e-4)],
        configurations=[A, A, B],
        constraints={"accuracy": {"min": 0.6}},
    )
    assert [member.id for member in study.frontier()] == [2]
    assert [t.id for t in study.feasible()] == [2]


def test_the_table_shows_how_many_and_their_error(pair):
    console = Console(width=120, file=io.StringIO(), color_system=None)
    console.print(render_table(pair, 120))
    text = console.file.getvalue().splitlines()
    assert any(line.split()[:3] == ["trial", "repeats", "%"] for line in text)
    first = next(line for line in text if "92.0" in line)
    half = stats.sem([94, 90]) * stats.t.ppf(0.975, 1)
    assert first.replace("◆", "").split()[:5] == ["0", "2", "92.0", "±", f"{half:.1f}"]
    assert any(line.startswith("repeats: trials that the figures are means over") for line in text)


def test_the_knee_of_repeats_keeps_its_mark(pair):
    """A merged member is made anew at each call, and no longer was the knee."""
    console = Console(width=120, file=io.StringIO(), color_system=None)
    console.print(render_table(pair, 120))
    marked = [line for line in console.file.getvalue().splitlines() if line.strip().startswith("◆")]
    assert [line.split()[1] for line in marked if "knee:" not in line] == [str(pair.knee().id)] == ["0"]


def test_the_repeats_of_a_merged_member_are_found(pair):
    """The mean of two trials equals neither of them."""
    assert [trial.id for trial in pair.repeats_of(pair.frontier()[0])] == [0, 2]
    assert pair.repeats_of(pair.best()) == [pair.trials[0], pair.trials[2]]


@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=6), st.floats(0, 0.05))
def test_the_interval_of_a_mean_accuracy_covers_what_trainings_and_images_leave_open(values, images):
    """Trainings by Student's t, shared images by the normal distribution; independent, so their squares add."""
    found = merged([trial(i, accuracy=v, accuracy_se=images) for i, v in enumerate(values)]).metrics
    between = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    expected = math.hypot(between, stats.norm.ppf(0.975) * images)
    assert half_width_95(METRICS["accuracy"], found) == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_the_interval_of_a_mean_latency_is_students():
    found = merged([trial(i, latency_ms=v) for i, v in enumerate((1.0, 1.2, 1.5))]).metrics
    expected = stats.t.interval(0.95, 2, 3.7 / 3, stats.sem([1.0, 1.2, 1.5]))
    assert 2 * half_width_95(METRICS["latency_ms"], found) == pytest.approx(expected[1] - expected[0])


def test_without_repeats_there_is_no_such_column(make_study):
    study = make_study([(0.9, 1e-5)])
    console = Console(width=120, file=io.StringIO(), color_system=None)
    console.print(render_table(study, 120))
    assert "repeats" not in console.file.getvalue()
    assert study.summary()["frontier"][0]["metrics"].keys().isdisjoint({"repeats"})


def test_json_and_csv_carry_means_and_their_number(pair):
    (first, second) = pair.summary()["frontier"]
    assert (first["trial"], first["metrics"]["repeats"], second["metrics"]["repeats"]) == (0, 2, None)
    assert first["metrics"]["accuracy"] == pytest.approx(0.92)
    rows = list(csv.DictReader(io.StringIO(to_csv(pair))))
    assert [row["repeats"] for row in rows] == ["2", ""]


def test_the_plot_marks_means_and_keeps_each_trial(pair):
    (axes,) = draw(pair).axes
    _, labels = axes.get_legend_handles_labels()
    assert {"frontier (2), 95 % intervals", "other trials (2)"} <= set(labels)


def test_one_objective_is_best_by_the_mean_so_far(make_study):
    (axes,) = draw(make_study([(0.9,), (0.8,), (0.5,)], ("accuracy",), configurations=[A, B, A])).axes
    _, best = axes.get_lines()
    assert best.get_ydata() == pytest.approx([90, 90, 80])


def test_a_repeat_outlives_reading_and_writing(pair):
    """The store holds trials alone: merging is reading."""
    with StudyStore.open(pair.path) as store:
        assert [t.metrics["accuracy"] for t in store.trials()] == [0.94, 0.6, 0.9]
