"""Warm starts: what is known to be good comes first, and the study needs nothing else to go on."""

import json
import shutil

import pytest

import ecojax
from ecojax.engine.proposers import PROPOSERS
from ecojax.errors import EcojaxError, InputError, StudyError
from ecojax.session.loop import Listener
from ecojax.session.warm_start import completed, distinct, mapped
from ecojax.settings import read_configurations, resolve
from ecojax.space import Choice, Float, Int, SearchSpace
from ecojax.study import Status, StudyStore
from ecojax.trial.evaluator import Evaluator
from ecojax.trial.outcome import Outcome
from ecojax.wording import on_the_command_line, option

SPACE = SearchSpace(
    [
        Choice("family", ("mlp", "convnet"), default="mlp"),
        Int("depth", 1, 4, default=2, when={"family": ("convnet",)}),
        Float("rate", 1e-3, 1.0, log=True, default=0.1),
    ]
)
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
}


class Notes(Listener):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def noted(self, text: str) -> None:
        self.texts.append(text)


def test_what_is_not_named_takes_its_default() -> None:
    assert completed(SPACE, [{}, {"rate": 1}, {"family": "convnet"}], source="x") == [
        {"family": "mlp", "rate": 0.1},
        {"family": "mlp", "rate": 1.0},
        {"family": "convnet", "depth": 2, "rate": 0.1},
    ]


def test_a_configuration_of_another_space_is_mapped() -> None:
    assert mapped(SPACE, {"family": "mlp", "pooling": "max", "depth": 3}) == {"family": "mlp", "rate": 0.1}
    assert mapped(SPACE, {"family": "convnet", "depth": 3}) == {"family": "convnet", "depth": 3, "rate": 0.1}
    with pytest.raises(InputError, match=r"'rate' = 3\.0 lies outside"):
        mapped(SPACE, {"rate": 3.0})


