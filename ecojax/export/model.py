"""An exported model, loaded: a function from inputs to logits or predictions, with the label it came with.

Nothing in the folder is executed: JSON text and plain arrays only, under names fixed here.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ecojax.errors import InputError
from ecojax.export import write
from ecojax.export.checkpoint import restore_weights
from ecojax.export.description import read_description
from ecojax.export.label import read_label, unit_of
from ecojax.export.records import read_record
from ecojax.frontier.quantities import joules
from ecojax.jax_settings import computing
from ecojax.tasks.code import load_object
from ecojax.wording import option

if TYPE_CHECKING:
    from ecojax.models.network import FlaxNetwork, Weights
    from ecojax.tasks.description import Description

BATCH_SIZES = (1, 16, 256)  # all that is ever compiled; a smaller batch is padded up to the next


@dataclass(frozen=True, repr=False, eq=False)
class Model:
    """A trained network. `energy` is its label (`energy.json`), `configuration` the trial's.

    `description` says what it takes and gives. Inside a JAX program of your own, use
    `model.network.logits(model.weights, inputs)`.
    """

    network: "FlaxNetwork"
    weights: "Weights"
    description: "Description"
    configuration: Mapping[str, Any]
    energy: Mapping[str, Any]

    def __call__(self, inputs: Any) -> np.ndarray:
        """Logits `[n, classes]` or predictions `[n, values]`, float32, of inputs `[n, ...]`.

        `description.data` says of which type and shape. A single input counts as n = 1. Raises `InputError` for others.
        """
        inputs = self.description.checked(inputs)
        outputs = np.empty((len(inputs), *self._output_shape), np.float32)
        start = 0
        while start < len(inputs):
            left = len(inputs) - start
            size = next((size for size in BATCH_SIZES if size >= left), BATCH_SIZES[-1])
            batch = inputs[start : start + size]
            padding = [(0, size - len(batch)), *[(0, 0)] * (batch.ndim - 1)]
            with computing():
                result = self._logits(self.weights, np.pad(batch, padding))
                outputs[start : start + size] = np.asarray(result)[: len(batch)]
            start += size
        return outputs

    def predict(self, inputs: Any) -> np.ndarray:
        """Class indices `[n]` of inputs as `__call__` takes them; the numbers `[n]` where one is predicted."""
        outputs = self(inputs)
        if self.class_names:
            return outputs.argmax(1)
        return outputs[:, 0] if outputs.shape[1:] == (1,) else outputs

    def classify(self, inputs: Any) -> list[str]:
        """Class names, one for each of n inputs as `__call__` takes them. Raises `InputError` where there are none."""
        if not self.class_names:
            raise InputError("this model predicts numbers and knows no classes; use predict")
        return [self.class_names[index] for index in self.predict(inputs)]

    @property
    def class_names(self) -> tuple[str, ...]:
        """One for each logit, in order; none where numbers are predicted."""
        return tuple(self.description.class_names)

    @property
    def parameters(self) -> int:
        """The number of trained parameters."""
        return self.network.parameters

    def __repr__(self) -> str:
        unit = unit_of(self.energy)
        per = "an inference" if unit == "sample" else f"a {unit}"
        energy = f"{joules(self.energy[f'energy_per_{unit}_j'])} {per} ({self.energy['provenance']['kind']})"
        classes = f"{len(self.class_names)} classes, " if self.class_names else ""
        return f"<ecojax.Model {self.network.family}, {self.parameters:,} parameters, {classes}{energy}>"

    @cached_property
    def _logits(self) -> Any:
        import jax

        return jax.jit(self.network.logits)

    @cached_property
    def _output_shape(self) -> tuple[int, ...]:
        """Of one input."""
        import jax

        batch = jax.ShapeDtypeStruct((1, *self.network.input_shape), self.network.input_type)
        with computing():
            shape: tuple[int, ...] = jax.eval_shape(self.network.logits, self.weights, batch).shape
        return shape[1:]


def load(path: Path | str, *, model: Callable[..., Any] | str | None = None) -> Model:
    """The model in the folder `path`, as `export_trial` wrote it.

    model: the function of a configuration and rngs that builds the network, for a model of your own, or its place, as
    in "mine.py:build"; a folder brings no code along.

    Raises `InputError` naming file and key for a folder that is missing, damaged, foreign or of another version, and
    for a model of your own without `model`; and whatever that raises.
    """
    folder = Path(os.path.abspath(path))  # Orbax takes no relative one
    if not folder.is_dir():
        raise InputError(f"'{path}' is no folder; give the one that ecojax export wrote")
    description = read_description(folder)
    _, trial = read_record(
        folder / write.CONFIGURATION, write.CONFIGURATION_FORMAT, write.CONFIGURATION_VERSION
    )
    configuration = trial.get("configuration")
    if not isinstance(configuration, dict):
        raise InputError(
            f"'{folder / write.CONFIGURATION}': configuration should be an object; export the model again"
        )
    energy = read_label(folder)
    build = load_object(model, option("model", model)) if isinstance(model, str) else model
    with computing():
        network = description.network(build)
        weights = restore_weights(folder, network)
    return Model(network, weights, description, configuration, energy)
