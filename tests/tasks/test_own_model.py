"""A Flax model of a user's own, searched from Python: nnx and Linen, own loss, metrics and optimizer; bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen, nnx

import ecojax
from ecojax.data.arrays import of_arrays
from ecojax.errors import DataError, InputError
from ecojax.study import Status
from ecojax.study.declarations import require_own_names
from ecojax.tasks.own.task import OwnModel

SMALL = {
    "evaluations": 2,
    "population": 2,
    "epochs": 2,
    "energy_ci": 0.5,
    "frontier_energy_ci": 0,
    "early_stop": False,
}
SMALL |= {"inference_batch": 16}
SPACE = {"width": ecojax.Int(8, 16, step=8)}


class Perceptron(nnx.Module):
    def __init__(self, width, outputs, rngs):
        self.first, self.norm = nnx.Linear(4, width, rngs=rngs), nnx.BatchNorm(width, rngs=rngs)
        self.drop, self.last = nnx.Dropout(0.1, rngs=rngs), nnx.Linear(width, outputs, rngs=rngs)

    def __call__(self, x):
        return self.last(self.drop(nnx.relu(self.norm(self.first(x)))))


class LinenPerceptron(linen.Module):
    width: int

    @linen.compact
    def __call__(self, x, train: bool):
        x = linen.BatchNorm(use_running_average=not train)(linen.Dense(self.width)(x))
        return linen.Dense(2)(linen.Dropout(0.1, deterministic=not train)(linen.relu(x)))


def build(config, rngs):
    return Perceptron(config["width"], 2, rngs)


def of_linen(config, rngs):
    return LinenPerceptron(config["width"])


def recall(outputs, y):
    return jnp.sum((outputs.argmax(-1) == 1) & (y == 1)) / jnp.maximum(1, jnp.sum(y == 1))


def in_the_first_layer(parameters):
    return jax.tree_util.tree_map_with_path(lambda path, _: "first" in jax.tree_util.keystr(path), parameters)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 4)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] > 0).astype(np.int32)


@pytest.mark.parametrize("model", [build, of_linen])
@pytest.mark.usefixtures("unmetered")
def test_a_model_is_searched_by_accuracy_and_energy(model, data, tmp_path) -> None:
    study = ecojax.search(model=model, space=SPACE, data=data, out=tmp_path / "s", **SMALL)
    assert study.objectives == ["accuracy", "energy_per_sample_j"]
    for trial in study.trials:
        assert trial.status is Status.COMPLETE, trial.error
        assert trial.configuration["width"] in (8, 16)
        assert trial.metrics["parameters"] == (4 + 1 + 2 + 2) * trial.configuration["width"] + 2
    assert 0 <= study.frontier()[0].metrics["test_accuracy"] <= 1
    went_on = ecojax.search(
        model=model, space=SPACE, data=data, out=tmp_path / "s", resume=True, evaluations=3
    )
    assert len(went_on.trials) == 3
    with pytest.raises(ecojax.EcojaxError, match="digests"):
        ecojax.search(
            model=model,
            space=SPACE,
            data=(data[0], 1 - data[1]),
            out=tmp_path / "s",
            resume=True,
            evaluations=4,
        )


@pytest.mark.usefixtures("unmetered")
def test_loss_metrics_and_optimizer_are_the_users_own(data, tmp_path) -> None:
    def optimizer(config):  # the first layer is frozen, gradients are clipped
        frozen = optax.masked(optax.set_to_zero(), in_the_first_layer)
        return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(config["rate"]), frozen)

    study = ecojax.search(
        model=build,
        space=[ecojax.Int("width", 8, 16, step=8), ecojax.Float("rate", 1e-3, 1e-1, log=True)],
        data=data,
        loss=lambda outputs, y: optax.softmax_cross_entropy_with_integer_labels(outputs, y),
        metrics={"recall": (recall, "max")},
        optimizer=optimizer,
        out=tmp_path / "s",
        **SMALL,
    )
    assert study.objectives == ["recall", "energy_per_sample_j"]
    for trial in study.trials:
        assert trial.status is Status.COMPLETE, trial.error
        assert set(trial.configuration) == {"width", "rate", "batch_size"}
        assert 0 <= trial.metrics["recall"] <= 1


def own_model(data, *scores) -> OwnModel:
    return OwnModel(of_arrays(*data, seed=0), build, (ecojax.Int("width", 8, 16),), scores=scores)


def test_metrics_beside_one_of_a_name_of_ours_are_declared_too(data) -> None:
    metrics = own_model(data, ("accuracy", recall, "max"), ("recall", recall, "maximize")).metrics
    assert [metric.name for metric in metrics] == ["accuracy", "recall", "parameters", "flops"]
    assert [metric.count for metric in metrics[:2]] == [len(of_arrays(*data, seed=0).y_validation), None]
    assert [metric.name for metric in own_model(data).metrics] == ["accuracy", "parameters", "flops"]
    with pytest.raises(InputError, match=r"the task's metric 'accuracy' is to minimize .* rename it"):
        require_own_names(own_model(data, ("accuracy", recall, "min")).metrics)


@pytest.mark.usefixtures("unmetered")
def test_a_study_goes_on_where_the_models_file_was_moved_to(data, tmp_path) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(
            "from test_own_model import Perceptron\n\n\n"
            "def build(config, rngs):\n    return Perceptron(config['width'], 2, rngs)\n"
        )
    given = {"space": SPACE, "data": data, "out": tmp_path / "s"}
    ecojax.search(model=f"{tmp_path}/here/mine.py:build", **given, **SMALL, executor="inline")
    went_on = ecojax.search(
        model=f"{tmp_path}/there/mine.py:build", **given, resume=True, evaluations=3, executor="inline"
    )
    assert [trial.status for trial in went_on.trials] == [Status.COMPLETE] * 3


@pytest.mark.usefixtures("unmetered")
def test_targets_are_predicted(data, tmp_path) -> None:
    x = data[0]
    study = ecojax.search(
        model=lambda config, rngs: Perceptron(config["width"], 1, rngs),
        space=SPACE,
        data=((x[:160], x[:160, 2]), (x[160:200], x[160:200, 2]), (x[200:], x[200:, 2])),
        out=tmp_path / "s",
        **SMALL,
    )
    assert study.objectives == ["r2", "energy_per_sample_j"]
    assert [trial.status for trial in study.trials] == [Status.COMPLETE] * 2


WRONG = {
    "wrong outputs": (
        {"model": lambda c, r: Perceptron(c["width"], 3, r)},
        r"shape \(4, 3\) .* need 2 logits",
    ),
    "an ignored parameter": (
        {"model": lambda c, r: Perceptron(8, 2, r)},
        r"ignores 'width' of its space; read",
    ),
    "a build that fails": (
        {"model": lambda c, r: Perceptron(c["wdth"], 2, r)},
        r"(?s)model fails: KeyError: 'wdth'\n.*test_own_model.py",
    ),
    "no module": ({"model": lambda c, r: c["width"]}, r"the model that was built is a int; return a flax"),
    "no function": ({"model": 3}, r"model is a int; give a function of \(configuration, rngs\)"),
    "a loss of another shape": ({"loss": lambda o, y: o}, r"loss gives an array of shape \(4, 2\)"),
    "a loss that fails": ({"loss": lambda o, y: o @ o}, r"loss fails: TypeError"),
    "a metric without its direction": ({"metrics": {"f1": recall}}, r"metrics\['f1'\] is .*; give a pair"),
    "an optimizer that is none": ({"optimizer": lambda c: 3}, r"the optimizer is a int; give an optax"),
    "no data": ({"data": None}, r"model needs data"),
    "one array": ({"data": np.zeros((3, 2))}, r"data is no pair of arrays"),
    "a nameless parameter": ({"space": [ecojax.Int(1, 3)]}, r"a parameter of space has no name"),
    "no parameter": ({"space": {"width": 3}}, r"space holds 3, which is no parameter"),
    "two tasks": ({"families": ["mlp"]}, r"families and model are two things"),
    "workers and a lambda": (
        {"model": lambda c, r: build(c, r), "workers": 2},
        r'model cannot be loaded by workers: it is a lambda; define .* "mine.py:name"',
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_before_anything_is_written(what, data, tmp_path) -> None:
    changes, said = WRONG[what]
    with pytest.raises((InputError, DataError), match=said):
        ecojax.search(
            **{"model": build, "space": SPACE, "data": data, "out": tmp_path / "s", **SMALL, **changes}
        )
    assert not (tmp_path / "s").exists()


def test_a_file_that_searches_as_soon_as_it_is_loaded_is_told_so(data, tmp_path) -> None:
    (tmp_path / "mine.py").write_text('import ecojax\nbuild = print\necojax.search(dataset="digits")\n')
    with pytest.raises(InputError, match=r"mine.py' calls ecojax.search as soon .* __name__ == \"__main__\""):
        ecojax.search(model=f"{tmp_path}/mine.py:build", space=SPACE, data=data, out=tmp_path / "s", **SMALL)
    assert not (tmp_path / "s").exists()


def test_what_is_of_a_model_needs_one(data) -> None:
    with pytest.raises(InputError, match="data is for a model of your own; give that alone"):
        ecojax.search(data=data)


@pytest.mark.usefixtures("unmetered")
def test_a_model_is_exported_and_loaded_with_its_builder(data, tmp_path) -> None:
    study = ecojax.search(model=build, space=SPACE, data=data, out=tmp_path / "s", **SMALL)
    ecojax.export_model(study, pick="best", to=tmp_path / "m")
    loaded = ecojax.load(tmp_path / "m", model=build)
    share = float(np.mean(np.argmax(np.asarray(loaded(data[0])), -1) == data[1]))
    assert abs(share - study.pick("best").metrics["accuracy"]) < 0.2


@pytest.mark.slow
def test_a_model_in_a_module_is_trained_by_workers(data, tmp_path) -> None:
    study = ecojax.search(model=build, space=SPACE, data=data, workers=2, out=tmp_path / "s", **SMALL)
    assert [trial.status for trial in study.trials] == [Status.COMPLETE] * 2
