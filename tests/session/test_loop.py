"""The loop with a pretended evaluation: it ends, goes on where it was cut off, and gives up in time."""

import hashlib
import json
import math
from collections import Counter

import numpy as np
import pytest
from inline_workers import inline

from ecojax.budget import Budget
from ecojax.engine.engine import Engine
from ecojax.errors import EcojaxError
from ecojax.session.aim import Aim
from ecojax.session.ledger import observe
from ecojax.session.loop import Listener, Loop, trial_seed
from ecojax.space import Choice, Float, Int, SearchSpace
from ecojax.study import METRICS, Status, StudyStore, Trial
from ecojax.study.constraints import violation
from ecojax.trial.outcome import Outcome

SPACE = SearchSpace(
    [
        Float("rate", 1e-4, 1e-1, log=True),
        Int("width", 8, 64, step=8),
        Choice("block", ("plain", "residual")),
    ]
)
TINY = SearchSpace([Int("width", 1, 5)])
OBJECTIVES = ("accuracy", "energy_per_sample_j")


def evaluate(configuration, seed) -> Outcome:
    """Figures that depend on the configuration and the seed only; every fifth or so fails."""
    text = f"{sorted(configuration.items())} {seed}"
    luck = int(hashlib.sha256(text.encode()).hexdigest()[:6], 16) / 16**6
    if luck < 0.2:
        return Outcome(Status.DIVERGED, {"trial_seconds": 1.0, "trial_energy_j": 10.0}, error="pretended")
    return Outcome(
        Status.COMPLETE,
        {
            "accuracy": luck,
            "energy_per_sample_j": configuration["width"] * 1e-6,
            "trial_seconds": 1.0,
            "trial_energy_j": 10.0,
        },
        {"energy_per_sample_j": "pretended"},
    )


def search(
    folder, budget: Budget, *, space=SPACE, evaluate=evaluate, seed=3, population=4, **options
) -> str | None:
    engine = Engine(space, objectives=2, population=population, seed=seed)
    opened = StudyStore.open(folder, write=True) if folder.exists() else StudyStore.create(folder, {})
    with opened as store:
        return Loop(store, engine, inline(evaluate), Aim(OBJECTIVES), budget, **options).run()


def trials(folder) -> list[Trial]:
    with StudyStore.open(folder) as store:
        return store.trials()


def plain(folder) -> list[tuple]:
    """All of a study but its times."""
    return [
        (t.id, t.status, t.configuration, t.origin, t.seed, t.metrics, t.provenance, t.error)
        for t in trials(folder)
    ]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken") / "study"
    assert search(folder, Budget(12)) == "the budget of 12 evaluations is spent"
    return plain(folder)


def test_it_ends_after_so_many_evaluations_and_repeats_none(unbroken) -> None:
    assert [row[0] for row in unbroken] == list(range(12))
    assert len({SPACE.key(row[2]) for row in unbroken}) == 12
    assert {row[1] for row in unbroken} == {Status.COMPLETE, Status.DIVERGED}


@pytest.mark.parametrize("cut_at", [0, 3, 4, 9])
def test_cut_off_and_resumed_it_is_the_unbroken_search(tmp_path, unbroken, cut_at) -> None:
    calls = []

    def interrupted(configuration, seed):
        calls.append(1)
        if len(calls) == cut_at + 1:
            raise KeyboardInterrupt
        return evaluate(configuration, seed)

    folder = tmp_path / "study"
    with pytest.raises(KeyboardInterrupt):
        search(folder, Budget(12), evaluate=interrupted)
    left = trials(folder)
    assert [trial.status is Status.RUNNING for trial in left] == [False] * cut_at + [True]
    search(folder, Budget(12), evaluate=interrupted)
    assert plain(folder) == unbroken
    assert len(calls) == 13  # only the one that was cut off ran again


def test_a_larger_budget_goes_on_with_the_same_search(tmp_path, unbroken) -> None:
    search(tmp_path / "study", Budget(5))
    assert plain(tmp_path / "study") == unbroken[:5]
    search(tmp_path / "study", Budget(12))
    assert plain(tmp_path / "study") == unbroken


