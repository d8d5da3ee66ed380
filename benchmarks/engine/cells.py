"""Cells of EC-NAS-Bench as a problem: networks trained on CIFAR-10 for four epochs, with the joules that it took.

Bakhtiarifard, Igel and Selvan, arXiv:2210.06015. A cell is a directed graph of five vertices, of which three compute;
its parameters are an edge each and an operation each. Cells that differ only in vertices without a path through
them, or in the order of the others, are one network. A cell without a path from its input to its output computes
nothing, and one of more edges than the benchmark trained has no row: both count as the worst of the table.

Objectives: validation error, and joules of CPU and GPU for the training, as measured. A single training each: errors
after four epochs scatter by several points, and the true front is that of the very figures in the table.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from itertools import permutations
from pathlib import Path

import numpy as np

from benchmarks.engine.problem import Problem, judged_by
from ecojax.space import Choice, Configuration, SearchSpace

NAME, TABLE = "ecnas_cells", "ecnas_5V9E_4epochs"
VERTICES = 5
PAIRS = tuple((a, b) for a in range(VERTICES) for b in range(a + 1, VERTICES))
STRICT_SPAN = 0.1

Cell = tuple[tuple[int, ...], tuple[tuple[int, int], ...]]  # operations of the inner vertices, edges


def canonical(edges: np.ndarray, operations: np.ndarray) -> Cell | None:
    """The network that a cell is, however it is written; None where nothing leads from its input to its output.

    edges: `[pairs]` bool, in the order of `PAIRS`. operations: `[3]` of the inner vertices.
    """
    present = {pair for pair, there in zip(PAIRS, edges, strict=True) if there}
    forward, backward = {0}, {VERTICES - 1}
    for a, b in sorted(present):
        if a in forward:
            forward.add(b)
    for a, b in sorted(present, reverse=True):
        if b in backward:
            backward.add(a)
    if VERTICES - 1 not in forward:
        return None
    inner = sorted((forward & backward) - {0, VERTICES - 1})
    written = []
    for order in permutations(inner):
        place = {0: 0, **{vertex: i for i, vertex in enumerate(order, 1)}, VERTICES - 1: len(inner) + 1}
        kept = sorted((place[a], place[b]) for a, b in present if a in place and b in place)
        if all(a < b for a, b in kept):
            written.append((tuple(int(operations[vertex - 1]) for vertex in order), tuple(kept)))
    return min(written)


@dataclass(frozen=True, kw_only=True)
class CellProblem(Problem):
    """Attributes:
    rows: [cells] by network, its objectives. worst: [m], of cells that were not trained.
    """

    rows: dict[Cell, np.ndarray] = field(repr=False)
    worst: np.ndarray

    def objectives(self, configuration: Configuration) -> np.ndarray:
        edges = np.array([configuration[_edge(pair)] == "yes" for pair in PAIRS])
        operations = np.array([OPERATIONS.index(configuration[f"op_{i}"]) for i in range(VERTICES - 2)])
        network = canonical(edges, operations)
        return self.rows.get(network, self.worst) if network is not None else self.worst


OPERATIONS = ("conv3x3", "conv1x1", "maxpool3x3")


def _edge(pair: tuple[int, int]) -> str:
    return f"edge_{pair[0]}{pair[1]}"


@cache
def load(name: str, folder: Path) -> CellProblem:
    """The problem. Raises `FileNotFoundError` where the folder lacks its table."""
    with np.load(folder / f"{TABLE}.npz") as data:
        edges, operations = data["edges"].astype(bool), data["ops"]
        names = json.loads(str(data["space"]))["ops"]
        assert tuple(names[str(i)] for i in range(len(names))) == OPERATIONS
        error = 1 - data["valid_accuracy"][:, 0].astype(float)
        joules = (data["gpu_joules"] + data["cpu_joules"])[:, 0].astype(float)
    F = np.stack([error, np.log10(joules)], axis=1)
    rows = {canonical(e, o): f for e, o, f in zip(edges, operations, F, strict=True)}
    rows.pop(None, None)
    space = SearchSpace(
        [
            *(Choice(_edge(pair), ("no", "yes"), ordered=False) for pair in PAIRS),
            *(Choice(f"op_{i}", OPERATIONS, ordered=False) for i in range(VERTICES - 2)),
        ]
    )
    return CellProblem(
        **judged_by(F, STRICT_SPAN),
        name=name,
        space=space,
        cheap=(False, False),
        rows=rows,
        worst=F.max(axis=0),
    )
