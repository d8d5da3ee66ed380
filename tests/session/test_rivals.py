"""Standings that grow by a trial at a time, against the record of all trials that they stand for."""

import hypothesis.strategies as st
from hypothesis import given, settings

from ecojax.session import rivals as rivals_module
from ecojax.session.aim import Aim
from ecojax.session.rivals import Standings, rivals
from ecojax.study import METRICS, Status, Trial

OBJECTIVES = ("accuracy", "energy_per_sample_j", "latency_ms")
CONSTRAINTS = {"parameters": {"max": 3.0}}


def trial(id_: int, width: int, status: Status, figures: tuple[int, ...]) -> Trial:
    accuracy, energy, interval, latency, parameters = figures
    metrics = {"accuracy": accuracy / 10, "energy_per_sample_j": energy / 7, "latency_ms": latency / 3}
    metrics |= {"energy_per_sample_j_ci95": interval / 30, "parameters": float(parameters)}
    details = {"rungs": [[1, accuracy / 20], [3, accuracy / 15]]} if id_ % 3 else {}
    return Trial(id_, status, {"width": width}, "random", 0, metrics, details=details)


searches = st.lists(
    st.tuples(
        st.integers(0, 15),
        st.sampled_from([Status.COMPLETE] * 4 + [Status.FAILED]),
        st.tuples(*[st.integers(0, 4)] * 5),
    ),
    max_size=40,
)
candidate = st.tuples(st.integers(0, 5), st.tuples(st.integers(0, 5), st.integers(0, 5)))


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(searches, st.lists(candidate, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_same_rival_beats_a_trial_as_among_all(search, candidates, random) -> None:
    """In whatever order the trials ended; and the curves are the same."""
    trials = [trial(id_, *rest) for id_, rest in enumerate(search)]
    everything = rivals(trials, OBJECTIVES, CONSTRAINTS, "accuracy")
    standings = Standings(Aim(OBJECTIVES, CONSTRAINTS))
    for ended in random.sample(trials, len(trials)):
        standings.add(ended)
        standings.rivals()
    found = standings.rivals()
    assert found.curves == everything.curves
    assert set(map(repr, found.finished)) <= set(map(repr, everything.finished))
    accuracy_metric = METRICS["accuracy"]
    for accuracy, (energy, latency) in candidates:
        costs = {"energy_per_sample_j": energy / 7 + 0.03, "latency_ms": latency / 3, "parameters": 1.0}
        assert found.beating(accuracy_metric, accuracy / 10, costs) == everything.beating(
            accuracy_metric, accuracy / 10, costs
        )


def test_they_are_as_many_as_matter(monkeypatch) -> None:
    """Each trial more accurate and dearer than the last matters; each worse in both does not."""
    monkeypatch.setattr(rivals_module, "CURVES", 5)
    better, worse = Standings(Aim(OBJECTIVES)), Standings(Aim(OBJECTIVES))
    for id_ in range(40):
        better.add(trial(id_, id_, Status.COMPLETE, (id_, id_, 0, 1, 1)))
        worse.add(trial(id_, id_, Status.COMPLETE, (-id_, id_, 0, 1, 1)))
    assert [rival.trial for rival in better.rivals().finished] == list(range(40))
    assert [rival.trial for rival in worse.rivals().finished] == [0]
    latest = [id_ for id_ in range(40) if id_ % 3][-5:]
    assert [curve.final for curve in better.rivals().curves] == [id_ / 10 for id_ in latest]
