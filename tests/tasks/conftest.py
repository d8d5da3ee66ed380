from collections.abc import Callable

import numpy as np
import pytest

from ecojax.data import ImageDataset


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., ImageDataset]:
    """Random images of three classes; nothing is learnt from them."""

    def make(n: int = 100, shape: tuple[int, int, int] = (8, 8, 1)) -> ImageDataset:
        rng = np.random.default_rng(0)
        x, y = rng.integers(0, 256, (n, *shape), dtype=np.uint8), rng.integers(0, 3, n, dtype=np.int32)
        channels = shape[-1]
        return ImageDataset(
            name="noise",
            title="noise",
            version="1",
            source="a generator",
            class_names=("a", "b", "c"),
            x_train=x,
            y_train=y,
            x_validation=x[:10],
            y_validation=y[:10],
            mean=np.full(channels, 0.5, np.float32),
            std=np.zeros(channels, np.float32),
            splits={},
            digests={},
            _read_test=lambda: (x[:10], y[:10]),
        )

    return make


@pytest.fixture
def unmetered(monkeypatch) -> None:
    """Energy without the seconds that its measurement takes."""
    from ecojax.energy import Energy
    from ecojax.trial import evaluator

    def pretended(*_: object, meter, batch_size: int, **__: object) -> Energy:
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

    monkeypatch.setattr(evaluator, "per_inference", pretended)
