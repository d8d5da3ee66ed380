"""The stop on stagnation, against hypervolumes that can be written down."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from inline_workers import inline

from ecojax.budget import Budget
from ecojax.engine.archive import Observation
from ecojax.engine.engine import Engine
from ecojax.session.aim import Aim
from ecojax.session.loop import Loop
from ecojax.session.stagnation import Stagnation, Watch
from ecojax.space import Int, SearchSpace
from ecojax.study import Status, StudyStore
from ecojax.trial.outcome import Outcome


def observed(*rows, violation=0.0) -> list[Observation]:
    """One trial a row, each of its own configuration; None is a failure."""
    return [Observation({"x": float(i)}, row, violation) for i, row in enumerate(rows)]


def after(first, later, **options) -> bool:
    """Whether it stagnates with the population `first`, followed by `later`, as long as its patience."""
    return Stagnation(len(later), len(first), **options).reached(observed(*first, *later))


def test_one_objective_in_closed_form() -> None:
    """The first two span [0, 1], so the reference is 1.1 and the volume 1.1; at a value v it is 1.1 - v."""
    assert after([[0.0], [1.0]], [[0.5]])
    assert not after([[0.0], [1.0]], [[-0.0056]])  # 0.0055 is half a per cent of it
    assert after([[0.0], [1.0]], [[-0.0054]])
    assert not after([[0.0], [1.0]], [[-0.0054]], tolerance=0.001)


def test_two_objectives_in_closed_form() -> None:
    """(0, 1) and (1, 0): volume 1.1² - 1 = 0.21. A point (a, a) adds (1 - a)², until (1.1 - a)² takes all."""
    first = [[0.0, 1.0], [1.0, 0.0]]
    limit = 1 - math.sqrt(0.005 * 0.21)
    assert after(first, [[limit + 1e-6] * 2])
    assert not after(first, [[limit - 1e-6] * 2])


def test_several_decades_count_by_the_logarithm() -> None:
    """1 to 100 is two decades: volume 1.1 of them, and one more decade down is 0.5 of the width more."""
    step = 10 ** (-0.005 * 1.1 * 2)
    assert not after([[1.0], [100.0]], [[step * 0.999]])
    assert after([[1.0], [100.0]], [[step * 1.001]])
    # one decade is measured as it is: the volume is 9 * 1.1
    assert after([[1.0], [10.0]], [[1 - 0.0049 * 9 * 1.1]])
    assert not after([[1.0], [10.0]], [[1 - 0.0051 * 9 * 1.1]])
    # what the logarithm does not take is very good, not an error
    assert not after([[1.0], [100.0]], [[0.0]])


def test_what_is_told_on_its_scale_is_not_taken_by_its_logarithm_again() -> None:
    """One to a hundred spans 99 then, with 108.9 of volume."""
    first = [[1.0], [100.0]]
    assert after(first, [[1 - 0.0049 * 1.1 * 99]], scaled=[True])
    assert not after(first, [[1 - 0.0051 * 1.1 * 99]], scaled=[True])
    assert not after(first, [[1 - 0.0049 * 1.1 * 99]], scaled=[False])


def test_the_bounds_are_frozen() -> None:
    """Ever worse values, which would widen bounds taken anew, are no growth; scale and offset do not matter."""
    rng = np.random.default_rng(0)
    first, later = rng.random((6, 2)), rng.random((20, 2))
    expected = after(first.tolist(), later.tolist())
    for scale, offset in ((1e-6, 0.0), (1e5, -3.0)):
        moved = [(part * scale + offset).tolist() for part in (first - 2, later - 2)]
        assert after(*moved) == expected
    assert after([[0.0], [1.0]], [[1e9], [1e12]])


def test_patience_counts_trials_and_the_population_comes_first() -> None:
    rows = [[0.0], [1.0], *[[0.5]] * 5]
    assert [Stagnation(3, 2).reached(observed(*rows[:n])) for n in range(8)] == [False] * 5 + [True] * 3
    assert not Stagnation(3, 5).reached(observed(*rows))
    assert Stagnation(3, 2).reached(observed([0.0], None, [1.0], None, None, None))  # failures count


def test_growth_long_ago_does_not_count() -> None:
    assert Stagnation(2, 2).reached(observed([1.0], [0.9], [0.5], [0.1], [0.2], [0.3]))
    assert not Stagnation(3, 2).reached(observed([1.0], [0.9], [0.5], [0.1], [0.2], [0.3]))


@pytest.mark.parametrize(
    "rows",
    [[None] * 30, [[math.nan, 1.0]] * 30, [[math.inf, 1.0]] * 30],
    ids=["all failed", "NaN", "infinite"],
)
def test_where_nothing_succeeds_there_is_nothing_to_stop(rows) -> None:
    assert not Stagnation(3, 4).reached(observed(*rows))


def test_all_infeasible_goes_on() -> None:
    assert not Stagnation(3, 4).reached(observed(*[[1.0, 1.0]] * 30, violation=0.5))


def test_a_constant_objective_leaves_the_other_to_decide() -> None:
    first = [[0.0, 7.0], [1.0, 7.0]]
    assert after(first, [[0.5, 7.0]])
    assert not after(first, [[-1.0, 7.0]])
    assert after([[7.0, 7.0]] * 2, [[7.0, 7.0]])


def test_replicates_count_by_their_mean() -> None:
    """A lucky repeat of the best is no new best."""
    first = [Observation({"x": 0.0}, [0.0]), Observation({"x": 1.0}, [1.0])]
    unlucky, lucky = Observation({"x": 0.0}, [0.2]), Observation({"x": 0.0}, [-0.2])
    assert Stagnation(2, 2).reached([*first, unlucky, lucky])
    assert not Stagnation(2, 2).reached([*first, lucky, lucky])


def test_the_search_stops_and_says_so(tmp_path) -> None:
    space = SearchSpace([Int("width", 1, 60)])

    def evaluate(configuration, seed) -> Outcome:
        return Outcome(
            Status.COMPLETE, {"accuracy": 0.5, "energy_per_sample_j": 1.0 + configuration["width"] % 2}
        )

    def search(violated: bool, budget: int) -> tuple[str, int]:
        with StudyStore.create(tmp_path / f"{violated}", {}) as store:
            reason = Loop(
                store,
                Engine(space, objectives=2, population=4, seed=0, proposer="random"),
                inline(evaluate),
                Aim(("accuracy", "energy_per_sample_j"), {"accuracy": {"min": 0.9}} if violated else {}),
                Budget(budget),
                stagnation=Stagnation(8, 4),
            ).run()
            return reason, len(store.trials())

    reason, trials = search(False, 50)
    assert reason == "the hypervolume has grown by no more than 0.5 % over the last 8 trials"
    assert trials == 12
    assert search(True, 20) == ("the budget of 20 evaluations is spent", 20)


ended = st.lists(
    st.tuples(
        st.integers(0, 12),  # the configuration: repeats abound
        st.none() | st.tuples(st.integers(0, 6), st.integers(1, 900)) | st.just((math.nan, 1.0)),
        st.sampled_from([0.0, 0.0, 0.0, 0.5]),
    ),
    max_size=60,
)


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 10), st.integers(1, 6), st.sampled_from([0.0, 0.005, 0.3]), ended)
def test_watching_trial_by_trial_says_the_same_as_looking_at_all(
    patience, population, tolerance, ended
) -> None:
    stagnation = Stagnation(patience, population, tolerance)
    watch, trials = Watch(stagnation), list[Observation]()
    assert not watch.reached()
    for configuration, objectives, violation in ended:
        trials.append(Observation({"x": configuration}, objectives, violation))
        watch.add(trials[-1])
        assert watch.reached() == stagnation.reached(trials)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_watching_a_search_of_several_objectives(m) -> None:
    """Fronts that grow over hundreds of trials, and stand still in the end."""
    rng = np.random.default_rng(m)
    stagnation, trials = Stagnation(40, 10, 0.01), list[Observation]()
    watch, answers = Watch(stagnation), set[bool]()
    for i in range(300):
        point = rng.random(m) * (1 + 100 * np.exp(-i / 30))
        trials.append(Observation({"x": i if i % 11 else i // 11}, (point**2).tolist()))
        watch.add(trials[-1])
        if i % 5 == 0:
            assert watch.reached() == stagnation.reached(trials)
            answers.add(watch.reached())
    assert answers == {False, True}
