"""What is learned, and by what: data, network, program and metrics, the data on the device.

Candidates and trainings know a supervised task by this.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ecojax.space import SearchSpace
from ecojax.study import METRICS, Metric
from ecojax.tasks.task import Task
from ecojax.train.recipe import Recipe

if TYPE_CHECKING:
    import jax

    from ecojax.models.network import FlaxNetwork
    from ecojax.train.packing import PackedProgram
    from ecojax.train.program import TrainingProgram

RING = 16  # different batches that an inference is metered over


class Dataset(Protocol):
    """Inputs `[n, ...]` with labels or targets `[n]`, in host memory."""

    @property
    def x_train(self) -> np.ndarray: ...
    @property
    def y_train(self) -> np.ndarray: ...
    @property
    def x_validation(self) -> np.ndarray: ...
    @property
    def y_validation(self) -> np.ndarray: ...

    def read_test(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels of the test split. Call it once, for the models already chosen."""
        ...


class OnDevice(NamedTuple):
    """The training inputs `[n, ...]` with their labels `[n]`, and the validation split in batches, on the device."""

    x: "jax.Array"
    y: "jax.Array"
    validation: "tuple[jax.Array, jax.Array]"


class Learning(Task):
    """A network of each configuration, trained on the training split of `dataset` and judged on its validation split.

    Subclasses give these attributes, `space`, `network` and `program`.

    Attributes:
        epochs: passes over the training samples. inference_batch: samples of one metered call.
        samples: what the samples are called, in the plural. quality: the metric that a training aims at.
    """

    dataset: Any  # a Dataset
    precision: str
    epochs: int
    inference_batch: int
    samples = "samples"
    quality = "accuracy"

    @property
    def space(self) -> SearchSpace:
        raise NotImplementedError

    def network(self, configuration: Mapping[str, Any]) -> "FlaxNetwork":
        """The network of a configuration. Those that differ in training only have equal ones."""
        raise NotImplementedError

    def program(self, configuration: Mapping[str, Any]) -> "TrainingProgram":
        """The program that trains a configuration; equal programs share one compilation."""
        raise NotImplementedError

    def recipe(self, configuration: Mapping[str, Any]) -> Recipe:
        return Recipe.from_configuration(configuration)

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        names = ("parameters", "flops")
        return self.on_validation(METRICS[self.quality]), *(METRICS[name] for name in names)

    def on_validation(self, metric: Metric) -> Metric:
        """The metric with what is known of it on the validation split: how many samples it is of, what chance gives."""
        data = self.dataset
        return replace(
            metric,
            count=len(data.y_validation) if metric.is_share else None,
            chance=data.chance_accuracy if metric.name == "accuracy" and data.class_names else metric.chance,
            words=replace(metric.said, note=f"validation {self.samples}"),
        )

    @cached_property
    def on_device(self) -> OnDevice:
        import jax
        import jax.numpy as jnp

        from ecojax.train.program import padded_batches

        data, loss = self.dataset, self.program(self.space.default()).loss
        validation = padded_batches(data.x_validation, data.y_validation, padding=loss.padding)
        return OnDevice(jnp.asarray(data.x_train), jnp.asarray(data.y_train), jax.device_put(validation))

    @cached_property
    def ring(self) -> "jax.Array":
        """`[ring, batch, ...]`: training inputs, no two batches the same; they overlap only where there are few."""
        import jax.numpy as jnp

        inputs, batch = self.dataset.x_train, self.inference_batch
        n = len(inputs)
        ring = max(2, min(RING, n // batch))
        stride = batch if n >= ring * batch else max(1, n // ring)
        return jnp.asarray(inputs[(stride * np.arange(ring)[:, None] + np.arange(batch)) % n])

    @cached_property
    def test_set(self) -> tuple[np.ndarray, np.ndarray]:
        x, y = self.dataset.read_test()
        return x, y

    @cached_property
    def compiled_packs(self) -> "dict[PackedProgram, Mapping[str, Any]]":
        """The compiled programs of the latest pack, by the pack."""
        return {}
