"""Different batches out of one example: what a loop needs so that no call is the last one's again.

What a batch costs depends on its values only through their bits: a multiplier that is fed zeros draws less. So the
others are made as like to the example as they can be:

- floating point and complex numbers are multiplied by 1 + ε·n, n normal, ε a thousandth or twice the type's own
  resolution, whichever is larger: zeros stay zeros, and not-a-number what it is. An array of zeros alone gets ε·n;
- whole numbers and truth values are rolled along the flattened array: the same values in other places, so that
  an index stays a valid one;
- random keys are folded with the batch's number.

A single whole number, or an array of equal ones, has no other valid form that could be known here, and stays.
"""

from typing import Any

RING = 4
EPSILON = 1e-3
SAME = "every batch is the same: the example has no values that could be changed soundly"
ZEROS = "an example input is all zeros; give real data, since a device draws less power on zeros"


def ring_of(example: Any, batches: int = RING) -> tuple[Any, tuple[str, ...]]:
    """A pytree of arrays [batches, ...] from the pytree `example` [...], the example itself first, and notes on it."""
    import jax
    import jax.numpy as jnp

    notes = []
    leaves, structure = jax.tree.flatten(example)
    rings = [
        jnp.stack([_varied(jnp.asarray(leaf), k, place, batches) for k in range(batches)])
        for place, leaf in enumerate(leaves)
    ]
    plain = [ring for ring in rings if not jnp.issubdtype(ring.dtype, jax.dtypes.prng_key)]
    if any(jnp.issubdtype(r.dtype, jnp.inexact) and r.size and not bool(jnp.any(r[0] != 0)) for r in plain):
        notes.append(ZEROS)
    if len(plain) == len(rings) and all(bool(jnp.all((r[0] == r) | (r != r))) for r in plain):
        notes.append(SAME)
    return jax.tree.unflatten(structure, rings), tuple(notes)


def _varied(leaf: Any, k: int, place: int, batches: int) -> Any:
    import jax
    import jax.numpy as jnp

    if k == 0:
        return leaf
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.fold_in(leaf, k) if leaf.ndim == 0 else jnp.roll(leaf, k)
    if jnp.issubdtype(leaf.dtype, jnp.inexact):
        epsilon = max(EPSILON, 2 * float(jnp.finfo(leaf.dtype).eps))
        key = jax.random.fold_in(jax.random.key(place, impl="threefry2x32"), k)
        normal = epsilon * jax.random.normal(key, leaf.shape, jnp.float32)
        if bool(jnp.any(leaf != 0)):
            wide = leaf if jnp.iscomplexobj(leaf) else leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32))
            return (wide * (1 + normal)).astype(leaf.dtype)
        return normal.astype(leaf.dtype)
    stride = max(1, leaf.size // batches)
    return jnp.roll(leaf.reshape(-1), k * stride).reshape(leaf.shape)
