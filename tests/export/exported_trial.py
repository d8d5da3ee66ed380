"""A trained trial of either family, made without training: fresh weights, and figures as an evaluator states them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ecojax.models import family
from ecojax.models.network import Network, Weights
from ecojax.study import Status, Trial
from ecojax.tasks.images.description import ImageDescription

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "mlp": {"family": "mlp", "hidden_layers": 1, "hidden_width": 16, "learning_rate": 0.01},
    "convnet": {"family": "convnet", "stages": 2, "block": "residual", "width": 8, "learning_rate": 0.1},
}
CLASS_NAMES = tuple(f"digit {number}" for number in range(10))
SETTINGS = {
    "study": "runs-digits",
    "dataset": "digits",
    "dataset_title": "Digits (8 × 8)",
    "dataset_source": "scikit-learn",
    "seed": 7,
    "objectives": ["accuracy", "energy_per_sample_j"],
    "inference_batch": 64,
    "epochs": 3,
    "precision": "float32",
    "versions": {"ecojax": "0.1.0", "jax": "0.10.2"},
    "splits": {
        "train": {"from": "train", "size": 1000},
        "validation": {"from": "train", "size": 400},
        "test": {"from": "train", "size": 397},
    },
}


class Case(NamedTuple):
    network: Network
    weights: Weights
    arrays: dict[str, np.ndarray]
    trial: Trial

    @property
    def description(self) -> ImageDescription:
        return ImageDescription.of(self.network, CLASS_NAMES)


def make_case(name: str) -> Case:
    configuration, shape = CONFIGURATIONS[name], (8, 8, 1)
    architecture = tuple(family(name).architecture(configuration, shape).items())
    network = Network(name, architecture, shape, 10, (0.3,), (0.4,))
    weights = jax.jit(network.init)(jax.random.key(0, impl="rbg"))  # compiles fastest
    # statistics as a training leaves them: the fresh ones, 0 and 1, would hide a loss
    weights = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf) + np.float32(0.01)), weights)
    energy = {
        "per_sample_j": 4.13e-5,
        "per_sample_ci95_j": 6.1e-7,
        "latency_s": 1.7e-3,
        "batch_size": 64,
        "windows": 5,
        "seconds": 5.2,
        "spent_j": 60.0,
        "compile_s": 0.5,
        "provenance": {
            "kind": "modeled",
            "by": "CPU time × 10 W per core",
            "scope": "this process",
            "systematic_percent": 30.0,
        },
        "gates": {"time_ratio": 2.01, "checksum_error": 0.0},
        "precision": "float32",
        "device": "cpu: cpu",
        "converged": True,
    }
    metrics = {
        "accuracy": 0.9625,
        "accuracy_se": 0.0095,
        "energy_per_sample_j": 4.13e-5,
        "energy_per_sample_j_ci95": 6.1e-7,
        "latency_ms": 1.7,
        "parameters": float(network.parameters),
        "flops": 12345.0,
        "train_energy_j": 31.4,
        "train_seconds": 3.1,
        "trial_energy_j": 99.0,
    }
    trial = Trial(
        id=12,
        status=Status.COMPLETE,
        configuration=configuration,
        origin="variation",
        seed=5,
        metrics=metrics,
        provenance={"train_energy_j": "modeled (CPU time × 10 W per core)"},
        details={"energy": energy},
    )
    return Case(network, weights, network.to_arrays(weights), trial)
