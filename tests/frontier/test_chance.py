"""Models that are no better than a guess: told from the others, marked, and no pick while there are others."""

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import binomtest

from ecojax.errors import StudyError
from ecojax.frontier import Study
from ecojax.frontier.chance import Chance
from ecojax.frontier.pick import in_words
from ecojax.frontier.plot import draw
from ecojax.frontier.table import render_table
from ecojax.study import METRICS, Status, Trial
from ecojax.study.facts import Facts

IMAGES = 100
GUESS = {"chance_accuracy": 0.1, "splits": {"validation": {"size": IMAGES}}}
# the cheapest three guess; 15 of 100 is what a guess reaches with 7 %, 17 of 100 with 2 %
POINTS = [(0.90, 1e-4), (0.50, 1e-5), (0.17, 2e-6), (0.15, 1e-6), (0.11, 5e-7), (0.09, 1e-7)]


def shown(study, width=120):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(render_table(study, width))
    return console.file.getvalue()


@pytest.mark.parametrize("images", [1, 7, 100, 288, 10_000])
@pytest.mark.parametrize("chance", [0.01, 0.1, 0.5, 0.93])
def test_better_than_chance_is_scipys_binomial_test(chance, images):
    level = Chance(replace(METRICS["accuracy"], chance=chance, count=images))
    counts = sorted(
        {0, images, *(min(images, round(images * chance * factor)) for factor in np.linspace(0.5, 2, 40))}
    )
    for correct in counts:
        trial = Trial(0, Status.COMPLETE, {}, "sobol", 0, {"accuracy": correct / images})
        expected = binomtest(correct, images, chance, alternative="greater").pvalue <= 0.05
        assert level.is_beaten_by(trial) is bool(expected), (correct, images, chance)


def test_a_guess_on_unequal_classes_is_the_most_frequent_one():
    from ecojax.data import load

    digits = load("digits", train_size=100)
    for counts, classes, chance in (((70, 20, 10), 3, 0.7), ((10, 10, 10), 3, 1 / 3), ((2, 1, 1), 10, 0.5)):
        labels = np.repeat(np.arange(3, dtype=np.int32), counts)
        names = tuple(map(str, range(classes)))
        assert replace(digits, y_validation=labels, class_names=names).chance_accuracy == pytest.approx(
            chance
        )


def test_an_older_study_derives_chance_from_its_classes(make_study):
    study = make_study(POINTS, inputs={"class_names": list("abcd")})
    assert (study.chance.level, study.chance.samples) == (0.25, None)
    assert [study.better_than_chance(trial) for trial in study.trials] == [True, True, *[False] * 4]


def test_a_study_that_does_not_say_marks_nothing(make_study):
    study = make_study(POINTS)
    assert study.better_than_chance(study.trials[5]) is None
    assert "†" not in shown(study)
    assert study.pick("cheapest").id == 5
    assert study.hypervolume_reference()["accuracy"] == 0


def test_the_cheapest_is_no_guess(make_study):
    study = make_study(POINTS, **GUESS)
    assert [trial.id for trial in study.frontier()] == [0, 1, 2, 3, 4, 5]
    assert study.pick("cheapest").id == study.pick("accuracy>=0.05").id == 2
    assert study.best("energy_per_sample_j").id == 2
    said = in_words(study, "cheapest", study.pick("cheapest"))
    assert said.startswith(
        "cheapest: trial 2, accuracy 17.0 %, energy 2.00 µJ; cheaper, but not significantly better"
    )
    assert said.endswith("than chance (10.0 %): trial 3, 4, 5")


def test_the_knee_begins_at_chance(make_study):
    """Scaled over those that learnt, trial 1 lies below the line between the extremes; with the guess, above it."""
    points = [(0.90, 90e-6), (0.82, 85e-6), (0.50, 82e-6), (0.11, 1e-7)]
    scaled = [(0.9 - a) / 0.4 + (e - 82e-6) / 8e-6 for a, e in points[:3]]
    study = make_study(points, **GUESS)
    assert study.knee().id == study.pick("knee").id == scaled.index(min(scaled)) == 1
    assert Study(study.path, study.settings, study.trials, facts=Facts(chance_accuracy=0.0)).knee().id == 0