def test_each_comes_once_in_order() -> None:
    queue = completed(SPACE, [{"rate": 0.5}, {}, {"rate": 0.5}, {"rate": 0.1}], source="x")
    assert [c["rate"] for c in distinct(SPACE, queue)] == [0.5, 0.1]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.toml", "[[enqueue]]\nwidth = 8\n[[enqueue]]\nflip = true", [{"width": 8}, {"flip": True}]),
        ("a.toml", "width = 8\nrate = 0.5", [{"width": 8, "rate": 0.5}]),
        ("a.json", '{"width": 8}', [{"width": 8}]),
        ("a.json", '[{"width": 8}, {"block": "plain"}]', [{"width": 8}, {"block": "plain"}]),
        ("a.json", "[]", []),
    ],
)
def test_files_of_one_or_many(tmp_path, name, text, expected) -> None:
    (tmp_path / name).write_text(text)
    assert read_configurations(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.json", "{", "a.json' is not valid JSON"),
        ("a.json", "3", "a.json' holds no configurations"),
        ("a.json", "[3]", "a.json' holds no configurations"),
        ("a.json", '[{}, {"width": [1, 2]}]', r"a.json: enqueue, table 2: width = \[1, 2\] must be"),
        ("a.json", '{"width": null}', "width = None must be"),
        ("a.toml", "enqueue = 3", "a.toml' holds no configurations"),
        ("a.toml", "width = ", "a.toml' is not valid TOML"),
        ("b.json", None, "cannot read"),
        ("b.toml", None, "cannot read"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path, name, text, says) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=says):
        read_configurations(tmp_path / name)


def test_the_settings_name_every_proposer_and_the_options_as_typed() -> None:
    for name in PROPOSERS:
        assert resolve(None, {"proposer": name})[0].proposer == name
    with on_the_command_line():
        assert option("start_from") == "--from"
    with pytest.raises(InputError, match=r"proposer='oracle': .*; there are assisted, nsga2"):
        resolve(None, {"proposer": "oracle"})
    with pytest.raises(InputError, match="patience=0: input"):
        resolve(None, {"patience": 0})


@pytest.fixture
def pretended(monkeypatch) -> None:
    """Trials that cost nothing: the wider, the better and the dearer."""

    def evaluate(self, asked) -> Outcome:
        width = asked.configuration["hidden_width"]
        return Outcome(Status.COMPLETE, {"accuracy": width / 1000, "parameters": 100.0 * width})

    monkeypatch.setattr(Evaluator, "__call__", evaluate)
    monkeypatch.setattr("ecojax.session.conduct._read_test_set", lambda *_: None)


def study(folder, configurations, *, complete=True):
    """A study as a search leaves it, of given configurations, each better and dearer than the last."""
    settings = {"objectives": ["accuracy", "parameters"], "dataset": "digits"}
    with StudyStore.create(folder, settings) as store:
        for i, configuration in enumerate(configurations):
            store.start(i, configuration, origin="sobol", seed=0)
            metrics = {"accuracy": 0.5 + i / 10, "parameters": 10.0 + i}
            store.end(i, Status.COMPLETE if complete else Status.FAILED, metrics=metrics if complete else {})
    return folder


def test_a_search_begins_with_them_and_resumes_without_them(tmp_path, pretended) -> None:
    """Two enqueued, then the other study's frontier (best first), then the default; all kept in the study."""
    other = study(
        tmp_path / "other",
        [
            {"family": "mlp", "hidden_layers": 1, "hidden_width": 24, "stages": 2},
            {"family": "mlp", "hidden_layers": 99},
            {"family": "mlp", "hidden_layers": 1, "hidden_width": 40},
        ],
    )
    (tmp_path / "first.json").write_text('[{"hidden_width": 8}, {"hidden_width": 16}, {"hidden_width": 8}]')
    heard = Notes()
    options = {
        "enqueue": tmp_path / "first.json",
        "start_from": [str(other)],
        "proposer": "nsga2",
        "patience": 9,
    }
    out = tmp_path / "warm"
    ecojax.search(**SMALL, **options, evaluations=2, out=out, listener=heard)
    assert len(heard.texts) == 1
    assert "trial 1 is skipped: parameter 'hidden_layers' = 99 lies outside" in heard.texts[0]

    shutil.rmtree(other)
    (tmp_path / "first.json").unlink()
    found = ecojax.search(out=out, resume=True, evaluations=5)
    assert [trial.configuration["hidden_width"] for trial in found.trials[:4]] == [8, 16, 40, 24]
    assert [trial.origin for trial in found.trials] == ["queued"] * 4 + ["default"]
    assert found.settings["patience"] == 9
    assert json.loads(json.dumps(found.settings["enqueue"])) == [t.configuration for t in found.trials[:4]]
    for name, value in (("enqueue", [{"hidden_width": 8}]), ("start_from", ["x"])):
        with pytest.raises(InputError, match=f"leave {name} out"):
            ecojax.search(out=out, resume=True, **{name: value})


@pytest.mark.parametrize(
    ("options", "says", "kind"),
    [
        ({"enqueue": [{"hidden_width": 8}, {"height": 1}]}, "enqueue, table 2: .*'height'", InputError),
        ({"enqueue": [{"hidden_width": 9}]}, "enqueue, table 1: parameter 'hidden_width' = 9", InputError),
        ({"enqueue": [{"hidden_width": [8]}]}, r"enqueue, table 1: hidden_width = \[8\] must be", InputError),
        ({"enqueue": "nowhere.toml"}, "cannot read the configuration 'nowhere.toml'", InputError),
        ({"start_from": ["nowhere"]}, "nowhere' holds no study", StudyError),
    ],
    ids=str,
)
def test_bad_warm_starts_are_refused_and_nothing_is_written(
    tmp_path, monkeypatch, options, says, kind
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EcojaxError, match=says) as refusal:
        ecojax.search(**SMALL, **options, evaluations=2, out="study")
    assert refusal.type is kind
    assert not (tmp_path / "study").exists()


def test_tables_of_a_file_are_named_with_it(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[[enqueue]]\nhidden_width = 8\n[[enqueue]]\nheight = 1\n")
    with pytest.raises(InputError, match=r"mine\.toml: enqueue, table 2: .*'height'"):
        ecojax.search(config=path, **SMALL, out=tmp_path / "study")


def test_a_study_without_a_frontier_gives_nothing_and_says_so(tmp_path, pretended) -> None:
    heard = Notes()
    other = study(tmp_path / "other", [{"family": "mlp"}], complete=False)
    found = ecojax.search(
        **SMALL, evaluations=1, start_from=[str(other)], out=tmp_path / "study", listener=heard
    )
    assert "has no frontier" in heard.texts[0]
    assert found.trials[0].origin == "default"


def test_contradictory_bounds_are_searched_on_and_the_frontier_says_so(tmp_path, pretended) -> None:
    """None can have it both ways: the fewest parameters that there are, and nearly always right."""
    found = ecojax.search(
        **SMALL,
        evaluations=4,
        patience=1,
        constraints={"parameters": {"max": 610}, "accuracy": {"min": 0.999}},
        out=tmp_path / "study",
    )
    assert len(found.trials) == 4
    assert found.progress["stopped"] == "the budget of 4 evaluations is spent"
    with pytest.raises(InputError, match="no complete trial meets the constraints"):
        found.require_frontier()
