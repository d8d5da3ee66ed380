"""What supervised tasks share: the data on the device, candidates and trainings, judged on validation samples."""

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np

from ecojax.space import Choice, SearchSpace
from ecojax.study import METRICS, Metric, Trial
from ecojax.tasks.task import Task
from ecojax.train.recipe import Recipe

if TYPE_CHECKING:
    import jax

    from ecojax.models.network import FlaxNetwork
    from ecojax.tasks.supervised.candidate import SupervisedCandidate
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


class Supervised(Task):
    """A task whose candidates are networks that learn the training split of `dataset`.

    Subclasses are frozen dataclasses that give these attributes, `space`, `network` and `program`.

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

    def in_precision(self, precision: str) -> Self:
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        raise NotImplementedError

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        from dataclasses import replace

        metric, data = METRICS[self.quality], self.dataset
        quality = replace(
            metric,
            count=len(data.y_validation) if metric.is_share else None,
            chance=data.chance_accuracy if metric.name == "accuracy" else metric.chance,
            words=replace(metric.said, note=f"validation {self.samples}"),
        )
        return quality, *(METRICS[name] for name in ("parameters", "flops"))

    @property
    def provenance(self) -> dict[str, str]:
        from ecojax.models.flops import COUNTED

        judged_on = f"measured ({len(self.dataset.y_validation)} validation {self.samples})"
        return {"flops": COUNTED, self.quality: judged_on}

    @property
    def objectives(self) -> tuple[str, ...]:
        return self.quality, "energy_per_sample_j"

    @property
    def searched(self) -> str:
        raise NotImplementedError

    @property
    def summary(self) -> str:
        data = self.dataset
        test = data.splits.get("test")
        tested = f", tested on {test['size']} from '{test['from']}'" if isinstance(test, dict) else ""
        sizes = f"{len(data.x_train)} {self.samples} train, {len(data.x_validation)} validate"
        return f"{data.title} {data.version}: {sizes}{tested}"

    @property
    def shaping(self) -> Mapping[str, bool] | None:
        return None

    def candidate(self, configuration: Mapping[str, Any]) -> "SupervisedCandidate":
        from ecojax.tasks.supervised.candidate import SupervisedCandidate

        return SupervisedCandidate(self, configuration)

    def recipe(self, configuration: Mapping[str, Any]) -> Recipe:
        return Recipe.from_configuration(configuration)

    def parent(self, configuration: Mapping[str, Any], finished: Iterable[Trial]) -> Trial | None:
        """The trial of the same family that differs in the fewest architecture parameters.

        Of several the one of the best quality, then the first; None where no complete trial has weights of that family.
        """
        network, quality = self.network(configuration), METRICS[self.quality]
        own = dict(network.architecture)

        def strangeness(trial: Trial) -> tuple[int, float, int]:
            other = dict(self.network(trial.configuration).architecture)
            different = sum(own[name] != other[name] for name in own)
            return different, quality.minimised(trial.metrics[quality.name]), trial.id

        relatives = [
            trial
            for trial in finished
            if trial.complete
            and trial.weights
            and trial.configuration.get("family", network.family) == network.family
        ]
        return min(relatives, key=strangeness, default=None)

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

    def compiled_pack(self, pack: "PackedProgram", numbers: Collection[str]) -> Mapping[str, Any]:
        """The programs of a pack; those of the latest are kept. Raises MemoryError where it would not fit."""
        from ecojax.tasks.supervised.training import compile_pack

        kept = self.__dict__.get("_compiled_pack")
        if kept is None or kept[0] != pack:
            kept = self.__dict__["_compiled_pack"] = pack, compile_pack(pack, numbers, *self.on_device)
        compiled: Mapping[str, Any] = kept[1]
        return compiled


def largest(space: SearchSpace, name: str) -> float:
    """The largest value that a numeric parameter takes in `space`; a pin may exceed the default range."""
    parameter = space[name]
    values = parameter.choices if isinstance(parameter, Choice) else (parameter.high,)
    return max(float(value) for value in values)
