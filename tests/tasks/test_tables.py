"""Tables as a task: rows with classes or a target, learnt by perceptrons and linear models."""

import json

import jax
import numpy as np
import pytest

import ecojax
from ecojax.data import load, of_arrays
from ecojax.energy import ModeledMeter
from ecojax.errors import DataError, InputError, StudyError
from ecojax.models import FAMILIES
from ecojax.study import StudyStore
from ecojax.tasks.descriptions import from_record
from ecojax.tasks.tables import TableInputs, Tabular
from ecojax.trial import evaluator
from tests.trial.conftest import pretended_energy

PINS = {"batch_size": 32, "optimizer": "adamw", "adamw_learning_rate": 0.03, "dropout": 0.0}


def tiny(dataset, out, **options):
    settings = {"epochs": 5, "evaluations": 2, "population": 2, "frontier_energy_ci": 0}
    settings |= {"families": "linear", "meter": ModeledMeter(10.0)}
    return ecojax.search(dataset, out=out, **settings | options)


@pytest.fixture
def unmetered(monkeypatch):
    monkeypatch.setattr(evaluator, "per_inference", pretended_energy)


def test_a_linear_model_comes_to_the_r2_of_least_squares():
    generator = np.random.default_rng(0)
    x = generator.normal(3.0, 10.0, (400, 4))
    y = x @ [1.0, -2.0, 0.5, 0.0] + 100.0
    task = Tabular(of_arrays(x, y), ("linear",), epochs=60, pins=PINS)
    candidate = task.candidate({**task.space.default(), **PINS})
    training = candidate.training()
    training.use({name: one.compile() for name, one in training.lowered().items()})
    state, _ = training.advance(training.start(0), 0, training.steps)
    judged = training.judge(state)
    assert judged["r2"] > 0.999  # the target is linear
    arrays = training.arrays(state)
    x_test, y_test = task.dataset.read_test()
    network = candidate.network
    predicted = np.asarray(jax.jit(network.logits)(network.from_arrays(arrays), x_test))[:, 0]
    from sklearn.metrics import r2_score, root_mean_squared_error

    found = candidate.judge(arrays, "test")
    assert found["r2"] == pytest.approx(r2_score(y_test, predicted), abs=1e-4)
    assert found["rmse"] == pytest.approx(root_mean_squared_error(y_test, predicted), rel=1e-2)
    assert predicted.mean() == pytest.approx(y_test.mean(), rel=0.01)  # in the target's own unit


def test_inputs_are_a_record_from_which_the_same_network_is_built():
    for name in ("sklearn:iris", "sklearn:diabetes"):
        task = Tabular(load(name))
        inputs = TableInputs.from_record(task.inputs.to_record())
        assert inputs == task.inputs
        configuration = task.space.default()
        assert inputs.network(configuration, "float32") == task.network(configuration)


def test_a_search_of_a_table_with_a_target_goes_on_and_is_shown(tmp_path, unmetered):
    study = tiny("sklearn:diabetes", tmp_path / "study")
    assert study.objectives == ["r2", "energy_per_sample_j"]
    best = study.pick("best")
    assert {"r2", "r2_se", "rmse", "rmse_se", "test_r2", "test_rmse"} <= best.metrics.keys()
    more = ecojax.search(resume=True, out=tmp_path / "study", evaluations=3, meter=ModeledMeter(10.0))
    assert len(more.trials) == 3
    assert [trial.configuration for trial in more.trials][:2] == [
        trial.configuration for trial in study.trials
    ]
    from ecojax.frontier.plot import plot

    plot(more, tmp_path / "frontier.png")


def test_a_model_with_a_target_comes_back_from_its_export_and_predicts_in_the_targets_unit(
    tmp_path, unmetered
):
    study = tiny("sklearn:diabetes", tmp_path / "study", evaluations=1)
    (trial,) = study.trials
    data = load("sklearn:diabetes", seed=0)
    with StudyStore.open(study.path) as store:
        arrays = store.arrays(trial)
    model = ecojax.load(ecojax.export_model(study, pick="0", to=tmp_path / "model"))
    network = Tabular(data).network(trial.configuration)
    expected = np.asarray(network.logits(network.from_arrays(arrays), data.x_validation))
    np.testing.assert_allclose(model(data.x_validation), expected, rtol=1e-5)
    assert model.predict(data.x_validation).shape == data.y_validation.shape
    squares = np.mean((model.predict(data.x_validation) - data.y_validation) ** 2)
    assert np.sqrt(squares) == pytest.approx(trial.metrics["rmse"], rel=1e-3)
    assert model(data.x_validation[0].astype(float)).shape == (1, 1)
    with pytest.raises(InputError, match="knows no classes"):
        model.classify(data.x_validation)
    with pytest.raises(InputError, match=r"shape \(3, 4\); this model takes \[n, 10\]"):
        model(np.zeros((3, 4)))
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text()
    for fact in ("from rows of 10 features", "Features, in order: age, sex, bmi", "validation R²", "test R²"):
        assert fact in card, fact
    assert "image" not in card


