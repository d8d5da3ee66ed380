"""What a network is trained to do: the loss of a batch, and the metrics of a whole split.

A loss is hashable and part of the training program. The targets (classes or values) of padding are `padding`, and
count for nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax

Sums = tuple[Any, ...]


class Loss(Protocol):
    """Losses and metrics of outputs `[batch, ...]` against targets `[batch]`."""

    @property
    def padding(self) -> float: ...

    def training(self, outputs: jax.Array, y: jax.Array, numbers: Mapping[str, jax.Array]) -> jax.Array:
        """The mean loss of a batch; `numbers` as in `Recipe`."""
        ...

    def sums(self, outputs: jax.Array, y: jax.Array) -> tuple[jax.Array, ...]:
        """What `figures` needs of a batch, summed over it."""
        ...

    def merged(self, sums: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        """The sums of many batches `[batches, ...]` as those of all."""
        ...

    def figures(self, sums: Sums, n: int) -> dict[str, float]:
        """The metrics of `n` samples, from their sums; the quality first."""
        ...


class _Summed:
    def merged(self, sums: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        return tuple(of_batches.sum() for of_batches in sums)


@dataclass(frozen=True)
class Classification(_Summed):
    """Cross-entropy of logits `[batch, classes]` with classes `[batch]`, whole numbers from 0; smoothed in training."""

    classes: int
    padding: int = -1

    def training(self, outputs: jax.Array, y: jax.Array, numbers: Mapping[str, jax.Array]) -> jax.Array:
        smoothed = optax.smooth_labels(jax.nn.one_hot(y, self.classes), numbers["label_smoothing"])
        return optax.softmax_cross_entropy(outputs, smoothed).mean()

    def sums(self, outputs: jax.Array, y: jax.Array) -> tuple[jax.Array, ...]:
        real = y >= 0
        loss = optax.softmax_cross_entropy_with_integer_labels(outputs, jnp.maximum(y, 0))
        return jnp.sum(real & (outputs.argmax(-1) == y)), jnp.sum(jnp.where(real, loss, 0.0))

    def figures(self, sums: Sums, n: int) -> dict[str, float]:
        accuracy = float(sums[0]) / n
        return {
            "accuracy": accuracy,
            "accuracy_se": share_error(accuracy, n),
            "validation_loss": float(sums[1]) / n,
        }


@dataclass(frozen=True)
class Regression(_Summed):
    """Mean squared error of outputs `[batch]` or `[batch, 1]` with targets `[batch]`, in units of the targets' `std`.

    The network gives outputs in the targets' own unit, as `FlaxNetwork.targets` says.
    """

    mean: float
    std: float
    padding: float = math.nan

    def training(self, outputs: jax.Array, y: jax.Array, numbers: Mapping[str, jax.Array]) -> jax.Array:
        return jnp.mean((self._scaled(outputs.reshape(y.shape)) - self._scaled(y)) ** 2)

    def sums(self, outputs: jax.Array, y: jax.Array) -> tuple[jax.Array, ...]:
        real, z = ~jnp.isnan(y), self._scaled(y)
        square = jnp.where(real, (self._scaled(outputs.reshape(y.shape)) - z) ** 2, 0.0)
        z = jnp.where(real, z, 0.0)
        return square.sum(), (square**2).sum(), z.sum(), (z**2).sum()

    def figures(self, sums: Sums, n: int) -> dict[str, float]:
        """R² against the split's own mean, and the root mean squared error in the targets' unit.

        The standard errors follow from the spread of the squared errors, the one of the root by the delta method.
        """
        squares, fourths, z, zz = (float(value) for value in sums)
        mean = squares / n
        error = math.sqrt(max(0.0, fourths / n - mean**2) / n)
        total = max(zz - z**2 / n, float(np.finfo(np.float32).tiny)) / n
        root = math.sqrt(mean)
        return {
            "r2": 1.0 - mean / total,
            "r2_se": error / total,
            "rmse": self.std * root,
            "rmse_se": self.std * (error / (2 * root) if root else 0.0),
        }

    def _scaled(self, y: jax.Array) -> jax.Array:
        return (y - self.mean) / self.std


def share_error(share: float, n: int) -> float:
    """The standard error of a share of `n`: binomial, with two successes and two failures added, so that 100 % is not
    certainty (Agresti & Coull, The American Statistician 52(2), 1998)."""
    share = (share * n + 2) / (n + 4)
    return math.sqrt(share * (1.0 - share) / (n + 4))


@dataclass(frozen=True)
class OwnLoss:
    """A user's loss `loss(outputs, y)`, a number or one a sample, and metrics `metric(outputs, y)` of a whole split.

    metrics: functions by name, the quality first. The loss on the validation split is recorded as `validation_loss`,
    and is the quality where there are no metrics.
    """

    loss: Any
    metrics: tuple[tuple[str, Any], ...] = ()
    padding: float = 0

    def training(self, outputs: jax.Array, y: jax.Array, numbers: Mapping[str, jax.Array]) -> jax.Array:
        return jnp.mean(self.loss(outputs, y))

    def sums(self, outputs: jax.Array, y: jax.Array) -> tuple[jax.Array, ...]:
        return outputs, y

    def merged(self, sums: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        return tuple(of_batches.reshape(-1, *of_batches.shape[2:]) for of_batches in sums)

    def figures(self, sums: Sums, n: int) -> dict[str, float]:
        outputs, y = (values[:n] for values in sums)  # padding comes last
        found = {name: float(jnp.mean(metric(outputs, y))) for name, metric in self.metrics}
        return found | {"validation_loss": float(jnp.mean(self.loss(outputs, y)))}
