"""Crowding distance: how much room a point has on its front. Every front at once, in one compiled call."""

import jax
import jax.numpy as jnp


@jax.jit
def crowding_distance(F: jax.Array, rank: jax.Array) -> jax.Array:
    """Crowding distance of every point within its own front.

    Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE TEC 6(2), 2002, section III-B.
    The convention, which is pymoo's too: the *mean* over objectives of (next - previous) / (largest - smallest),
    all within the front; the first and the last of the front in any objective have infinity; points that tie in an
    objective stand there in the order of their rows, so of several copies of an extreme one has infinity; an
    objective in which the whole front is equal contributes 0, to the extremes as well; a front of one or two
    points is all infinity. A row that is not finite belongs to no front and has 0.

    Args:
        F: [n, m], objectives, minimised.
        rank: int [n], front of each row. A rank of n or more marks a row that does not count.

    Returns:
        [n], in the type of F, in [0, inf], never NaN.
    """
    n, _ = F.shape
    counted = jnp.isfinite(F).all(axis=1) & (rank < n)
    front = jnp.where(counted, rank, n)
    # Halved, so that the span of the largest representable numbers does not overflow.
    half = jnp.where(counted[:, None], F, 0) * 0.5
    size = jax.ops.segment_sum(jnp.ones(n, jnp.int32), front, n + 1)
    span = jax.ops.segment_max(half, front, n + 1) - jax.ops.segment_min(half, front, n + 1)

    def along(f: jax.Array, span: jax.Array) -> jax.Array:
        front_sorted, f_sorted, row = jax.lax.sort((front, f, jnp.arange(n)), num_keys=2, is_stable=True)
        edge = front_sorted[1:] != front_sorted[:-1]
        extreme = jnp.append(edge, True) | jnp.insert(edge, 0, True)
        gap = jnp.append(f_sorted[1:], 0) - jnp.insert(f_sorted[:-1], 0, 0)
        here = span[front_sorted]
        share = jnp.where(extreme, jnp.inf, gap / jnp.where(here > 0, here, 1))
        return jnp.zeros_like(f).at[row].set(jnp.where(here > 0, share, 0), unique_indices=True)

    distance = jax.vmap(along, in_axes=(1, 1))(half, span).mean(axis=0)
    return jnp.where(counted, jnp.where(size[front] <= 2, jnp.inf, distance), 0)
