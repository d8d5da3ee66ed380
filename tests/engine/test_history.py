"""An archive that grows: the same as one made of all its trials while it may be, and bounded beyond."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from ecojax.engine import history as history_module
from ecojax.engine.archive import Archive, Encoder, Observation
from ecojax.engine.dominance import is_non_dominated
from ecojax.engine.engine import Engine
from ecojax.engine.history import BLOCK
from ecojax.engine.proposers import PROPOSERS
from ecojax.errors import InputError
from ecojax.space import Choice, Float, Int, SearchSpace

SPACE = SearchSpace(
    [
        Int("width", 1, 30, default=16),
        Choice("block", ("plain", "residual"), default="plain"),
        Float("rate", 0.0, 1.0, default=0.5, when={"block": ("plain",)}),
    ]
)
ARRAYS = ("genomes", "active", "objectives", "standard_errors", "replicates", "attempts", "violation")


def engine(**options: object) -> Engine:
    return Engine(SPACE, **({"objectives": 2, "population": 6, "seed": 0} | options))


def outcome(configuration: dict, noise: float = 0.0) -> Observation:
    """Wide is dear and better; some fail, some exceed a constraint."""
    width, rate = configuration["width"], configuration.get("rate", 0.3)
    if width % 7 == 3:
        return Observation(configuration, None)
    values = [-width + 10 * (rate - 0.6) ** 2 + noise, float(width) + rate]
    return Observation(configuration, values, violation=max(0.0, rate - 0.8))


def same(history: Archive, archive: Archive, configurations: list[dict]) -> None:
    assert history.row_keys == archive.row_keys
    assert history.tried == archive.tried
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(history, name), getattr(archive, name), strict=True)
    np.testing.assert_array_equal(history.front, archive.front)
    for name in ("failed", "pending"):
        assert [code.key for code in getattr(history, name)] == [code.key for code in getattr(archive, name)]
    for row in range(len(archive)):
        assert history.configuration(row) == archive.configuration(row)
    for configuration in configurations:
        key = SPACE.key(configuration)
        assert history.was_tried(key) == archive.was_tried(key)


few = st.builds(
    lambda width, block: SPACE.canonical({"width": width, "block": block, "rate": 0.5}),
    st.integers(1, 6),
    st.sampled_from(["plain", "residual"]),
)
values = st.none() | st.tuples(st.integers(0, 4), st.integers(0, 4)) | st.just((float("nan"), 1.0))
steps = st.lists(
    st.tuples(st.integers(0, 150), few, st.booleans(), values, st.sampled_from([0.0, 0.0, 0.1, 0.3])),
    max_size=200,
)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(steps, st.data())
def test_whatever_is_added_changed_and_removed_the_archive_is_that_of_all_trials(steps, data) -> None:
    """Repeats, running and failed trials among them; looked at now and then, for what is kept may be stale."""
    history, held = engine().history(), dict[int, Observation]()
    for id_, configuration, pending, objectives, violation in steps:
        if id_ in held and data.draw(st.integers(0, 3)) == 0:
            history.remove(id_)
            del held[id_]
            continue
        try:
            if pending:
                observation = Observation(configuration, None, pending=True)
            else:
                observation = Observation(configuration, objectives, 0.0 if objectives is None else violation)
            history.add(id_, observation)
        except InputError:
            assert all(i in held and not held[i].pending for i in range(id_ // BLOCK * BLOCK, id_ + 1))
            continue
        held[id_] = observation
        if data.draw(st.integers(0, 9)) == 0:
            assert history.front.tolist() == Archive(Encoder(SPACE), list(held.values()), 2).front.tolist()
    in_order = [held[id_] for id_ in sorted(held)]
    same(history, Archive(Encoder(SPACE), in_order, 2), [c for _, c, *_ in steps])


@pytest.mark.parametrize("proposer", PROPOSERS)
def test_a_history_proposes_what_the_list_of_its_trials_does(proposer, rng) -> None:
    """Three trials run at once and end in any order, every fifth is a replicate."""
    of = engine(proposer=proposer, replicate=5, queue=[{"width": 9, "block": "residual"}])
    history, trials, running = of.history(), dict[int, Observation](), list[int]()
    for step in range(24 if proposer == "assisted" else 150):
        in_order = [trials[id_] for id_ in sorted(trials)]
        proposal = of.propose(step, history)
        assert proposal == of.propose(step, in_order)
        assert of.upcoming(step, history, 4) == of.upcoming(step, in_order, 4)
        trials[step] = Observation(proposal.configuration, None, pending=True)
        history.add(step, trials[step])
        running.append(step)
        if len(running) == 3:
            id_ = running.pop(rng.integers(3))
            trials[id_] = outcome(dict(trials[id_].configuration), rng.normal())
            history.add(id_, trials[id_])


def test_the_order_of_adding_does_not_matter_within_the_bound(rng) -> None:
    configurations = [SPACE.decode(rng.random(3)) for _ in range(700)]
    trials = [outcome(configuration) for configuration in configurations]
    expected = Archive(Encoder(SPACE), trials, 2)
    for order in (range(700), reversed(range(700)), rng.permutation(700).tolist()):
        history = engine().history()
        for id_ in order:
            history.add(id_, trials[id_])
        same(history, expected, configurations)


@pytest.fixture
def small(monkeypatch) -> None:
    """The bound at 100 configurations, so that a thousand trials are many."""
    monkeypatch.setattr(history_module, "EXACT", 100)
    monkeypatch.setattr(history_module, "LEAST_BEST", 20)
    monkeypatch.setattr(history_module, "SAMPLED", 30)
    monkeypatch.setattr(history_module, "FAILED", 10)


def long_search(rng: np.random.Generator, n: int = 1000) -> list[Observation]:
    configurations = [SPACE.decode(rng.random(3)) for _ in range(n)]
    for later in range(40, n, 9):
        configurations[later] = configurations[later - rng.integers(1, 40)]
    return [outcome(configuration, rng.normal()) for configuration in configurations]


@pytest.mark.usefixtures("small")
def test_beyond_the_bound_it_depends_on_the_trials_and_not_on_when_they_ended(rng) -> None:
    """As it went with eight workers, backwards, and by replaying the ids in order: as a resumed search does."""
    trials = long_search(rng)
    replayed = engine().history()
    for id_, trial in enumerate(trials):
        replayed.add(id_, trial)
    live, running = engine().history(), list[int]()
    for id_, trial in enumerate(trials):
        live.add(id_, Observation(trial.configuration, None, pending=True))
        running.append(id_)
        while len(running) > (7 if id_ < len(trials) - 1 else 0):
            ended = running.pop(rng.integers(len(running)))
            live.add(ended, trials[ended])
    backwards = engine().history()
    for id_ in reversed(range(len(trials))):
        backwards.add(id_, trials[id_])
    for other in (live, backwards):
        same(other, replayed, [dict(trial.configuration) for trial in trials])
    for step in range(1000, 1020):
        assert engine(proposer="nsga2").propose(step, live) == engine(proposer="nsga2").propose(
            step, replayed
        )


@pytest.mark.usefixtures("small")
def test_beyond_the_bound_the_front_stays_and_the_rest_is_a_sample(rng) -> None:
    configurations = list(
        {SPACE.key(c): c for c in (SPACE.decode(rng.random(3)) for _ in range(3000))}.values()
    )
    trials = [
        Observation(configuration, None if rng.random() < 0.1 else rng.random(2).tolist())
        for configuration in configurations
    ]
    history, most = engine().history(), 0
    for id_, trial in enumerate(trials):
        history.add(id_, trial)
        most = max(most, len(history))
    everything = Archive(Encoder(SPACE), trials, 2)
    assert most <= 100 + BLOCK
    assert len(history) + len(history.failed) <= 24 + 30 + 10 + BLOCK
    kept, front = set(history.row_keys), [everything.row_keys[row] for row in everything.front]
    assert 0 < len(front) <= 24
    assert kept.issuperset(front)
    assert [history.row_keys[row] for row in history.front] == front
    assert history.tried == len(configurations) == everything.tried
    assert all(history.was_tried(SPACE.key(configuration)) for configuration in configurations)
    # early and late ones alike: half of them, give or take four deviations of a coin's
    place = {SPACE.key(configuration): id_ for id_, configuration in enumerate(configurations)}
    settled = [place[key] for key in kept if place[key] < len(trials) // BLOCK * BLOCK]
    assert len(settled) == 24 + 30
    early = sum(id_ < len(trials) / 2 for id_ in settled)
    assert abs(early - len(settled) / 2) < 2 * len(settled) ** 0.5
    assert is_non_dominated(history.objectives[history.front]).all()


@pytest.mark.usefixtures("small")
def test_what_was_dropped_stays_dropped_and_is_not_proposed_again(rng) -> None:
    trials = long_search(rng)
    history = engine().history()
    for id_, trial in enumerate(trials):
        history.add(id_, trial)
    dropped = next(t.configuration for t in trials if SPACE.key(t.configuration) not in history.row_keys)
    history.add(len(trials), Observation(dropped, [-1e9, -1e9]))
    assert SPACE.key(dropped) not in history.row_keys
    of = engine(proposer="random", queue=[dict(dropped)])
    queued = of.history()
    for id_, trial in enumerate(trials):
        queued.add(id_, trial)
    assert of.propose(1000, queued).origin == "random"


@pytest.mark.usefixtures("small")
def test_a_trial_of_another_space_leaves_no_gap(rng) -> None:
    history = engine().history()
    for id_ in range(1000):
        history.add(id_, None if id_ % 3 else outcome(SPACE.decode(rng.random(3))))
    assert len(history) < 150


def test_what_is_settled_can_no_longer_change() -> None:
    history = engine().history()
    for id_ in range(BLOCK):
        history.add(id_, Observation({"width": 1 + id_ % 5, "block": "residual"}, [1.0, 2.0]))
    with pytest.raises(InputError, match=f"trial 3 has ended, and all up to {BLOCK - 1}"):
        history.add(3, None)
    with pytest.raises(InputError, match="can no longer change"):
        history.remove(0)
    with pytest.raises(InputError, match="outside"):
        history.add(BLOCK, Observation({"width": 99, "block": "residual"}, None))