def test_where_all_guess_the_pick_says_so(make_study):
    study = make_study([(0.12, 1e-6), (0.10, 1e-7)], **GUESS)
    for text, id_ in (("best", 0), ("cheapest", 1)):
        assert study.pick(text).id == id_
        said = in_words(study, text, study.pick(text))
        assert "warning: its accuracy is not significantly better than chance (10.0 %)" in said
    assert "all members are, so picks are among them" in " ".join(shown(study).split())


def test_guesses_are_marked_in_table_json_and_plot(make_study):
    study = make_study(POINTS, **GUESS)
    lines = shown(study).splitlines()
    rows = [line for line in lines if "±" in line or "%" not in line]
    marked = {line.split()[1] for line in rows if line.strip().startswith("†") and "accuracy" not in line}
    assert marked == {"3", "4", "5"}
    assert any(
        "† accuracy not significantly better than chance (10.0 %; one-sided 95 %, over 100 validation samples)"
        in line
        for line in lines
    )
    summary = study.summary()
    assert summary["chance_accuracy"] == 0.1
    assert [member["better_than_chance"] for member in summary["frontier"]] == [True] * 3 + [False] * 3
    assert summary["picks"] == {"best": 0, "knee": study.knee().id, "cheapest": 2}
    _, labels = draw(study).axes[0].get_legend_handles_labels()
    assert {"no better than chance (3)", "chance (10.0 %)"} <= set(labels)


def test_hypervolume_begins_at_chance(make_study):
    """In closed form; what a guess adds at a lower price is nothing."""
    study = make_study([(0.8, 1e-5), (0.5, 4e-5), (0.1, 1e-7)], chance_accuracy=0.2)
    assert study.hypervolume_reference() == {"accuracy": 0.2, "energy_per_sample_j": 4e-5}
    assert study.hypervolume(plain=True) == pytest.approx(0.75 * 0.75)
    of_a_guess = math.sqrt(1000 * 0.2 * 0.8)
    of_the_way = 1 - math.log(202 / (600 + of_a_guess) * (800 + of_a_guess) / 2) / math.log(
        802 / of_a_guess * (800 + of_a_guess) / 2
    )
    assert study.hypervolume() == pytest.approx(of_the_way * math.log10(4) / 6)
    assert (
        "of the area in logit accuracy × log energy (plain: 0.562) "
        "its box: accuracy from 20.0 % (chance) to 100 %, energy from 40.0 µJ to 40.0 pJ"
    ) in " ".join(shown(study).split())


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([(0.9, 1e-5)], "no member has accuracy above 10.0 % and energy below 10.0 µJ"),
        ([(0.09, 1e-5), (0.05, 1e-6)], "no member has accuracy above 10.0 % and energy below 10.0 µJ"),
        ([None], "no feasible trial is complete"),
    ],
)
def test_no_hypervolume_of_zero_where_there_is_no_box(make_study, points, why):
    study = make_study(points, **GUESS)
    assert study.hypervolume() is None
    assert study.summary()["hypervolume"] is None
    assert study.summary()["hypervolume_obstacle"].startswith(why)
    assert "hypervolume 0" not in shown(study)
    if points != [None]:
        assert f"hypervolume: none, for {why}" in shown(study)


def test_one_class_of_validation_images_leaves_no_box(make_study):
    study = make_study([(1.0, 1e-5), (0.9, 1e-6)], chance_accuracy=1.0)
    assert study.hypervolume() is None
    assert study.pick("cheapest").id == 1


def test_a_chance_level_that_is_no_share_is_refused(make_study):
    with pytest.raises(StudyError, match="chance_accuracy"):
        make_study(POINTS, chance_accuracy=1.5)


def test_a_chance_level_is_among_the_facts_of_a_search(tmp_path):
    """Of digits: the most frequent of ten classes, a little over a tenth."""
    from ecojax.data import load
    from ecojax.tasks import ImageClassification

    task = ImageClassification(load("digits", train_size=300, validation_size=100), ["mlp"])
    labels = task.dataset.y_validation.tolist()
    expected = max(map(labels.count, set(labels))) / len(labels)
    assert task.facts()["chance_accuracy"] == pytest.approx(expected)
    assert task.metrics[0].chance == pytest.approx(expected)
    assert expected >= 0.1
