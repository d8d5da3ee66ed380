"""Optax optimizers whose every number may be traced."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax

from ecojax.errors import InputError


def learning_rate_schedule(numbers: Mapping[str, jax.Array], total_steps: jax.Array) -> optax.Schedule:
    """Linear warm-up over `warmup × total_steps`, then cosine or linear decay until `total_steps`.

    The rate begins at `schedule_start` of its peak (at the first of the warm-up's equal steps where that is zero)
    and ends at `schedule_end` of it.
    """

    def schedule(step: jax.Array) -> jax.Array:
        start, end = numbers["schedule_start"], numbers["schedule_end"]
        warmup_steps = numbers["warmup"] * total_steps
        climbed = (step + jnp.where(start > 0, 0.0, 1.0)) / jnp.maximum(warmup_steps, 1.0)
        rise = jnp.where(step < warmup_steps, start + (1.0 - start) * climbed, 1.0)
        progress = jnp.clip((step - warmup_steps) / jnp.maximum(total_steps - warmup_steps, 1.0), 0.0, 1.0)
        cosine = 0.5 * (1.0 + jnp.cos(jnp.pi * progress))
        fall = end + (1.0 - end) * jnp.where(numbers["linear_decay"] > 0, 1.0 - progress, cosine)
        return numbers["learning_rate"] * jnp.minimum(rise, fall)

    return schedule


@dataclass(frozen=True)
class OwnOptimizer:
    """An optax transformation of the user's, or a function of a configuration (and the steps of the training) to one.

    settings: the configuration, as pairs; part of the compiled program, as what is made of it is.
    """

    made_by: Any
    settings: tuple[tuple[str, Any], ...]
    steps: int

    def make(self) -> optax.GradientTransformation:
        """Raises whatever the function raises, and `InputError` where it gives no optax transformation."""
        found = self.made_by
        if callable(found) and not isinstance(found, optax.GradientTransformation):
            arguments = (dict(self.settings), self.steps)
            found = found(*arguments[: len(inspect.signature(found).parameters)])
        if not isinstance(found, optax.GradientTransformation):
            raise InputError(
                f"the optimizer is a {type(found).__name__}; give an optax transformation, or a function of a "
                "configuration that returns one"
            )
        return found


def make_optimizer(
    name: str | OwnOptimizer, numbers: Mapping[str, jax.Array], total_steps: jax.Array
) -> optax.GradientTransformation:
    """SGD with Nesterov momentum (decay added to the gradient), AdamW (decoupled decay), or Muon.

    Matrices and kernels decay; biases and norms do not, unless `bias_decay` is 1 under SGD. The state's structure
    does not depend on `numbers`.
    """
    if isinstance(name, OwnOptimizer):
        return name.make()
    schedule = learning_rate_schedule(numbers, total_steps)
    if name == "sgd":
        return _sgd(schedule, numbers)
    if name == "muon":
        return _muon(schedule, numbers)
    return optax.adamw(schedule, weight_decay=numbers["weight_decay"], mask=_matrices)


def _matrices(parameters: optax.Params) -> optax.Params:
    return jax.tree_util.tree_map_with_path(_is_matrix, parameters)


def _sgd(schedule: optax.Schedule, numbers: Mapping[str, jax.Array]) -> optax.GradientTransformation:
    """Norms learn at `norm_rate` times the rate of the others, and decay as fast as they."""

    def rate(path: Any) -> jax.Array:
        return numbers["norm_rate"] if _in_a_norm(path) else jnp.float32(1)

    def decay(updates: optax.Updates, parameters: Any) -> optax.Updates:
        def decayed(path: Any, update: jax.Array, weight: jax.Array) -> jax.Array:
            share = 1.0 if _is_matrix(path, weight) else numbers["bias_decay"] / rate(path)
            return update + share * numbers["weight_decay"] * weight

        return jax.tree_util.tree_map_with_path(decayed, updates, parameters)

    def scale(updates: optax.Updates, _: Any) -> optax.Updates:
        return jax.tree_util.tree_map_with_path(lambda path, update: rate(path) * update, updates)

    return optax.chain(
        optax.stateless(decay),
        optax.sgd(schedule, momentum=numbers["momentum"], nesterov=True),
        optax.stateless(scale),
    )


def _muon(schedule: optax.Schedule, numbers: Mapping[str, jax.Array]) -> optax.GradientTransformation:
    """Muon (Jordan 2024) for kernels and hidden matrices. The rest, the output layer too, is left to Adam with Nesterov
    momentum and without decay."""

    def adam_schedule(step: jax.Array) -> jax.Array:
        peak = jnp.maximum(numbers["learning_rate"], jnp.finfo(jnp.float32).tiny)
        return schedule(step) * (numbers["adamw_learning_rate"] / peak)

    return optax.contrib.muon(
        schedule,
        beta=numbers["momentum"],
        weight_decay=numbers["weight_decay"],
        adam_learning_rate=adam_schedule,
        muon_weight_dimension_numbers=_muon_dimensions,
    )


def _muon_dimensions(parameters: optax.Params) -> optax.Params:
    """How each weight is a matrix: a kernel `[..., in, out]` is one of all else by `out`. None where it is not.

    What attention asks, looks up and reads with, `[in, heads, features]`, is one of `in` by all heads together.
    """

    def dimensions(path: Any, leaf: jax.Array) -> optax.contrib.MuonDimensionNumbers | None:
        names = _names(path)
        # every family's output layer is called `dense`; positions are a table, not a map
        if not _is_matrix(path, leaf) or {"dense", "positions"} & set(names):
            return None
        inputs = 1 if names[-2:-1] in (["query"], ["key"], ["value"]) else leaf.ndim - 1
        axes = tuple(range(leaf.ndim))
        return optax.contrib.MuonDimensionNumbers(axes[:inputs], axes[inputs:])

    return jax.tree_util.tree_map_with_path(dimensions, parameters)


def _is_matrix(path: Any, leaf: jax.Array) -> bool:
    """Whether a weight is a matrix or a kernel: attention has biases of two axes, heads and features."""
    return leaf.ndim > 1 and "bias" not in _names(path)[-1:]


def _in_a_norm(path: Any) -> bool:
    return any(name.startswith("norm") for name in _names(path))


def _names(path: Any) -> list[str]:
    return [str(key.key) for key in path if hasattr(key, "key")]
