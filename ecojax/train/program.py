"""Supervised training: the compiled programs that train and judge one network shape: init, advance, evaluate.

state = program.init(seed)
for _ in range(passes):
    state, loss = program.advance(state, numbers, inputs, targets, total_steps, key)   # one dispatch
sums = program.evaluate(state.weights, inputs, targets)
figures = program.loss.figures(sums, n)
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ecojax.jax_devices import platform
from ecojax.models.network import FlaxNetwork, Weights
from ecojax.train.augmentation import Augmentation
from ecojax.train.loss import Loss
from ecojax.train.optimizer import OwnOptimizer, make_optimizer

# what a layer makes of more inputs does not fit into the caches of a CPU
EVALUATION_BATCH = {"cpu": 64}
ELSEWHERE = 256


class Averaging(NamedTuple):
    """An optimizer's state, and the moving average of the weights that goes along with it."""

    state: Any
    average: Weights


class TrainState(NamedTuple):
    """Everything that training changes."""

    weights: Weights
    optimizer_state: Any
    step: jax.Array

    @property
    def judged(self) -> Weights:
        """The weights that are judged and kept: their moving average, where there is one."""
        return self.optimizer_state.average if isinstance(self.optimizer_state, Averaging) else self.weights

    def beginning_with(self, weights: Weights) -> "TrainState":
        """The state with other weights before the first step."""
        optimizer_state = self.optimizer_state
        if isinstance(optimizer_state, Averaging):
            # a copy: what is donated twice is refused
            optimizer_state = optimizer_state._replace(average=jax.tree.map(jnp.copy, weights))
        return self._replace(weights=weights, optimizer_state=optimizer_state)


@dataclass(frozen=True)
class TrainingProgram:
    """One network trained by one optimizer at one batch size; everything else is an argument.

    Equal programs compile to the same executables, so `TrainingProgram` is also the key of the program cache.
    drops: whether there is dropout; where its rate is 0 for every candidate, it is not compiled in.
    variant: tells programs apart whose networks are equal and begin with other weights.
    averages: whether the weights that are judged are a moving average of those trained; `numbers["ema"]` is its decay.
    """

    network: FlaxNetwork
    optimizer: str | OwnOptimizer
    batch_size: int
    loss: Loss
    augmentation: Augmentation | None = None
    drops: bool = True
    variant: Hashable = None
    averages: bool = False

    def init(self, key: jax.Array) -> TrainState:
        """Fresh weights and optimizer state."""
        weights = self.network.init(key)
        # the state has the same structure and the same values whatever the numbers
        optimizer = make_optimizer(self.optimizer, defaultdict(lambda: jnp.float32(0)), jnp.float32(1))
        state = optimizer.init(weights.parameters)
        return TrainState(weights, Averaging(state, weights) if self.averages else state, jnp.int32(0))

    def advance(
        self,
        state: TrainState,
        numbers: Mapping[str, jax.Array],
        inputs: jax.Array,
        targets: jax.Array,
        total_steps: jax.Array,
        key: jax.Array,
        part: tuple[jax.Array, jax.Array] | None = None,
    ) -> tuple[TrainState, jax.Array]:
        """One pass over the training data in a fresh random order; the incomplete last batch waits for the next one's.

        Before the very first step, weights that are computed from training inputs are.
        Args: inputs `[n, ...]`, targets `[n]` (classes or values), numbers as in `Recipe`; `part` the first step to
        take and the first not to, for a pass in several calls with the same key.
        Returns the new state and the mean training loss.
        """
        n = inputs.shape[0]
        steps = n // self.batch_size
        optimizer = make_optimizer(self.optimizer, numbers, total_steps)
        if self.network.fits:
            weights = jax.lax.cond(
                state.step == 0, self.network.fit, lambda weights, _: weights, state.weights, inputs
            )
            state = state._replace(weights=weights)
        passes = state.step // steps
        order_key, step_key = jax.random.split(key)
        # one sort of random bits; `jax.random.permutation` sorts several times, and compiles as much longer
        order = jnp.argsort(jax.random.bits(order_key, (n,)))[: steps * self.batch_size]

        draws = self.drops or (self.augmentation is not None and self.augmentation.draws)
        step_keys = jax.random.split(step_key, (steps, 2)) if draws else None
        first, end = part if part is not None else (jnp.int32(0), jnp.int32(steps))

        def train_step(step: jax.Array, so_far: tuple[TrainState, jax.Array]) -> tuple[TrainState, jax.Array]:
            state, losses = so_far
            index = jax.lax.dynamic_slice(order, (step * self.batch_size,), (self.batch_size,))
            augment_key, dropout_key = (None, None) if step_keys is None else step_keys[step]
            x = self.network.normalise(inputs[index])
            if self.augmentation is not None:
                x = self.augmentation(x, index, passes, numbers, augment_key)
            y = targets[index]

            def loss_of(parameters: Any) -> tuple[jax.Array, Any]:
                outputs, statistics = self.network.training_logits(
                    state.weights._replace(parameters=parameters),
                    x,
                    dropout_rate=numbers["dropout"],
                    key=dropout_key if self.drops else None,
                )
                return self.loss.training(outputs, y, numbers), statistics

            (loss, statistics), gradient = jax.value_and_grad(loss_of, has_aux=True)(state.weights.parameters)
            kept = state.optimizer_state
            updates, optimizer_state = optimizer.update(
                gradient, kept.state if self.averages else kept, state.weights.parameters
            )
            weights = Weights(optax.apply_updates(state.weights.parameters, updates), statistics)
            if self.averages:
                average = _averaged(kept.average, weights, numbers["ema"], state.step)
                optimizer_state = Averaging(optimizer_state, average)
            return TrainState(weights, optimizer_state, state.step + 1), losses + loss

        state, losses = jax.lax.fori_loop(first, end, train_step, (state, jnp.float32(0)))
        return state, losses / jnp.maximum(end - first, 1)

    def evaluate(self, weights: Weights, inputs: jax.Array, targets: jax.Array) -> tuple[jax.Array, ...]:
        """The loss's sums over `[batches, batch, ...]`, whose padding has the loss's target for it."""

        def judge_batch(batch: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, ...]:
            x, y = batch

            def logits_of(parameters: Any) -> jax.Array:
                return self.network.logits(weights._replace(parameters=parameters), x)

            # computed as in training, in the form that is fastest here: the gradient is never asked for
            logits, _ = jax.vjp(logits_of, weights.parameters)
            return self.loss.sums(logits, y)

        return self.loss.merged(jax.lax.map(judge_batch, (inputs, targets)))

    @cached_property
    def jitted(self) -> "JittedProgram":
        return JittedProgram(
            jax.jit(self.init),
            jax.jit(self.advance, donate_argnums=0),
            jax.jit(self.evaluate),
            jax.jit(self.network.logits),
        )


