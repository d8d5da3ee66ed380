"""Image augmentation inside the training program, with traced strengths: none of them costs a compilation."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class ImageAugmentation:
    """The augmentation of a training program whose inputs are images: flips, crops and cutout, by its numbers.

    max_shift: pixels, the largest crop. absent: numbers among flip, crop and cutout that are 0 for every candidate:
    they are not compiled in.
    """

    max_shift: int
    absent: frozenset[str] = frozenset()

    @property
    def draws(self) -> bool:
        return not {"crop", "cutout"} <= self.absent

    def __call__(
        self,
        x: jax.Array,
        index: jax.Array,
        passes: jax.Array,
        numbers: Mapping[str, jax.Array],
        key: jax.Array | None,
    ) -> jax.Array:
        mirrored = alternating_flips(index, passes)
        return augment(x, mirrored, numbers, key, max_shift=self.max_shift, absent=self.absent)


def alternating_flips(index: jax.Array, epoch: jax.Array | int) -> jax.Array:
    """Which of the training images `index` `[batch]` are mirrored in `epoch`: each in every second one, as booleans.

    Half of them begin, chosen by a hash of their index. Any two epochs in a row then show every image both ways,
    where independent draws show half of them twice the same way (arXiv 2404.00498, section 3.6).
    """
    # a finalizer of two rounds (xorshift and multiply), whose top bit is as good as a coin
    bits = index.astype(jnp.uint32) + jnp.uint32(0x9E3779B9)
    for factor in (0x85EBCA6B, 0xC2B2AE35):
        bits = (bits ^ (bits >> 15)) * jnp.uint32(factor)
    return (bits >> 31) != (jnp.asarray(epoch, jnp.uint32) & 1)


def augment(
    images: jax.Array,
    mirrored: jax.Array,
    numbers: Mapping[str, jax.Array],
    key: jax.Array | None,
    *,
    max_shift: int,
    absent: Collection[str] = (),
) -> jax.Array:
    """Flip, crop and cut out. `images` `[batch, height, width, channels]`, normalised (so zero is the mean).

    `mirrored` `[batch]` are the images whose turn it is. `numbers`: flip (0 or 1), crop (pixels, at most
    `max_shift`), reflect (1 fills what a crop bares with the mirrored border, 0 with the mean), cutout (side in
    pixels; 0 cuts nothing). What is `absent` (flip, crop, cutout) is no part of the program, as if it were 0.
    """
    if "flip" not in absent:
        flipped = mirrored[:, None, None, None] & (numbers["flip"] > 0)
        images = jnp.where(flipped, images[:, :, ::-1], images)
    if {"crop", "cutout"}.issubset(absent):
        return images
    assert key is not None
    # one draw for everything: each call of the generator costs compile time, not run time
    draws = jax.random.uniform(key, (len(images), 4))
    if "crop" not in absent:
        images = _cropped(images, draws[:, :2], numbers, max_shift)
    if "cutout" not in absent:
        images = _cut_out(images, draws[:, 2:], numbers)
    return images


def _cropped(
    images: jax.Array, draws: jax.Array, numbers: Mapping[str, jax.Array], max_shift: int
) -> jax.Array:
    height, width = images.shape[1:3]
    # a uniform integer in [-crop, crop], drawn as a float because crop is traced
    span = 2.0 * numbers["crop"] + 1.0
    shifts = jnp.floor(draws * span) - numbers["crop"]
    starts = jnp.clip(shifts.astype(jnp.int32) + max_shift, 0, 2 * max_shift)
    border = ((0, 0), (max_shift, max_shift), (max_shift, max_shift), (0, 0))
    padded = jnp.where(
        numbers["reflect"] > 0, jnp.pad(images, border, mode="reflect"), jnp.pad(images, border)
    )

    def crop(image: jax.Array, start: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (start[0], start[1], 0), (height, width, image.shape[-1]))

    return jax.vmap(crop)(padded, starts)


def _cut_out(images: jax.Array, draws: jax.Array, numbers: Mapping[str, jax.Array]) -> jax.Array:
    height, width = images.shape[1:3]
    centres = draws * jnp.array([height, width])
    half = numbers["cutout"] / 2.0
    rows = jnp.abs(jnp.arange(height) + 0.5 - centres[:, :1]) < half
    columns = jnp.abs(jnp.arange(width) + 0.5 - centres[:, 1:]) < half
    hole = (rows[:, :, None] & columns[:, None, :])[..., None]
    return jnp.where(hole, jnp.zeros_like(images), images)
