"""The tasks of the package keep to the protocol, with every family, and what they export comes back as it was."""

import numpy as np
import pytest
from flax import nnx

import ecojax
from ecojax.data import load, of_arrays
from ecojax.models import FAMILIES
from ecojax.tasks import ImageClassification, Tabular
from ecojax.tasks.descriptions import DESCRIPTIONS
from ecojax.tasks.function.task import given
from ecojax.tasks.own.task import OwnModel
from ecojax.tasks.tables.task import POSSIBLE
from ecojax.testing import check_exporter, check_task

FEW = {"epochs": 2, "inference_batch": 4}
X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
CLASSES = (X[:, 0] > 0).astype(np.int32)


class Rows(nnx.Module):
    def __init__(self, width: int, rngs: nnx.Rngs):
        self.hidden, self.dense = nnx.Linear(3, width, rngs=rngs), nnx.Linear(width, 2, rngs=rngs)

    def __call__(self, x):
        return self.dense(nnx.relu(self.hidden(x)))


def build(configuration, rngs):
    return Rows(configuration["width"], rngs)


def own() -> OwnModel:
    return OwnModel(of_arrays(X, CLASSES), build, (ecojax.Int("width", 2, 8),), **FEW)


@pytest.mark.parametrize(
    "family",
    [pytest.param(name, marks=pytest.mark.slow if name != "linear" else ()) for name in FAMILIES],
)
def test_classes_of_images(family, make_dataset) -> None:
    task = ImageClassification(make_dataset(), [family], "float32", **FEW)
    check_task(task)
    check_exporter(task)


@pytest.mark.slow
@pytest.mark.parametrize("family", POSSIBLE)
def test_classes_and_targets_of_rows(family) -> None:
    for y in (CLASSES, X[:, 0] - X[:, 1]):
        task = Tabular(of_arrays(X, y), [family], **FEW)
        check_task(task)
        check_exporter(task)


def test_a_model_of_a_users_own() -> None:
    task = own()
    check_task(task)
    check_exporter(task, model=build)


def test_a_function() -> None:
    space = (ecojax.Float("x", 0.0, 1.0),)
    check_task(
        given(lambda found: {"error": found["x"] ** 2}, space, {"error": "min"})(pin={}, objectives=["error"])
    )


def test_every_kind_of_export_is_that_of_a_task_above(make_dataset) -> None:
    tasks = (ImageClassification(make_dataset(), ["linear"]), Tabular(load("sklearn:iris")), own())
    assert [task.portable(task.space.default())["task"] for task in tasks] == list(DESCRIPTIONS)


def test_an_export_of_other_weights_is_found_out(monkeypatch) -> None:
    from ecojax.export import checkpoint

    task = Tabular(of_arrays(X, CLASSES), ["linear"], **FEW)
    save = checkpoint.save_weights
    monkeypatch.setattr(
        "ecojax.export.write.save_weights",
        lambda folder, arrays: save(folder, {name: array + 1 for name, array in arrays.items()}),
    )
    with pytest.raises(AssertionError, match=r"the weights dense/.* are others once loaded"):
        check_exporter(task)
