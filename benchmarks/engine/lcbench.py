"""Four tasks of LCBench as YAHPO's surrogate gives them, by the protocol that PriMO was judged by.

Zimmer, Lindauer and Hutter, "Auto-PyTorch Tabular", TPAMI 2021; Pfisterer et al., "YAHPO Gym", AutoML 2022. Objectives:
validation cross-entropy and training time. A search has the epochs of 20 full trainings. What is found counts up to
PriMO's reference points, as a share of the hypervolume of the whole pool of 4,096 configurations: once of trainings
that went to the end alone, and once of every checkpoint. A configuration of the space is the pool's nearest row.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from benchmarks.engine.problem import Problem, volume
from ecojax.space import Configuration, Float, SearchSpace

TABLE = "lcbench_pool"
TASKS = ("126026", "146212", "168330", "168868")
NAMES = tuple(f"lcbench_{task}" for task in TASKS)
TRAININGS = 20


@dataclass(frozen=True, kw_only=True)
class CurveProblem(Problem):
    """Attributes:
    epochs: int [checkpoints]. curves: [rows, checkpoints, 2], cross-entropy and seconds. tree: of the rows' places.
    The strict reference is the same; what counts there is every checkpoint.
    """

    epochs: np.ndarray
    curves: np.ndarray = field(repr=False)
    tree: KDTree = field(repr=False)

    def row(self, configuration: Configuration) -> int:
        return int(self.tree.query([configuration[parameter.name] for parameter in self.space])[1])

    def objectives(self, configuration: Configuration) -> np.ndarray:
        return self.curves[self.row(configuration), -1]

    def strictly(self, configuration: Configuration) -> np.ndarray:
        return self.curves[self.row(configuration)]


@cache
def load(name: str, folder: Path) -> CurveProblem:
    """The problem of one task. Raises `FileNotFoundError` where the folder lacks the table."""
    with np.load(folder / f"{TABLE}.npz") as data:
        task = list(data["tasks"]).index(name.removeprefix("lcbench_"))
        unit, curves = data["unit"].astype(float), data["curves"][task, :, :, :2].astype(float)
        reference, epochs = data["reference"][task].astype(float), data["epochs"]
        space = SearchSpace(Float(str(parameter), 0.0, 1.0) for parameter in data["config_names"])
    return CurveProblem(
        name=name,
        space=space,
        reference=reference,
        true_hypervolume=volume(curves[:, -1], reference),
        cheap=(False, False),
        strict_reference=reference,
        strict_hypervolume=volume(curves.reshape(-1, 2), reference),
        epochs=epochs,
        curves=curves,
        tree=KDTree(unit),
    )
