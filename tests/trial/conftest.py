from collections.abc import Callable

import pytest

from ecojax.data import ImageDataset, load
from ecojax.energy import Energy, ModeledMeter
from ecojax.tasks import ImageClassification
from ecojax.trial import evaluator as evaluator_module
from ecojax.trial.evaluator import Evaluator

PINS = {"family": "mlp", "hidden_layers": 1, "hidden_width": 32, "norm": "batch", "batch_size": 32}
PINS |= {"activation": "relu"}


@pytest.fixture(scope="session")
def digits() -> ImageDataset:
    return load("digits", train_size=200, seed=0)


@pytest.fixture(scope="session")
def make_evaluator(digits) -> Callable[..., Evaluator]:
    """An evaluator of one shape of perceptron, under its own meter; `pins` change or add."""

    def make(
        *,
        epochs: int = 2,
        meter=None,
        early_stop=False,
        compile_threads=None,
        compile_beside=None,
        pack=False,
        **pins: object,
    ) -> Evaluator:
        tables = {
            "sgd_learning_rate": {"type": "float", "low": 0.01, "high": 1e12, "log": True, "default": 0.1}
        }
        task = ImageClassification(
            digits,
            ("mlp",),
            epochs=epochs,
            inference_batch=16,
            tables=tables,
            pins={**PINS, "optimizer": "sgd", **pins},
        )
        return Evaluator(
            task,
            meter or ModeledMeter(10.0),
            early_stop=early_stop,
            energy_ci=0.3,
            compile_threads=compile_threads,
            compile_beside=compile_beside,
            pack=pack,
        )

    return make


def pretended_energy(*_: object, meter, batch_size: int, **__: object) -> Energy:
    """In place of the protocol, which has its own tests and takes seconds."""
    return Energy(
        per_sample_j=1e-6,
        per_sample_ci95_j=1e-8,
        latency_s=1e-4,
        batch_size=batch_size,
        windows=3,
        seconds=0.5,
        spent_j=5.0,
        compile_s=0.0,
        provenance=meter.provenance,
        gates={},
        precision="float32",
        device="pretended",
        converged=True,
    )


@pytest.fixture
def unmetered(monkeypatch) -> None:
    monkeypatch.setattr(evaluator_module, "per_inference", pretended_energy)
