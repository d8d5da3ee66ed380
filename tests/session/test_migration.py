"""A space that has changed: refused by the parameter's name, or, when told to, gone on in with what lies in it."""

import json

import pytest
from inline_workers import inline

import ecojax
from ecojax.budget import Budget
from ecojax.engine.engine import Engine
from ecojax.errors import EcojaxError, InputError, StudyError
from ecojax.session.aim import Aim
from ecojax.session.loop import Listener, Loop
from ecojax.session.resume import adopter
from ecojax.space import Choice, Float, Int, SearchSpace
from ecojax.study import Status, StudyStore, Trial
from ecojax.trial.evaluator import Evaluator
from ecojax.trial.outcome import Outcome

OLD = SearchSpace([Int("width", 8, 64, step=8, default=16), Choice("flip", (False, True), default=True)])
NEW = SearchSpace(
    [Int("width", 8, 32, step=8, default=16), Choice("norm", ("batch", "none"), default="none")]
)  # narrower, without flip, with a norm
OBJECTIVES = ("accuracy", "parameters")
SMALL = {
    "executor": "inline",
    "dataset": "digits",
    "families": ["mlp"],
    "train_size": 300,
    "epochs": 1,
    "population": 2,
    "objectives": ["accuracy", "parameters"],
    "device": "cpu",
    "energy_ci": 0.5,
    "proposer": "local",
}


def trial(id_: int, **configuration) -> Trial:
    return Trial(id_, Status.COMPLETE, configuration, "sobol", 0)


def test_each_trial_is_read_in_the_space_it_was_written_in() -> None:
    adopt = adopter([(2, OLD), (3, NEW)], SearchSpace([*NEW, Float("rate", 0.0, 1.0, default=0.5)]))
    assert adopt(trial(0, width=16, flip=True)) == {"width": 16, "norm": "none", "rate": 0.5}
    assert adopt(trial(1, width=16, flip=False)) is None  # of a parameter that is gone, not at its default
    assert adopt(trial(1, width=64, flip=True)) is None
    assert adopt(trial(2, width=32, norm="batch")) == {"width": 32, "norm": "batch", "rate": 0.5}
    assert adopt(trial(3, width=8, norm="none", rate=0.1)) == {"width": 8, "norm": "none", "rate": 0.1}


def pretended(configuration, seed) -> Outcome:
    width = configuration.get("width", configuration.get("hidden_width"))
    return Outcome(Status.COMPLETE, {"accuracy": width / 1000, "parameters": 100.0 * width})


def searched(folder, space, evaluations, *, adopt=None, evaluate=pretended) -> str:
    engine = Engine(space, objectives=2, population=4, seed=0, proposer="local")
    with StudyStore.open(folder, write=True) if folder.exists() else StudyStore.create(folder, {}) as store:
        return Loop(store, engine, inline(evaluate), Aim(OBJECTIVES), Budget(evaluations), adopt=adopt).run()


def test_the_loop_goes_on_from_what_lies_in_the_new_space_and_repeats_none_of_it(tmp_path) -> None:
    folder = tmp_path / "study"
    searched(folder, OLD, 9)
    adopt = adopter([(9, OLD)], NEW)
    assert searched(folder, NEW, 100, adopt=adopt) == "all 8 configurations of the space have been tried"
    with StudyStore.open(folder) as store:
        trials = store.trials()
    adopted = [adopt(t) for t in trials]
    kept = [NEW.key(c) for c in adopted if c is not None]
    assert 0 < len([c for c in adopted[:9] if c is not None]) < 9
    assert len(set(kept)) == len(kept) == 8
    assert [t.id for t in trials] == list(range(len(trials)))


def test_what_was_cut_off_in_the_old_space_is_ended_and_says_why(tmp_path) -> None:
    folder = tmp_path / "study"
    searched(folder, OLD, 3)
    with StudyStore.open(folder, write=True) as store:
        store.start(3, {"width": 64, "flip": False}, origin="local", seed=0)
    searched(folder, NEW, 5, adopt=adopter([(4, OLD)], NEW))
    with StudyStore.open(folder) as store:
        cut_off = store.trial(3)
        assert cut_off.status is Status.FAILED
        assert "before the space changed" in cut_off.error
        assert len(store.trials()) == 5


