from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ecojax.models import family
from ecojax.models.network import Network

MakeNetwork = Callable[..., Network]


@pytest.fixture(scope="session")
def make_network() -> MakeNetwork:
    """A network of `family` with the family's fallbacks, `changes` apart; ten classes."""

    def make(
        name: str, image_shape: tuple[int, int, int] = (8, 8, 1), precision: str = "float32", **changes: Any
    ) -> Network:
        channels = image_shape[-1]
        return Network(
            family=name,
            architecture=tuple(family(name).architecture(changes, image_shape).items()),
            input_shape=image_shape,
            outputs=10,
            mean=(0.3,) * channels,
            std=(0.25,) * channels,
            precision=precision,
        )

    return make


@pytest.fixture(scope="session")
def random_arrays() -> Callable[[Network], dict[str, np.ndarray]]:
    """Arrays by name that fit a network, all positive (variances must be), different in every entry."""

    def draw(network: Network) -> dict[str, np.ndarray]:
        import jax

        from ecojax.models.network import _flat

        rng = np.random.default_rng(0)
        weights = network.abstract_weights
        leaves = {**_flat(weights.parameters), **_flat(weights.statistics)}
        assert len(leaves) == len(jax.tree.leaves(weights))
        return {
            name: (rng.uniform(0.2, 1.0, leaf.shape) / np.prod(leaf.shape[:-1])).astype(np.float32)
            for name, leaf in leaves.items()
        }

    return draw
