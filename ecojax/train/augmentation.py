"""Image augmentation inside the training program, with traced strengths: none of them costs a compilation."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp


def augment(
    images: jax.Array, numbers: Mapping[str, jax.Array], key: jax.Array, *, max_shift: int
) -> jax.Array:
    """Flip, crop and cut out. `images` `[batch, height, width, channels]`, normalised (so zero is the mean).

    `numbers`: flip (0 or 1), crop (pixels, at most `max_shift`), cutout (side in pixels; 0 cuts nothing).
    """
    batch, height, width, _ = images.shape
    # one draw for everything: each call of the generator costs compile time, not run time
    draws = jax.random.uniform(key, (batch, 5))

    flipped = draws[:, 0, None, None, None] < 0.5 * numbers["flip"]
    images = jnp.where(flipped, images[:, :, ::-1], images)

    # a uniform integer in [-crop, crop], drawn as a float because crop is traced
    span = 2.0 * numbers["crop"] + 1.0
    shifts = jnp.floor(draws[:, 1:3] * span) - numbers["crop"]
    starts = jnp.clip(shifts.astype(jnp.int32) + max_shift, 0, 2 * max_shift)
    padded = jnp.pad(images, ((0, 0), (max_shift, max_shift), (max_shift, max_shift), (0, 0)))

    def crop(image: jax.Array, start: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (start[0], start[1], 0), (height, width, image.shape[-1]))

    images = jax.vmap(crop)(padded, starts)

    centres = draws[:, 3:] * jnp.array([height, width])
    half = numbers["cutout"] / 2.0
    rows = jnp.abs(jnp.arange(height) + 0.5 - centres[:, :1]) < half
    columns = jnp.abs(jnp.arange(width) + 0.5 - centres[:, 1:]) < half
    hole = (rows[:, :, None] & columns[:, None, :])[..., None]
    return jnp.where(hole, jnp.zeros_like(images), images)