class Notes(Listener):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def noted(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A search of digits with pretended trials, in a space narrowed to three widths."""
    monkeypatch.setattr(Evaluator, "__call__", lambda self, asked: pretended(asked.configuration, asked.seed))
    monkeypatch.setattr("ecojax.session.conduct._read_test_set", lambda *_: None)
    folder = tmp_path / "study"
    ecojax.search(
        **SMALL,
        space={"hidden_width": {"type": "int", "low": 8, "high": 24, "step": 8, "default": 8}},
        pin={"hidden_layers": 1},
        enqueue=[{"hidden_width": 24}, {"hidden_width": 16}],
        evaluations=4,
        out=folder,
    )
    return folder


WIDER = {"hidden_width": {"type": "int", "low": 16, "high": 64, "step": 8, "default": 16}}


def test_resuming_with_another_space_is_refused_unless_told_to(study) -> None:
    before = ecojax.Study.open(study)
    with pytest.raises(InputError, match=r"space=.* differs from the study"):
        ecojax.search(out=study, resume=True, space=WIDER)
    assert ecojax.Study.open(study).settings == before.settings
    with pytest.raises(InputError, match=r"migrate=True .*add resume=True"):
        ecojax.search(**SMALL, out=study, migrate=True)
    with pytest.raises(EcojaxError, match="seed=9 differs"):
        ecojax.search(out=study, resume=True, migrate=True, space=WIDER, seed=9)


def test_a_space_that_an_update_changed_is_refused_by_the_parameters_name(study) -> None:
    """As if the study were of an ecojax whose widths went further."""
    with StudyStore.open(study, write=True) as store:
        records = store.facts()["space_records"]
        width = next(record for record in records if record["name"] == "hidden_width")
        width["high"] = 48
        store.set("space_records", records, "facts")
    with pytest.raises(
        StudyError, match=r"high of parameter 'hidden_width' was 48 and is 24; .*migrate=True"
    ):
        ecojax.search(out=study, resume=True, evaluations=6)
    assert len(ecojax.Study.open(study).trials) == 4
    found = ecojax.search(out=study, resume=True, migrate=True, evaluations=6)
    assert len(found.trials) == 6


def test_told_to_it_goes_on_in_the_new_space_and_again_without_being_told(study) -> None:
    heard = Notes()
    found = ecojax.search(out=study, resume=True, migrate=True, space=WIDER, evaluations=7, listener=heard)
    widths = [t.configuration["hidden_width"] for t in found.trials]
    inside = sum(width >= 16 for width in widths[:4])
    assert "low of parameter 'hidden_width' was 8 and is 16" in heard.texts[0]
    assert f"of 4 trials {inside} lie in the new space" in heard.texts[0]
    assert all(16 <= width <= 64 for width in widths[4:])
    keys = [json.dumps(dict(t.configuration), sort_keys=True) for t in found.trials]
    assert len(set(keys)) == 7
    assert found.settings["space"] == WIDER

    again = ecojax.search(out=study, resume=True, evaluations=9)  # the space is the study's now
    assert len(again.trials) == 9
    assert len(again.progress["earlier_spaces"]) == 1
    assert all(16 <= t.configuration["hidden_width"] <= 64 for t in again.trials[4:])


def test_a_file_brings_the_space_and_may_change_nothing_else(study, tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[space.hidden_width]\ntype = "int"\nlow = 16\nhigh = 64\nstep = 8\ndefault = 16\n'
        "[[enqueue]]\nhidden_width = 64\n"
    )
    with pytest.raises(InputError, match="add migrate=True for its space"):
        ecojax.search(config=path, out=study, resume=True)
    found = ecojax.search(config=path, out=study, resume=True, migrate=True, evaluations=5)
    assert found.settings["space"] == WIDER
    path.write_text('[space.hidden_width]\ntype = "int"\nlow = 8\nhigh = 32\n[optimizer]\nname = "sgd"\n')
    with pytest.raises(InputError, match=r"mine\.toml: unknown key 'optimizer'"):
        ecojax.search(config=path, out=study, resume=True, migrate=True)
    path.write_text('epochs = 2\n[space.hidden_width]\ntype = "int"\nlow = 8\nhigh = 32\n')
    with pytest.raises(InputError, match="epochs = 2 differs"):
        ecojax.search(config=path, out=study, resume=True, migrate=True)
