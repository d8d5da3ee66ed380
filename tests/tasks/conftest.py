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