def test_a_classifier_of_rows_is_described_and_built_again():
    task = Tabular(load("sklearn:wine"), precision="bfloat16")
    configuration = task.space.default()
    record = json.loads(json.dumps(task.portable(configuration)))
    assert record["task"] == "tables"
    assert from_record(record).network() == task.network(configuration)
    assert "into 3 classes" in from_record(record).purpose


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"feature_names": []}, "feature_names"),
        ({"mean": [0.0]}, "mean should have 10 values"),
        ({"target_std": 0.0}, "target_std"),
        ({"target_mean": None}, "both be numbers"),
        ({"target_mean": None, "target_std": None}, "either classes or a target"),
        ({"class_names": ["a", "b"]}, "either classes or a target"),
        ({"family": "convnet"}, "architecture"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_key_of_a_description_is_named(change, message):
    task = Tabular(load("sklearn:diabetes"), ("mlp",))
    with pytest.raises(InputError, match=message):
        from_record(task.portable(task.space.default()) | change)


def test_a_family_that_takes_no_rows_is_refused_not_built():
    task = Tabular(load("sklearn:diabetes"), ("mlp",))
    record = task.portable(task.space.default())
    for name in set(FAMILIES) - {"mlp", "linear"}:
        architecture = FAMILIES[name].architecture({}, (10,))
        with pytest.raises(InputError, match="cannot be built"):
            from_record(record | {"family": name, "architecture": architecture}).network()


def test_a_search_of_a_table_with_classes_has_all_families_that_take_rows(tmp_path, unmetered):
    study = tiny("sklearn:wine", tmp_path / "study", families=None, dry_run=True)
    assert study.settings["families"] == ["mlp", "linear"]
    assert study.objectives == ["accuracy", "energy_per_sample_j"]
    assert study.facts.inputs["class_names"] == ["class_0", "class_1", "class_2"]
    assert "crop" not in {record.name for record in study.facts.space_records}


@pytest.mark.parametrize(
    ("dataset", "options", "error", "said"),
    [
        ("sklearn:win", {}, DataError, "did you mean 'wine'"),
        ("sklearn:wine", {"families": "convnet"}, InputError, "does not learn from rows"),
        ("sklearn:wine", {"objectives": ["r2"]}, InputError, "r2.*choose among accuracy"),
        ("sklearn:diabetes", {"objectives": ["accuracy"]}, InputError, "accuracy.*choose among r2, rmse"),
        ("sklearn:diabetes", {"constraints": "accuracy>=0.5"}, InputError, "there are r2, rmse"),
        ("digits", {"objectives": ["r2"], "families": "mlp"}, InputError, "r2.*choose among accuracy"),
        ("sklearn:wine", {"inference_batch": 500}, DataError, "exceeds the 114 training rows"),
        ("sklearn:wine", {"train_size": 500}, InputError, "1 to 114 rows"),
    ],
)
def test_what_does_not_fit_a_table_is_refused_before_anything_is_written(
    tmp_path, dataset, options, error, said
):
    with pytest.raises(error, match=said):
        tiny(dataset, tmp_path / "study", **options)
    assert not (tmp_path / "study").exists()


def test_the_tables_of_scikit_learn_are_split_by_class_and_told_apart():
    data = load("sklearn:iris", seed=1)
    assert data.feature_names[0] == "sepal length (cm)"
    assert data.class_names == ("setosa", "versicolor", "virginica")
    assert np.bincount(data.read_test()[1]).tolist() == [10, 10, 10]
    assert np.bincount(data.y_validation).tolist() == [8, 8, 8]
    assert load("sklearn:iris", seed=1).digests == data.digests
    assert load("sklearn:iris", seed=2).digests["validation"] != data.digests["validation"]


def test_a_search_of_a_file_goes_on_from_another_folder_while_it_holds_the_same(
    tmp_path, unmetered, monkeypatch
):
    rows = np.random.default_rng(0).normal(size=(300, 3))

    def write(offset):
        lines = [f"{a},{b},{a - b + 0.1 * c + offset}" for a, b, c in rows]
        (tmp_path / "sums.csv").write_text("\n".join(["a,b,target", *lines]))

    write(0.0)
    monkeypatch.chdir(tmp_path)
    study = tiny("csv:sums.csv", None)
    assert study.path.name == "sums-1"
    assert study.pick("best").metrics["test_r2"] > 0
    folder = study.path.absolute()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    more = {"resume": True, "out": folder, "evaluations": 3, "meter": ModeledMeter(10.0)}
    assert len(ecojax.search(**more).trials) == 3
    write(1.0)
    with pytest.raises(StudyError, match="training inputs or outputs"):
        ecojax.search(**more | {"evaluations": 4})
