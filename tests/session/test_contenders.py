"""The frontier measured again: the figures that count in the end, with a pretended measurement."""

import pytest

from ecojax.errors import MeterError
from ecojax.frontier import Study
from ecojax.session.contenders import FORMER, Figures, settle
from ecojax.session.loop import Listener
from ecojax.study import Status, StudyStore

FIRST = {0: (0.90, 3.0), 1: (0.80, 2.0), 2: (0.79, 2.1), 3: (0.50, 1.0)}  # accuracy and energy; 1 dominates 2


class Heard(Listener):
    def __init__(self) -> None:
        self.measured: list[int] = []
        self.notes: list[str] = []

    def measuring(self, members: int) -> None:
        self.measured.append(members)

    def noted(self, text: str) -> None:
        self.notes.append(text)


def figure(joules: float) -> Figures:
    metrics = {"energy_per_sample_j": joules, "energy_per_sample_j_ci95": 0.01 * joules}
    return Figures(metrics, {"energy": {"per_sample_j": joules, "rejected": {}}})


@pytest.fixture
def store(tmp_path):
    with StudyStore.create(tmp_path / "study", {"objectives": ["accuracy", "energy_per_sample_j"]}) as opened:
        for number, (accuracy, joules) in FIRST.items():
            opened.start(number, {"width": number}, origin="sobol", seed=number)
            metrics = {"accuracy": accuracy, "energy_per_sample_j": joules}
            energy = {"per_sample_j": joules, "rejected": {"thermal slowdown": 1}}
            opened.end(number, Status.COMPLETE, metrics=metrics, details={"energy": energy, "other": 1})
        yield opened


def members(store: StudyStore) -> list:
    return sorted(Study(store.folder, store.settings(), store.trials()).frontier(), key=lambda t: t.id)


def test_who_comes_in_by_the_narrower_figures_is_measured_too(store) -> None:
    truth = {0: 3.1, 1: 2.3, 2: 2.0, 3: 1.05}  # 1 was flattered; at 2.3 J it no longer dominates 2
    heard = Heard()
    settle(store, lambda: members(store), lambda ms: {m.id: figure(truth[m.id]) for m in ms}, heard)
    assert heard.measured == [3, 4]
    found = {trial.id: trial for trial in store.trials()}
    assert {i: t.metrics["energy_per_sample_j"] for i, t in found.items()} == truth
    for number, trial in found.items():
        assert trial.metrics["energy_per_sample_j_ci95"] == pytest.approx(0.01 * truth[number])
        assert trial.metrics["accuracy"] == FIRST[number][0]
        former = trial.details[FORMER]  # the first, however often it is replaced
        assert former["metrics"] == {"energy_per_sample_j": FIRST[number][1]}
        assert former["details"]["energy"]["rejected"] == {"thermal slowdown": 1}
        assert trial.details["energy"] == {"per_sample_j": truth[number], "rejected": {}}  # whole, not merged
        assert trial.details["other"] == 1


def test_settled_figures_stay(store) -> None:
    heard = Heard()
    for _ in range(2):
        settle(store, lambda: members(store), lambda ms: {m.id: figure(2.5) for m in ms[:1]} | {
            m.id: figure(FIRST[m.id][1]) for m in ms[1:]}, heard)  # fmt: skip
    assert heard.measured == [3]


def test_without_end_it_ends(store) -> None:
    """A meter that contradicts itself is asked a few times, not for ever."""
    heard = Heard()
    swapped = iter([{0: 3.0, 1: 9.0, 2: 2.1, 3: 1.0}, {0: 3.0, 1: 9.0, 2: 2.1, 3: 1.0}] * 9)

    def contradictory(ms):
        figures = next(swapped)
        return {m.id: figure(figures[m.id]) for m in ms}

    settle(store, lambda: members(store), contradictory, heard)
    assert len(heard.measured) <= 3


def test_a_meter_that_fails_leaves_the_figures_of_the_search(store) -> None:
    def fails(_):
        raise MeterError("the driver is gone")

    heard = Heard()
    before = store.trials()
    settle(store, lambda: members(store), fails, heard)
    assert store.trials() == before
    assert "the driver is gone" in heard.notes[0]
