"""Which genes of a genome matter, as arrays: the conditions of a space for compiled programs."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ecojax.space import SearchSpace


class Conditions(NamedTuple):
    """`allowed` bool `[genes, genes, levels]`: whether a gene (first axis) may be active while another (second) is at a
    level (third); `parent` bool `[genes, genes]`: whether the second must be active for the first to be."""

    parent: jax.Array
    allowed: jax.Array
    levels: jax.Array


def conditions_of(space: SearchSpace) -> tuple[Conditions, int]:
    """The conditions of `space`, and the length of the longest chain of them.

    A condition on a parameter without levels (a float, an integer on a log scale) is taken as met: the compiled
    search is then a little wider than the space, and decoding narrows it again.
    """
    names = [parameter.name for parameter in space]
    genes, most = len(names), max(1, int(space.levels.max()))
    parent = np.zeros((genes, genes), bool)
    allowed = np.ones((genes, genes, most), bool)
    depth: dict[str, int] = dict.fromkeys(names, 0)
    for _ in names:  # a chain is no longer than the space
        for parameter in space:
            depth[parameter.name] = max((depth[name] + 1 for name in parameter.when), default=0)
    for child, parameter in enumerate(space):
        for name, values in parameter.when.items():
            other = names.index(name)
            parent[child, other] = True
            levels = int(space.levels[other])
            if levels:
                met = [int(space[name].encode(value) * levels) for value in values]
                allowed[child, other] = np.isin(np.arange(most), met)
    return Conditions(jnp.asarray(parent), jnp.asarray(allowed), jnp.asarray(space.levels)), max(
        depth.values()
    )


def active_genes(conditions: Conditions, chain: int, genomes: jax.Array) -> jax.Array:
    """Bool `[n, genes]`: which genes of `genomes` `[n, genes]` matter."""
    level = jnp.clip(
        (genomes * conditions.levels).astype(jnp.int32), 0, jnp.maximum(conditions.levels - 1, 0)
    )
    genes = jnp.arange(genomes.shape[1])
    met = conditions.allowed[:, genes, level].transpose(1, 0, 2)  # [n, child, parent]
    active = jnp.ones(genomes.shape, bool)
    for _ in range(chain):
        active = (~conditions.parent | (met & active[:, None, :])).all(-1)
    return active
