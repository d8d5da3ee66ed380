"""Test-time augmentation: an image is looked at several times, slightly changed, and the logits are averaged.

Each view costs one inference more, in joules as in time.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

# (mirrored, rows and columns that the image is shifted by, weight in the mean); half of the weight is the image's in
# place and a quarter each diagonal shift's, as published (arXiv 2404.00498)
_IN_PLACE = ((False, 0, 1.0),)
_MIRRORED = ((False, 0, 0.5), (True, 0, 0.5))
_SHIFTED = tuple(
    (mirrored, shift, 0.25 if shift == 0 else 0.125) for shift in (0, -1, 1) for mirrored in (False, True)
)
Views = tuple[tuple[bool, int, float], ...]
VIEWS: dict[str, Views] = {"none": _IN_PLACE, "mirror": _MIRRORED, "mirror_shift": _SHIFTED}


def mean_over_views(logits: Callable[[jax.Array], jax.Array], images: jax.Array, views: Views) -> jax.Array:
    """The weighted mean of `logits` over `views` of images `[batch, height, width, channels]`, in one pass.

    A shifted image repeats, mirrored, the pixels next to its border.
    """
    if len(views) == 1:
        return logits(images)
    height, width = images.shape[1:3]
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    seen = []
    for mirrored, shift, _ in views:
        start = 1 - shift
        view = padded[:, start : start + height, start : start + width] if shift else images
        seen.append(view[:, :, ::-1] if mirrored else view)
    found = logits(jnp.concatenate(seen)).reshape(len(views), len(images), -1)
    return jnp.tensordot(jnp.array([weight for *_, weight in views], found.dtype), found, 1)
