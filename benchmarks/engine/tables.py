"""Complete tables of trained networks as problems: every configuration of the space has its row.

HPOLib's fully connected networks (Klein and Hutter, arXiv:1905.04970) and NAS-Bench-201 (Dong and Yang, ICLR 2020).
The reference point is the 95 % quantile of each objective over the table. Up to it a random search of fcnet has
already four fifths of the true hypervolume after 50 trials; the strict reference is the true front's own worst and
15 % of its span, up to which it has two fifths.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.engine.problem import Problem, judged_by
from ecojax.space import Choice, Configuration, SearchSpace

TABLES = ("fcnet_slice_localization", "fcnet_naval_propulsion", "nasbench201_cifar10")
STRICT_SPAN = 0.15


@dataclass(frozen=True, kw_only=True)
class TableProblem(Problem):
    """Attributes:
    row: int [levels of parameter 1, levels of parameter 2, ...], the table's row.
    F: [rows, m]. trainings: [rows, repeats], what the first objective would be by one training alone.
    """

    row: np.ndarray = field(repr=False)
    F: np.ndarray = field(repr=False)
    trainings: np.ndarray = field(repr=False)

    def lookup(self, configuration: Configuration) -> int:
        """The table's row of a configuration."""
        levels = [parameter.choices.index(configuration[parameter.name]) for parameter in self.space]  # type: ignore[union-attr]
        return int(self.row[tuple(levels)])

    def objectives(self, configuration: Configuration) -> np.ndarray:
        return self.F[self.lookup(configuration)]

    def noisy(self, configuration: Configuration, rng: np.random.Generator) -> np.ndarray:
        row = self.lookup(configuration)
        drawn = rng.choice(self.trainings[row][np.isfinite(self.trainings[row])])
        return np.array([drawn, *self.F[row, 1:]])


def is_categorical(name: str, table: str) -> bool:
    return table.startswith("nasbench") or name.startswith("activation_fn") or name == "lr_schedule"


@cache
def load(name: str, folder: Path) -> TableProblem:
    """The problem of one table. Raises `FileNotFoundError` where the folder lacks it."""
    with np.load(folder / f"{name}.npz") as data:
        index = data["index"].astype(int)
        choices: dict[str, list] = json.loads(str(data["space"]))
        if name.startswith("fcnet"):
            trainings = np.log10(data["valid_mse"].astype(float))
            first = np.log10(data["valid_mse"].astype(float).mean(axis=1))
            second = np.log10(data["n_params"].astype(float))
        else:
            trainings = 100 - data["valid_accuracy"].astype(float)
            first = np.nanmean(trainings, axis=1)
            second = data["macs"].astype(float)
    space = SearchSpace(
        Choice(parameter, tuple(values), ordered=not is_categorical(parameter, name))
        for parameter, values in choices.items()
    )
    row = np.full([len(values) for values in choices.values()], -1)
    row[tuple(index.T)] = np.arange(len(index))
    F = np.stack([first, second], axis=1)
    return TableProblem(
        **judged_by(F, STRICT_SPAN),
        name=name,
        space=space,
        cheap=(False, True),
        row=row,
        F=F,
        trainings=trainings,
    )