def _averaged(average: Weights, weights: Weights, decay: jax.Array, step: jax.Array) -> Weights:
    """The exponential moving average after a step, statistics included; the first steps are forgotten faster.

    The decay of step t is at most (1 + t) / (10 + t), as TensorFlow's `ExponentialMovingAverage` has it, so that an
    average over a short training is not one of fresh weights.
    """
    decay = jnp.minimum(decay, (1.0 + step) / (10.0 + step))

    def moved(old: jax.Array, new: jax.Array) -> jax.Array:
        if not jnp.issubdtype(new.dtype, jnp.floating):  # counters, keys of random generators
            return new
        return (decay * old + (1.0 - decay) * new).astype(new.dtype)

    return jax.tree.map(moved, average, weights)


class JittedProgram(NamedTuple):
    """The jitted methods of a program, held together so that their caches live and die with it."""

    init: Any
    advance: Any
    evaluate: Any
    logits: Any


def padded_batches(
    inputs: np.ndarray, targets: np.ndarray, batch: int | None = None, padding: float = -1
) -> tuple[np.ndarray, np.ndarray]:
    """`[n, ...]` to `[batches, batch, ...]` and `[batches, batch]`, the last batch filled up with target `padding`.

    batch: by default 64 for a CPU, else 256.
    """
    batch = min(batch or EVALUATION_BATCH.get(platform(), ELSEWHERE), len(inputs))
    missing = -len(inputs) % batch
    x = np.concatenate([inputs, np.zeros((missing, *inputs.shape[1:]), inputs.dtype)])
    y = np.concatenate([targets, np.full(missing, padding, targets.dtype)])
    return x.reshape(-1, batch, *inputs.shape[1:]), y.reshape(-1, batch)
