"""Pareto local search: the configurations that differ from one of the front's in a single parameter.

Paquete, Chiarandini and Stützle, "Pareto local optimum sets in the biobjective traveling salesman problem", 2004.
"""

from collections.abc import Iterator

import numpy as np

from ecojax.engine.archive import Archive
from ecojax.space import Configuration, SearchSpace

STEP = 0.15  # standard deviation of the largest steps in a gene without levels
FINER = 1.5  # decades down to the smallest


def neighbours(space: SearchSpace, archive: Archive, rng: np.random.Generator) -> Iterator[Configuration]:
    """One-change neighbours of the front, the members and their genes in a random order, new or not."""
    return map(space.decode, neighbouring_genomes(space, archive, rng))


def neighbouring_genomes(
    space: SearchSpace, archive: Archive, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """The same as genomes `[genes]`.

    An ordered or integer gene goes one level up or down, a categorical one to any other, a continuous one by a
    normal step of a random scale, at most to its bound.
    """
    moves = [
        (row, gene, direction)
        for row in archive.front
        for gene in np.flatnonzero(archive.active[row])
        for direction in range(_directions(space, int(gene)))
    ]
    for index in rng.permutation(len(moves)):
        row, gene, direction = moves[index]
        genome = archive.genomes[row].astype(float).copy()
        genome[gene] = _moved(space, gene, genome[gene], direction, rng)
        if 0.0 <= genome[gene] <= 1.0:
            yield genome


def _directions(space: SearchSpace, gene: int) -> int:
    levels = int(space.levels[gene])
    return levels - 1 if space.categorical[gene] and levels else 2


def _moved(space: SearchSpace, gene: int, u: float, direction: int, rng: np.random.Generator) -> float:
    levels = int(space.levels[gene])
    if not levels:
        step = abs(rng.normal(0.0, STEP)) * 10 ** -rng.uniform(0.0, FINER)
        return float(np.clip(u + step if direction else u - step, 0.0, 1.0))
    level = min(int(u * levels), levels - 1)
    if space.categorical[gene]:
        return ((level + 1 + direction) % levels + 0.5) / levels
    return (level + (1 if direction else -1) + 0.5) / levels
