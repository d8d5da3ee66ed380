"""Optax optimizers whose every number may be traced."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from ecojax.train.recipe import MOMENTUM


def learning_rate_schedule(numbers: Mapping[str, jax.Array], total_steps: jax.Array) -> optax.Schedule:
    """Linear warm-up over `warmup × total_steps`, then cosine or linear decay to zero at `total_steps`."""

    def schedule(step: jax.Array) -> jax.Array:
        warmup_steps = numbers["warmup"] * total_steps
        rise = (step + 1) / jnp.maximum(warmup_steps, 1.0)
        progress = jnp.clip((step - warmup_steps) / jnp.maximum(total_steps - warmup_steps, 1.0), 0.0, 1.0)
        cosine = 0.5 * (1.0 + jnp.cos(jnp.pi * progress))
        fall = jnp.where(numbers["linear_decay"] > 0, 1.0 - progress, cosine)
        return numbers["learning_rate"] * jnp.minimum(rise, fall)

    return schedule


def make_optimizer(
    name: str, numbers: Mapping[str, jax.Array], total_steps: jax.Array
) -> optax.GradientTransformation:
    """SGD with Nesterov momentum (decay added to the gradient) or AdamW (decoupled decay).

    Only matrices and kernels decay, never biases or norms. The state's structure does not depend on `numbers`.
    """
    schedule = learning_rate_schedule(numbers, total_steps)

    def matrices(parameters: optax.Params) -> optax.Params:
        return jax.tree.map(lambda leaf: leaf.ndim > 1, parameters)

    if name == "sgd":
        return optax.chain(
            optax.add_decayed_weights(numbers["weight_decay"], mask=matrices),
            optax.sgd(schedule, momentum=MOMENTUM, nesterov=True),
        )
    return optax.adamw(schedule, weight_decay=numbers["weight_decay"], mask=matrices)
