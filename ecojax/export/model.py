"""An exported model, loaded: a function from images to logits, with the label it came with.

Nothing in the folder is executed: JSON text and plain arrays only, under names fixed here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ecojax.errors import InputError
from ecojax.export import write
from ecojax.export.checkpoint import restore_weights
from ecojax.export.description import Description
from ecojax.export.label import read_label
from ecojax.export.records import read_record
from ecojax.frontier.quantities import joules
from ecojax.jax_settings import computing

if TYPE_CHECKING:
    from ecojax.models.network import Network, Weights

BATCH_SIZES = (1, 16, 256)  # all that is ever compiled; a smaller batch is padded up to the next


@dataclass(frozen=True, repr=False, eq=False)
class Model:
    """A trained network. `energy` is its label (`energy.json`), `configuration` the trial's.

    Inside a JAX program of your own, use `model.network.logits(model.weights, images)`.
    """

    network: "Network"
    weights: "Weights"
    class_names: tuple[str, ...]
    configuration: Mapping[str, Any]
    energy: Mapping[str, Any]

    def __call__(self, images: Any) -> np.ndarray:
        """Logits `[n, classes]` float32 of images `[n, height, width, channels]` uint8.

        A single image `[height, width, channels]` counts as n = 1. Raises `InputError` for another type or shape.
        """
        images = self._checked(images)
        logits = np.empty((len(images), self.network.outputs), np.float32)
        start = 0
        while start < len(images):
            left = len(images) - start
            size = next((size for size in BATCH_SIZES if size >= left), BATCH_SIZES[-1])
            batch = images[start : start + size]
            padding = [(0, size - len(batch)), (0, 0), (0, 0), (0, 0)]
            with computing():
                result = self._logits(self.weights, np.pad(batch, padding))
                logits[start : start + size] = np.asarray(result)[: len(batch)]
            start += size
        return logits

    def predict(self, images: Any) -> np.ndarray:
        """Class indices `[n]` of images as `__call__` takes them."""
        return self(images).argmax(1)

    def classify(self, images: Any) -> list[str]:
        """Class names, one for each of n images as `__call__` takes them."""
        return [self.class_names[index] for index in self.predict(images)]

    @property
    def parameters(self) -> int:
        """The number of trained parameters."""
        return self.network.parameters

    def __repr__(self) -> str:
        energy = (
            f"{joules(self.energy['energy_per_sample_j'])} an inference ({self.energy['provenance']['kind']})"
        )
        return (
            f"<ecojax.Model {self.network.family}, {self.parameters:,} parameters, "
            f"{self.network.outputs} classes, {energy}>"
        )

    @cached_property
    def _logits(self) -> Any:
        import jax

        return jax.jit(self.network.logits)

    def _checked(self, images: Any) -> np.ndarray:
        images = np.asarray(images)
        height, width, channels = self.network.input_shape
        if images.dtype != np.uint8:
            raise InputError(
                f"images are {images.dtype}, this model takes uint8 from 0 to 255 and normalises them itself; "
                "give the raw pixels"
            )
        if images.ndim not in (3, 4) or images.shape[-3:] != (height, width, channels):
            raise InputError(
                f"images have shape {images.shape}; this model takes [n, {height}, {width}, {channels}] "
                f"or a single [{height}, {width}, {channels}] (height, width, channels)"
            )
        return images.reshape(-1, height, width, channels)


def load(path: Path | str) -> Model:
    """The model in the folder `path`, as `export_trial` wrote it.

    Raises `InputError` naming file and key for a folder that is missing, damaged, foreign or of another version.
    """
    folder = Path(os.path.abspath(path))  # Orbax takes no relative one
    if not folder.is_dir():
        raise InputError(f"'{path}' is no folder; give the one that ecojax export wrote")
    description = Description.read(folder)
    trial = read_record(folder / write.CONFIGURATION, write.CONFIGURATION_FORMAT, write.CONFIGURATION_VERSION)
    configuration = trial.get("configuration")
    if not isinstance(configuration, dict):
        raise InputError(
            f"'{folder / write.CONFIGURATION}': configuration should be an object; export the model again"
        )
    energy = read_label(folder)
    with computing():
        network = description.network()
        weights = restore_weights(folder, network)
    return Model(network, weights, tuple(description.class_names), configuration, energy)
