"""A model that a user's own function builds: exported without that function, loaded back with it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from exported_trial import make_case
from flax import nnx

import ecojax
from ecojax.cli import main
from ecojax.errors import InputError
from ecojax.export import export_trial
from ecojax.space import Int
from ecojax.study import Status, StudyStore, Trial
from ecojax.study.parts import parted
from ecojax.tasks.code import load_object, told_place
from ecojax.tasks.descriptions import described, described_by, from_record
from ecojax.tasks.own.task import OwnModel


class Net(nnx.Module):
    def __init__(self, width: int, outputs: int, rngs: nnx.Rngs):
        self.hidden = nnx.Linear(5, width, rngs=rngs)
        self.norm = nnx.BatchNorm(width, rngs=rngs)
        self.dense = nnx.Linear(width, outputs, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.dense(nnx.relu(self.norm(self.hidden(x))))


def build(configuration: Any, rngs: nnx.Rngs) -> Net:
    return Net(configuration["units"], 3, rngs)


def build_number(configuration: Any, rngs: nnx.Rngs) -> Net:
    return Net(configuration["units"], 1, rngs)


def task_of(builder: Any, y: np.ndarray, class_names: tuple[str, ...]) -> OwnModel:
    x = np.random.default_rng(0).normal(size=(96, 5)).astype(np.float32)
    data = SimpleNamespace(
        title="numbers",
        version="1",
        source="a test",
        class_names=class_names,
        chance_accuracy=1 / 3,
        x_train=x[:64],
        y_train=y[:64],
        x_validation=x[64:],
        y_validation=y[64:],
        mean=(),
        std=(),
        splits={"validation": {"size": 32}},
        digests={},
    )
    return OwnModel(data, builder, (Int("units", 2, 16),), epochs=2, inference_batch=16)


@pytest.fixture(scope="module")
def task() -> OwnModel:
    return task_of(build, np.arange(96, dtype=np.int32) % 3, ("a", "b", "c"))


def trained(task: OwnModel) -> tuple[Trial, dict[str, np.ndarray]]:
    """A trial and its weights, trained as a search trains it; only its energy is pretended."""
    configuration = task.space.default()
    training = task.candidate(configuration).training()
    training.use({name: lowered.compile() for name, lowered in training.lowered().items()})
    state, _ = training.advance(training.start(0), 0, training.steps)
    pretended = make_case("mlp").trial
    metrics = {name: value for name, value in pretended.metrics.items() if not name.startswith("accuracy")}
    trial = replace(pretended, configuration=configuration, metrics=metrics | dict(training.judge(state)))
    return trial, training.arrays(state)


@pytest.fixture(scope="module")
def exported(task, tmp_path_factory) -> tuple[Path, dict[str, np.ndarray]]:
    folder = tmp_path_factory.mktemp("own")
    trial, arrays = trained(task)
    settings = dict(task.facts()) | {
        "resolved_precision": "float32",
        "objectives": ["accuracy", "energy_per_sample_j"],
        "dataset": "numbers",
        "inference_batch": 16,
    }
    parts = parted(settings)
    with StudyStore.create(folder / "study", parts["settings"], facts=parts["facts"]) as store:
        store.start(0, trial.configuration, origin="default", seed=0)
        store.end(
            0,
            Status.COMPLETE,
            metrics=trial.metrics,
            provenance=dict(trial.provenance) | {"energy_per_sample_j": "modeled"},
            details=dict(trial.details),
            arrays=arrays,
        )
    return ecojax.export_model(folder / "study", pick="0", to=folder / "model"), arrays


def test_it_comes_back_with_the_trials_predictions(task, exported) -> None:
    folder, arrays = exported
    network = task.network(task.space.default())
    model = ecojax.load(folder, model=build)
    x = task.dataset.x_validation
    expected = np.asarray(network.logits(network.from_arrays(arrays), x))
    np.testing.assert_allclose(model(x), expected, rtol=1e-5, atol=1e-6)
    assert model(x[0]).shape == (1, 3)
    assert model(x[:0]).shape == (0, 3)
    assert model.classify(x) == ["abc"[index] for index in expected.argmax(1)]
    assert model.network == network
    assert "3 classes" in repr(model)


def test_its_record_is_what_the_task_calls_portable(task, exported) -> None:
    folder, _ = exported
    record = json.loads((folder / "model.json").read_text())
    configuration = json.loads((folder / "configuration.json").read_text())["configuration"]
    assert {"format": "ecojax-model", "version": 2, **task.portable(configuration)} == record
    assert from_record(task.portable(configuration)).network(build) == task.network(configuration)


def test_a_folder_brings_no_code_along(exported) -> None:
    folder, _ = exported
    with pytest.raises(InputError, match=r"function 'test_own_models:build', and a folder brings no code"):
        ecojax.load(folder)
    with pytest.raises(InputError, match=r"model='mine.py:build': there is no file"):
        ecojax.load(folder, model="mine.py:build")
    with pytest.raises(InputError, match="model is a int; give the function"):
        ecojax.load(folder, model=3)


def test_its_function_may_be_named_by_its_place(task, exported) -> None:
    x = task.dataset.x_validation
    named = ecojax.load(exported[0], model=f"{__file__}:build")
    np.testing.assert_array_equal(named(x), ecojax.load(exported[0], model=build)(x))


def on_the_command_line(monkeypatch, capsys, *arguments: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["ecojax", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0), *capsys.readouterr()


def test_it_is_measured_by_name_of_its_function(exported, monkeypatch, capsys) -> None:
    quick = ("--seconds", "0.3", "--energy-ci", "50%", "--batch", "8", "--json")
    status, out, err = on_the_command_line(
        monkeypatch, capsys, "measure", exported[0], "--model", f"{__file__}:build", *quick
    )
    assert status == 0, err
    assert json.loads(out)["rows"][0]["energy"]["input_shape"] == "float32[8,5]"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, "a folder brings no code along; name it with --model test_own_models:build"),
        ("nowhere.py:build", "--model nowhere.py:build: there is no file"),
        (f"{__file__}:bild", "has no 'bild' (did you mean 'build'?)"),
        (f"{__file__}:build_number", "belong to another network"),
    ],
)
def test_without_its_function_it_is_not_measured(exported, monkeypatch, capsys, model, message) -> None:
    named = [] if model is None else ["--model", model]
    status, out, err = on_the_command_line(monkeypatch, capsys, "measure", exported[0], *named)
    assert (status, out) == (1, "")
    assert message in err


def test_what_is_no_folder_needs_no_builder(monkeypatch, capsys) -> None:
    status, _, err = on_the_command_line(monkeypatch, capsys, "measure", "m.py:f", "--model", "mine.py:build")
    assert status == 1
    assert "--model mine.py:build goes with the folder of an exported model, and 'm.py:f' is none" in err


def test_a_function_of_another_network_is_refused_and_its_own_failure_is_its_own(exported) -> None:
    folder, _ = exported
    with pytest.raises(InputError, match=r"does not fit .*another network: 'dense/bias' should be \(1,\)"):
        ecojax.load(folder, model=build_number)

    def broken(configuration: Any, rngs: nnx.Rngs) -> Net:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        ecojax.load(folder, model=broken)


def test_its_card_speaks_of_its_own_inputs(exported, capsys, monkeypatch) -> None:
    folder, _ = exported
    card = (folder / "MODEL_CARD.md").read_text()
    for fact in (
        "# Own model (build) for numbers",
        "Tells 3 classes apart.",
        "float32 inputs `[n, 5]`",
        "Classes, in order: a, b, c.",
        "validation accuracy",
        "`units`",
    ):
        assert fact in card, fact
    assert "image" not in card
    monkeypatch.chdir(folder.parent)
    exec(card.partition("```python\n")[2].partition("```")[0], {})
    assert capsys.readouterr().out.startswith("(2, 3) [")


def test_a_number_is_predicted_in_its_own_unit(tmp_path) -> None:
    y = np.linspace(-1, 1, 96, dtype=np.float32)
    task = task_of(build_number, y, ())
    trial, arrays = trained(task)
    description = from_record(task.portable(trial.configuration))
    settings = dict(task.facts()) | {"objectives": ["r2", "energy_per_sample_j"]}
    to = export_trial(description, trial, arrays, tmp_path / "model", settings=settings)
    model = ecojax.load(to, model=build_number)
    x = task.dataset.x_validation
    np.testing.assert_array_equal(model.predict(x), model(x)[:, 0])
    with pytest.raises(InputError, match="predicts numbers and knows no classes"):
        model.classify(x)
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text()
    assert "| validation R² | " in card
    assert "model.predict(inputs)" in card


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((2, 4), np.float32), r"shape \(2, 4\); this model takes \[n, 5\]"),
        (np.zeros((2, 2, 5), np.float32), r"shape \(2, 2, 5\)"),
        (np.zeros((2, 5), np.int32), "inputs are int32, this model takes float32"),
        (np.array(["a"] * 5), "this model takes float32"),
    ],
)
def test_other_inputs_are_refused(exported, inputs, message) -> None:
    with pytest.raises(InputError, match=message):
        ecojax.load(exported[0], model=build)(inputs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_shape": [10**9]}, "input_shape"),
        ({"input_shape": [1 << 20, 1 << 20]}, "absurdly large"),
        ({"inputs": "object"}, "inputs"),
        ({"configuration": {"units": [1]}}, "configuration"),
        ({"mean": [0.0]}, "mean should have 5 values or none"),
        ({"mean": [0.0] * 5}, "as many values"),
        ({"outputs": 0}, "outputs"),
        ({"surprise": 1}, "surprise"),
        ({"task": ["own"]}, "task"),
        ({"precision": "int8"}, "precision"),
    ],
)
def test_a_wrong_key_is_named(exported, tmp_path, change, message) -> None:
    record = json.loads((exported[0] / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(record | change))
    with pytest.raises(InputError, match=rf"(?s)model\.json.*{message}"):
        ecojax.load(tmp_path, model=build)


def test_a_study_that_does_not_say_how_its_models_are_built_asks_for_its_task() -> None:
    with pytest.raises(InputError, match=r"give the task .*export_model\(study, task=\.\.\.\)"):
        described({"task": "mine.py:MyTask"}, {})
    with pytest.raises(InputError, match=r"inputs are damaged: inputs\.parameters"):
        described({"portable": "own", "inputs": {}}, {})
    for record in (None, {}, {"width": 3}):
        silent = SimpleNamespace(portable=lambda _, record=record: record)
        with pytest.raises(InputError, match=r"portable\(configuration\) of the task gives .*let it return"):
            described_by(silent, {})


def test_a_function_of_a_file_is_named_by_the_file_not_by_its_folder(tmp_path) -> None:
    (tmp_path / "mine.py").write_text("def build(configuration, rngs): ...")
    found = load_object(f"{tmp_path}/mine.py:build", "model")
    assert told_place(found) == "mine.py:build"
    assert told_place(build) == "test_own_models:build"


def test_a_task_of_the_users_own_is_asked_and_its_facts_are_read(task, exported, tmp_path) -> None:
    """Where a task is the user's own, a study holds its facts apart."""
    folder, _ = exported
    again = ecojax.export_model(folder.parent / "study", pick="0", to=tmp_path / "model", task=task)
    assert (again / "model.json").read_text() == (folder / "model.json").read_text()
    configuration = task.space.default()
    nested = {"task": "mine.py:MyTask", "task_facts": task.facts(), "resolved_precision": "float32"}
    assert described(nested, configuration).to_record() == task.portable(configuration)


def test_reading_a_description_imports_nothing_of_its_authors(exported) -> None:
    program = (
        "import sys; from pathlib import Path; from ecojax.export.description import read_description;"
        f"found = read_description(Path({str(exported[0])!r})); assert found.model == 'test_own_models:build';"
        "sys.exit('test_own_models' in sys.modules or 'jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
