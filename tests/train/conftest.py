from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecojax.models import family
from ecojax.models.network import Network
from ecojax.train.images.augmentation import ImageAugmentation
from ecojax.train.loss import Classification
from ecojax.train.program import TrainingProgram


class Digits(NamedTuple):
    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray


@pytest.fixture(scope="session")
def digits() -> Digits:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    y = bunch.target.astype(np.int32)
    return Digits(x[:1500], y[:1500], x[1500:], y[1500:])


@pytest.fixture(scope="session")
def make_program() -> Callable[..., TrainingProgram]:
    """A program on 8 × 8 images of ten classes."""

    def make(
        name: str, *, optimizer: str = "adamw", batch_size: int = 32, max_shift: int = 1, **architecture: Any
    ) -> TrainingProgram:
        network = Network(
            family=name,
            architecture=tuple(family(name).architecture(architecture, (8, 8, 1)).items()),
            input_shape=(8, 8, 1),
            outputs=10,
            mean=(0.3,),
            std=(0.37,),
        )
        return TrainingProgram(
            network, optimizer, batch_size, Classification(10), ImageAugmentation(max_shift)
        )

    return make


@pytest.fixture(scope="session")
def traced() -> Callable[..., dict[str, jax.Array]]:
    """The recipe's numbers as device scalars, those not named at rest."""

    def numbers(**values: float) -> dict[str, jax.Array]:
        resting = dict.fromkeys(
            ("weight_decay", "warmup", "label_smoothing", "dropout", "flip", "crop", "cutout"), 0.0
        )
        resting |= dict.fromkeys(
            ("reflect", "linear_decay", "schedule_start", "schedule_end", "bias_decay"), 0.0
        )
        resting |= {"learning_rate": 0.01, "adamw_learning_rate": 0.01, "momentum": 0.9, "norm_rate": 1.0}
        resting |= values
        return {name: jnp.float32(value) for name, value in resting.items()}

    return numbers
