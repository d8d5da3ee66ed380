"""The whitening transform of small image patches: what comes out is uncorrelated, with unit variance."""

import jax
import jax.numpy as jnp

PATCH = 2  # pixels a side
# Added to the variances: without it, what is nearly constant in every patch would be blown up to unit variance.
REGULARISATION = 5e-4
IMAGES_AT_ONCE = 50  # bounds the memory of the patches


def whitening_kernel(images: jax.Array) -> jax.Array:
    """The kernel `[2, 2, channels, 8 × channels]` that whitens the patches of `images` `[n, height, width, channels]`.

    Its filters are the eigenvectors of the patches' second moments, largest first, each divided by the root of
    its eigenvalue; then the same again with the other sign, so that a rectifier loses nothing.
    (arXiv 2404.00498, section 3.2.)
    """
    height, width, channels = images.shape[1:]

    def second_moments(image: jax.Array) -> jax.Array:
        image = image.astype(jnp.float32)
        patches = jnp.concatenate(
            [
                image[row : height - PATCH + 1 + row, column : width - PATCH + 1 + column]
                for row in range(PATCH)
                for column in range(PATCH)
            ],
            axis=-1,
        ).reshape(-1, PATCH * PATCH * channels)
        return jnp.matmul(patches.T, patches, precision="highest") / len(patches)

    moments = jax.lax.map(second_moments, images, batch_size=IMAGES_AT_ONCE).mean(0)
    variances, directions = jnp.linalg.eigh(moments)
    filters = (directions / jnp.sqrt(jnp.maximum(variances, 0) + REGULARISATION))[:, ::-1]
    return jnp.concatenate([filters, -filters], axis=1).reshape(PATCH, PATCH, channels, -1)