def test_a_spent_budget_evaluates_nothing(tmp_path, unbroken) -> None:
    search(tmp_path / "study", Budget(5))
    reason = search(tmp_path / "study", Budget(5), evaluate=lambda *_: pytest.fail("evaluated"))
    assert reason == "the budget of 5 evaluations is spent"


@pytest.mark.parametrize(
    ("budget", "n", "reason"),
    [
        (Budget(100, seconds=6.5), 7, "6.5 s"),
        (Budget(100, joules=40.0), 4, "40 J"),
        (Budget(3, joules=40), 3, "3 ev"),
    ],
)
def test_time_and_energy_are_summed_over_all_sessions(tmp_path, budget, n, reason) -> None:
    """Each pretended trial takes a second and ten joules, failed ones too."""
    search(tmp_path / "study", Budget(2))
    assert reason in search(tmp_path / "study", budget)
    assert len(trials(tmp_path / "study")) == n


def test_a_space_tried_out_ends_the_search(tmp_path) -> None:
    assert (
        search(tmp_path / "study", Budget(100), space=TINY)
        == "all 5 configurations of the space have been tried"
    )
    assert sorted(trial.configuration["width"] for trial in trials(tmp_path / "study")) == [1, 2, 3, 4, 5]


def test_a_hopeless_search_stops_and_says_why(tmp_path) -> None:
    def fails(configuration, seed):
        return Outcome(Status.OOM, error="the board has 2 GiB")

    with pytest.raises(EcojaxError, match=r"all 4 trials failed.*\(oom\): the board has 2 GiB"):
        search(tmp_path / "study", Budget(100), evaluate=fails)
    assert len(trials(tmp_path / "study")) == 4


def test_one_success_is_hope(tmp_path) -> None:
    calls = []

    def mostly_fails(configuration, seed):
        calls.append(1)
        metrics = {"accuracy": 0.5, "energy_per_sample_j": 1.0}
        return Outcome(Status.COMPLETE, metrics) if len(calls) == 2 else Outcome(Status.FAILED, error="x")

    search(tmp_path / "study", Budget(9), evaluate=mostly_fails)
    assert len(trials(tmp_path / "study")) == 9


def test_listeners_hear_every_start_and_end_in_order(tmp_path) -> None:
    heard = []

    class Heard(Listener):
        def trial_started(self, trial: Trial) -> None:
            heard.append(("started", trial.id, trial.status))

        def trial_ended(self, trial: Trial) -> None:
            heard.append(("ended", trial.id, trial.status))

    search(tmp_path / "study", Budget(3), listener=Heard())
    ends = {trial.id: trial.status for trial in trials(tmp_path / "study")}
    assert heard == [
        event
        for number in range(3)
        for event in (("started", number, Status.RUNNING), ("ended", number, ends[number]))
    ]


