import pytest

from ecojax.errors import InputError

POINTS = [
    (0.50, 1e-6),
    (0.80, 4e-6),
    (0.90, 1e-5),
    (0.974, 1e-3),
    (0.70, 1e-4),  # dominated
    None,
]


@pytest.mark.parametrize(
    ("text", "trial"),
    [
        ("best", 3),
        ("cheapest", 0),
        ("knee", 2),
        (" 4 ", 4),
        ("0", 0),
        ("accuracy>=0.6", 1),
        ("accuracy >= 0.9", 2),
        ("accuracy>0.9", 3),
        ("accuracy<0.9", 0),
        ("accuracy>=90%", 2),
        ("energy_per_sample_j <= 100 µJ", 2),
        ("energy_per_sample_j<=1e-4", 2),
        ("energy_per_sample_j<1e-5", 1),
        ("accuracy>=.6, energy_per_sample_j<=2e-5", 2),
        ("accuracy>=0.6 and energy_per_sample_j<=5e-6", 1),
        ("accuracy>=0.6,accuracy<0.95", 1),
        ("parameters<=100 and accuracy>=0.6", 3),
    ],
)
def test_pick(make_study, text, trial):
    assert make_study(POINTS, more={"parameters": 100}).pick(text).id == trial


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accuracy>=0.99", r"no frontier model has accuracy>=0.99; the highest is 0.974 \(trial 3\)"),
        ("energy_per_sample_j<1e-6", r"has energy_per_sample_j<1e-06; the lowest is 1e-06 \(trial 0\)"),
        (
            "accuracy>=0.85,energy_per_sample_j<=1e-6",
            r"with accuracy>=0.85 has energy_per_sample_j<=1e-06; the lowest is 1e-05 \(trial 2\)",
        ),
        ("test_accuracy>=0.5", "choosing by test_accuracy would spend the test set"),
        ("speed>3", "the pick 'speed>3': 'speed' is no metric; there are accuracy, energy_per_sample_j"),
        (
            "accuracy>=lots",
            "cannot read the pick 'accuracy>=lots': 'lots' is no number; pick knee, best, cheapest",
        ),
        ("accuracy>=95", "accuracy is a share; write accuracy>=0.95 or accuracy>=95%"),
        ("kne", r"cannot read the pick 'kne' \(did you mean 'knee'\?\)"),
        ("accuracy>=nan", "cannot read the pick"),
        ("accuracy=0.5", "cannot read the pick"),
        ("accuracy>=0.5,", "cannot read the pick"),
        ("bets", "cannot read the pick 'bets'"),
        ("", "cannot read the pick ''"),
        ("-1", "cannot read the pick"),
        ("17", "'digits-1' has no trial 17; its frontier holds trials 3, 2, 1, 0"),
        ("5", r"trial 5 is diverged \(the loss is not finite\), not complete; its frontier holds"),
    ],
)
def test_a_pick_that_matches_nothing_says_what_there_is(make_study, text, message):
    with pytest.raises(InputError, match=message):
        make_study(POINTS).pick(text)


@pytest.mark.parametrize("text", ["best", "knee", "cheapest", "accuracy>=0.1"])
def test_nothing_to_pick_from(make_study, text):
    with pytest.raises(
        InputError, match="study 'digits-1' has no frontier yet: none of its trials is complete"
    ):
        make_study([None]).pick(text)


def test_the_nearest_value_can_be_given_back_as_the_bound(make_study):
    study = make_study([(0.97435897, 1e-5)])
    with pytest.raises(InputError, match=r"the highest is 0\.9743 "):
        study.pick("accuracy>=0.99")
    assert study.pick("accuracy>=0.9743").id == 0


def test_cheapest_follows_the_studys_own_cost(make_study):
    study = make_study([(0.9, 100, 1.0), (0.8, 10, 2.0)], ("accuracy", "parameters", "latency_ms"))
    assert study.pick("cheapest").id == 1
    assert study.pick("accuracy>=0.5").id == 1
