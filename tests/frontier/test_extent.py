"""How far a frontier reaches, and what the hypervolume on scales does not do: invariants, and cases by hand."""

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from ecojax.cli.progress import Silent
from ecojax.frontier.table import render_table
from ecojax.frontier.volume import share_of_box
from ecojax.session.aim import Aim
from ecojax.study import METRICS, Metric

GUESS = {"chance_accuracy": 0.1, "splits": {"validation": {"size": 1000}}}
POINTS = [(0.90, 8e-5), (0.80, 4e-5), (0.60, 1e-5), (0.10, 1e-7), (0.50, 9e-5)]


def shown(study) -> str:
    console = Console(width=200, file=io.StringIO(), color_system=None)
    console.print(render_table(study, 200))
    return console.file.getvalue()


def test_the_reach_is_that_of_the_members_that_learnt(make_study):
    study = make_study(POINTS, **GUESS)
    extent = study.extent()
    assert (extent.members, extent.apart) == (3, 3)
    assert extent.best == {"accuracy": 0.9}
    assert extent.spans == {"energy_per_sample_j": pytest.approx(8.0)}
    assert study.summary()["extent"]["spans"] == extent.spans
    assert "extent: 3 members; energy 8.00 times; accuracy to 90.0 %; spacing" in shown(study)


def test_spacing_is_schotts_on_the_scales(make_study):
    """Steps that are equal on both scales are even; by hand otherwise, each scale from 0 to 1 over the frontier."""
    logit = lambda x: 1 / (1 + math.exp(-x))  # noqa: E731
    even = [(logit(x) * 1.004 - 0.002, 1e-6 * 10**x) for x in (-2.0, -1.0, 0.0, 1.0)]
    assert make_study(even).extent().spacing == pytest.approx(0, abs=1e-9)


def test_spacing_of_three_by_hand(make_study):
    plain = Metric("score", "maximize", least=-math.inf, link="identity")
    cost = Metric("cost", "minimize", "J", when="metered", link="identity")
    records = [plain.to_record(), cost.to_record()]
    study = make_study([(0.0, 0.0), (1.0, 1.0), (4.0, 4.0)], ("score", "cost"), metrics=records)
    # nearest: 2/4, 2/4 and 6/4
    assert study.extent().spacing == pytest.approx(np.std([0.5, 0.5, 1.5], ddof=1))
    assert study.extent().spans == {}  # one costs nothing


def test_two_members_have_no_spacing_and_none_no_extent(make_study):
    study = make_study([(0.9, 2e-5), (0.5, 1e-5)])
    assert study.extent().spacing is None
    assert study.extent().spans == {"energy_per_sample_j": pytest.approx(2.0)}


@pytest.mark.parametrize("points", [[], [None]])
def test_without_a_frontier_there_is_nothing_to_reach(make_study, points):
    extent = make_study(points).extent()
    assert (extent.members, extent.apart, extent.best, extent.spans, extent.spacing) == (0, 0, {}, {}, None)


@pytest.mark.parametrize(("half", "apart"), [(1e-7, 3), (2e-6, 2), (1e-3, 1)])
def test_members_within_each_others_intervals_are_counted_once(make_study, half, apart):
    """Two within 2 µJ of each other, and a third 30 µJ away; accuracies are a tie of all."""
    study = make_study(
        [(0.90, 4.2e-5), (0.89, 4.0e-5), (0.88, 1e-5)],
        more={"accuracy_se": 0.05, "energy_per_sample_j_ci95": half},
    )
    assert (study.extent().members, study.extent().apart) == (3, apart)
    assert (f"3 members, {apart} apart;" in shown(study)) == (apart < 3)


def test_the_hypervolume_grows_with_what_is_found_and_knows_no_unit():
    metrics = [METRICS["accuracy"], METRICS["energy_per_sample_j"]]
    points = np.array([(0.5, 1e-4), (0.6, 5e-5), (0.61, 5e-5), (0.4, 1e-6), (0.99, 9e-5)])

    def volume(values: np.ndarray, unit: float) -> float:
        reference = {"accuracy": 0.0, "energy_per_sample_j": 1e-4 * unit}
        return share_of_box(metrics, [values[:, 0], values[:, 1] * unit], reference)

    found = [volume(points[:n], 1.0) for n in range(1, 6)]
    assert found[0] == 0  # as dear as the reference
    assert np.all(np.diff(found) > 0)
    assert [volume(points[:n], 1e3) for n in range(1, 6)] == pytest.approx(found)
    assert volume(np.array([(1.0, 1e-30)]), 1.0) == 1  # beyond a millionth there is no more


def test_the_last_per_cent_counts_where_plain_axes_hardly_see_it():
    metrics = [replace(METRICS["accuracy"], chance=0.1, count=1000), METRICS["energy_per_sample_j"]]
    reference = {"accuracy": 0.1, "energy_per_sample_j": 1e-4}
    for plain, least, most in ((True, 1.0, 1.02), (False, 1.1, 2.0)):
        one, other = (share_of_box(metrics, [[a], [5e-5]], reference, plain=plain) for a in (0.976, 0.993))
        assert least < other / one < most


def test_a_running_search_tells_what_the_study_would(make_study):
    study = make_study(POINTS, **GUESS)
    display = Silent()
    display.aiming(Aim(study.objectives, {}, study.metrics))
    assert display.reach() == "–"
    for trial in study.trials:
        display.trial_ended(trial)
    assert display.reach() == (
        f"3 members, energy 8.00 times, hypervolume {study.hypervolume():.3f} (area in logit accuracy × log energy)"
    )
