"""Diversity among three or more objectives, where crowding distance no longer says how even a front is.

Deb and Jain, "An evolutionary many-objective optimization algorithm using reference-point-based nondominated
sorting approach, part I", IEEE TEC 18(4), 2014 (NSGA-III).
"""

from functools import cache
from itertools import combinations
from math import comb

import jax
import jax.numpy as jnp
import numpy as np


@cache
def reference_directions(m: int, count: int) -> np.ndarray:
    """Directions spread over the simplex: the axes, then one after another the lattice point farthest from all.

    A Das-Dennis lattice itself exists for few counts only, and with many objectives lies on the simplex's rim.

    Args:
        m: objectives.
        count: how many directions; at least the m axes are given.

    Returns:
        float32 [max(count, m), m], each of length 1.
    """
    parts = m
    while comb(parts + m - 1, m - 1) < 10 * count:
        parts += 1
    bars = np.array(list(combinations(range(parts + m - 1), m - 1))).reshape(-1, m - 1)
    lattice = np.diff(bars, axis=1, prepend=-1, append=parts + m - 1) - 1.0
    lattice /= np.linalg.norm(lattice, axis=1, keepdims=True)
    chosen = list(np.eye(m))
    nearest = (lattice @ np.eye(m)).max(axis=1)
    while len(chosen) < count:
        chosen.append(lattice[nearest.argmin()])
        nearest = np.maximum(nearest, lattice @ chosen[-1])
    return np.asarray(chosen, dtype=np.float32)


def niche_room(F: jax.Array, rank: jax.Array, directions: jax.Array | np.ndarray) -> jax.Array:
    """How few better points share a point's niche; takes the place of the crowding distance.

    Objectives are scaled by the first front and each point joins the direction it is nearest to. A point's room is
    minus the number of points of its direction that come before it, by front and then by nearness. Choosing by
    front and then by room fills the emptiest niches first, which is NSGA-III's niching without its loop, save
    that a niche's later members too enter nearest first and not at random. The first front's least of every
    objective have infinity, so that an extreme is never lost.

    Args:
        F: [n, m], objectives, minimised.
        rank: int [n], front of each row; n or more for a row that does not count.
        directions: [r, m], of length 1.

    Returns:
        [n], infinity or 0, -1, ...; minus infinity for rows that are not finite.
    """
    n = len(F)
    counted = jnp.isfinite(F).all(axis=1) & (rank < n)
    front = counted & (rank == jnp.where(counted, rank, n).min())
    ideal = jnp.where(front[:, None], F, jnp.inf).min(axis=0)
    span = jnp.where(front[:, None], F, -jnp.inf).max(axis=0) - ideal
    scaled = jnp.where(counted[:, None], (F - ideal) / jnp.where(span > 0, span, 1), 0)

    along = scaled @ directions.T
    niche = jnp.argmax(along, axis=1)  # directions have length 1: farthest along one is nearest to it
    # The distance from the direction, squared; never below 0 but for rounding.
    away = (scaled**2).sum(axis=1) - along.max(axis=1) ** 2
    niche = jnp.where(counted, niche, len(directions))
    sorted_niche, _, _, row = jax.lax.sort((niche, rank, away, jnp.arange(n)), num_keys=3)
    before = jnp.arange(n) - jnp.searchsorted(sorted_niche, sorted_niche)
    room = jnp.zeros(n, F.dtype).at[row].set(-before.astype(F.dtype), unique_indices=True)

    extreme = jnp.where(front[:, None], F, jnp.inf).argmin(axis=0)
    room = jnp.where(jnp.zeros(n, bool).at[extreme].set(True), jnp.inf, room)
    return jnp.where(counted, room, -jnp.inf)
