from collections.abc import Callable

import pytest

from ecojax.data import ImageDataset, load
from ecojax.energy import ModeledMeter
from ecojax.tasks import ImageClassification
from ecojax.trial.evaluator import Evaluator

PINS = {"family": "mlp", "hidden_layers": 1, "hidden_width": 32, "norm": "batch", "batch_size": 32}
PINS |= {"activation": "relu"}


@pytest.fixture(scope="session")
def digits() -> ImageDataset:
    return load("digits", train_size=200, seed=0)


@pytest.fixture(scope="session")
def make_evaluator(digits) -> Callable[..., Evaluator]:
    """An evaluator of one shape of perceptron, under its own meter; `pins` change or add."""

    def make(*, epochs: int = 2, meter=None, rungs=(), **pins: object) -> Evaluator:
        tables = {
            "sgd_learning_rate": {"type": "float", "low": 0.01, "high": 1e12, "log": True, "default": 0.1}
        }
        task = ImageClassification(digits, ("mlp",), tables=tables, pins={**PINS, "optimizer": "sgd", **pins})
        return Evaluator(
            task, meter or ModeledMeter(10.0), epochs=epochs, rungs=rungs, inference_batch=16, energy_ci=0.3
        )

    return make