def test_every_trial_has_a_seed_of_its_own_that_sqlite_and_jax_can_hold() -> None:
    seeds = [trial_seed(seed, step) for seed in range(20) for step in range(50)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_violations_are_summed_relative_to_their_bounds() -> None:
    metrics = {"latency_ms": 30.0, "accuracy": 0.6, "parameters": 1000.0}
    assert violation(metrics, {}) == 0
    assert violation(metrics, {"latency_ms": {"max": 30.0}, "accuracy": {"min": 0.6}}) == 0
    assert violation(metrics, {"latency_ms": {"max": 20.0}}) == pytest.approx(10 / 20)
    assert violation(metrics, {"accuracy": {"min": 0.8}}) == pytest.approx(0.2 / 0.8)
    both = {"latency_ms": {"max": 20.0}, "accuracy": {"min": 0.8}, "parameters": {"min": 10, "max": 2000}}
    assert violation(metrics, both) == pytest.approx(0.5 + 0.25)
    assert violation(metrics, {"parameters": {"min": 2000}}) == pytest.approx(0.5)
    assert violation(metrics, {"latency_ms": {"max": 0.0}}) == pytest.approx(30)
    assert violation(metrics, {"flops": {"max": 1.0}}) == 0  # not known, not held against it


def test_the_engine_sees_objectives_on_their_scales_and_failures_as_nothing() -> None:
    """Of 1,000 samples, where nobody says how many there are, with two wrong ones more and a guess worth nothing."""
    trial = Trial(
        0, Status.COMPLETE, {"width": 8}, "default", 1, {"accuracy": 0.75, "energy_per_sample_j": 2.0}
    )
    seen = observe(trial, Aim(OBJECTIVES, {"energy_per_sample_j": {"max": 1.0}}))
    odds = (250 + 2) / (750 + 2)
    assert list(seen.objectives) == pytest.approx([math.log(odds), math.log(2.0)])
    assert seen.violation == pytest.approx(1.0)
    for status in Status:
        if status is not Status.COMPLETE:
            other = Trial(0, status, {"width": 8}, "default", 1, trial.metrics)
            assert observe(other, Aim(OBJECTIVES)).objectives is None
    assert METRICS["latency_ms"].minimised(3.0) == 3.0
    assert METRICS["accuracy"].minimised(0.5) == -0.5


def test_what_is_said_to_follow_follows_and_nothing_else_changes(tmp_path, unbroken) -> None:
    """Resumed or not; nothing beyond the budget is announced."""
    announced, seeds = [], {}

    def hearing(configuration, seed, upcoming):
        announced.append([one.configuration for one in upcoming])
        seeds.update({json.dumps(one.configuration): one.seed for one in upcoming})
        if len(announced) == 2:
            raise KeyboardInterrupt
        return evaluate(configuration, seed)

    folder = tmp_path / "study"
    with pytest.raises(KeyboardInterrupt):
        search(folder, Budget(3), evaluate=hearing, ahead=8)
    search(folder, Budget(3), evaluate=hearing, ahead=8)
    assert plain(folder) == unbroken[:3]
    _, *others = [row[2] for row in unbroken[:3]]
    assert announced == [others, others[1:], others[1:], []]
    search(folder, Budget(12), evaluate=hearing, ahead=2)
    assert plain(folder) == unbroken
    for trial in trials(folder)[1:3]:
        assert seeds[json.dumps(trial.configuration)] == trial.seed
    assert not any(announced[5:])  # past the first population of four, results decide


@pytest.mark.parametrize("lead", [1, 3])
def test_candidates_proposed_before_their_turn_are_the_next_ones(tmp_path, lead) -> None:
    """Broken off anywhere, and resumed: the same trials; each is told of as many that follow it."""
    announced: dict[str, list] = {}
    calls = []

    def hearing(configuration, seed, upcoming):
        calls.append(seed)
        if len(calls) in breaks:
            raise KeyboardInterrupt
        announced[json.dumps(configuration)] = [one.configuration for one in upcoming]
        return evaluate(configuration, seed)

    found = []
    for name, breaks in (("unbroken", ()), ("broken", (1, 4, 9))):
        del calls[:]
        announced.clear()
        for _ in breaks:
            with pytest.raises(KeyboardInterrupt):
                search(tmp_path / name, Budget(14), evaluate=hearing, ahead=0, lead=lead)
        search(tmp_path / name, Budget(14), evaluate=hearing, ahead=0, lead=lead)
        found.append(plain(tmp_path / name))
        told = [(trial, announced[json.dumps(trial.configuration)]) for trial in trials(tmp_path / name)]
        order = [trial.configuration for trial, _ in told]
        assert [trial.id for trial, _ in told] == list(range(14))
        for trial, following in told:
            # what is begun while a trial runs was not known when it began
            assert following == order[trial.id + 1 : trial.id + 1 + len(following)]
            assert len(following) in (lead - 1, lead) or trial.id in (0, *range(14 - lead, 14))
    assert found[0] == found[1]


def test_what_was_begun_before_its_turn_when_the_time_ended_waits_for_who_resumes(tmp_path) -> None:
    folder = tmp_path / "study"
    going = {"evaluate": lambda configuration, seed, upcoming: evaluate(configuration, seed), "lead": 3}

    def running() -> list[int]:
        return [trial.id for trial in trials(folder) if trial.status is Status.RUNNING]

    search(folder, Budget(20, seconds=5.0), **going)  # a trial takes a second
    assert running() == [5, 6, 7]
    search(folder, Budget(20, seconds=7.0), **going)
    assert running() == [7, 8, 9]
    search(folder, Budget(9), **going)
    # fewer trials than were begun: the one too many waits on
    assert running() == [9]


def test_a_device_that_fails_for_good_ends_the_search_and_resuming_tries_again(tmp_path) -> None:
    """A generation of failures in a row, however well it began."""
    calls = []

    def breaks(configuration, seed) -> Outcome:
        calls.append(1)
        metrics = {"accuracy": 0.5, "energy_per_sample_j": 1.0}
        if len(calls) <= 6:
            return Outcome(Status.COMPLETE, metrics)
        return Outcome(Status.FAILED, error="no device")

    for session in (1, 2):
        with pytest.raises(EcojaxError, match=r"the last 12 trials failed.*\(failed\): no device"):
            search(tmp_path / "study", Budget(100), evaluate=breaks)
        assert len(trials(tmp_path / "study")) == 6 + 12 * session


def test_what_could_not_be_metered_is_tried_once_more(tmp_path) -> None:
    tried: Counter[str] = Counter()

    def noisy(configuration, seed) -> Outcome:
        """Trial 1 succeeds the second time, trial 2 never."""
        key = SPACE.key(configuration)
        tried[key] += 1
        number = list(tried).index(key)
        if number == 2 or (number == 1 and tried[key] == 1):
            return Outcome(Status.UNMETERED, error="busy")
        return Outcome(Status.COMPLETE, {"accuracy": 0.5, "energy_per_sample_j": 1.0})

    search(tmp_path / "study", Budget(4), evaluate=noisy)
    assert list(tried.values()) == [1, 2, 2, 1]
    ends = [(t.status, t.details.get("attempts")) for t in trials(tmp_path / "study")]
    assert ends == [
        (Status.COMPLETE, None),
        (Status.COMPLETE, 2),
        (Status.UNMETERED, 2),
        (Status.COMPLETE, None),
    ]


def test_asked_to_stop_it_finishes_what_runs_and_begins_nothing(tmp_path, unbroken) -> None:
    calls = []

    def counted(configuration, seed) -> Outcome:
        calls.append(1)
        return evaluate(configuration, seed)

    stop = lambda: len(calls) >= 3  # noqa: E731
    assert search(tmp_path / "study", Budget(12), evaluate=counted, stop=stop) is None
    assert plain(tmp_path / "study") == unbroken[:3]
    search(tmp_path / "study", Budget(12))
    assert plain(tmp_path / "study") == unbroken


def test_children_are_given_the_weights_of_the_parent_that_was_chosen(tmp_path) -> None:
    """The first has none; a parent's configuration and arrays come from the store."""
    given = []

    def inheriting(configuration, seed, parent=None) -> Outcome:
        given.append(parent)
        metrics = {"accuracy": 0.5, "energy_per_sample_j": 1.0}
        return Outcome(Status.COMPLETE, metrics, arrays={"w": np.full(3, len(given))})

    search(
        tmp_path / "study",
        Budget(4),
        evaluate=inheriting,
        parent_of=lambda configuration, finished: max(finished, key=lambda t: t.id, default=None),
    )
    assert given[0] is None
    for number, (trial, parent) in enumerate(zip(trials(tmp_path / "study"), given[1:], strict=False), 1):
        assert (parent.trial, parent.configuration) == (number - 1, trial.configuration)
        np.testing.assert_array_equal(parent.arrays["w"], np.full(3, number))


def test_an_inference_is_metered_once_but_for_replicates(tmp_path) -> None:
    """Of configurations with one signature; a resumed search knows of those before."""
    found = []

    def metering(configuration, seed, metered=None) -> Outcome:
        found.append((configuration["width"], metered and metered.trial))
        if metered is not None:
            details = {"energy": dict(metered.energy), "metered_in_trial": metered.trial}
            return Outcome(Status.COMPLETE, {"accuracy": 0.5, **metered.metrics}, {}, details)
        metrics = {"energy_per_sample_j": 1.0, "energy_per_sample_j_ci95": 0.1, "latency_ms": 2.0}
        return Outcome(Status.COMPLETE, {"accuracy": 0.5, **metrics}, {}, {"energy": {"batch_size": 64}})

    for budget in (Budget(7), Budget(20)):
        search(tmp_path / "study", budget, evaluate=metering, signature=lambda c: c["width"])
    first: dict[int, int] = {}
    for number, (width, metered) in enumerate(found):
        assert metered == first.get(width)
        first.setdefault(width, number)
    assert len(first) < 20
