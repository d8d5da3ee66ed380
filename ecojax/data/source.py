"""Where samples come from, before they are split: named splits, each read when asked for."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ecojax.data.dataset import Dataset, Inputs, Outputs
from ecojax.data.progress import OnProgress


@dataclass(frozen=True)
class Source:
    """A dataset as published. `sizes` counts the samples of each split; `read` gives a split's inputs and outputs.

    `class_names` is empty where targets are to be predicted. `shape` and `dtype` are those of one input, `samples` is
    what they are called, and `kind` the dataset that they become. `validation_share` of the training split validates
    where nothing else is said.
    """

    name: str
    title: str
    version: str
    origin: str
    class_names: tuple[str, ...]
    shape: tuple[int, ...]
    sizes: dict[str, int]
    read: Callable[[str, OnProgress | None], tuple[Inputs, Outputs]]
    dtype: str
    samples: str
    kind: type[Dataset] = Dataset
    feature_names: tuple[str, ...] = ()
    target_name: str = ""
    validation_share: float = 0.1

    def bytes_of(self, samples: int) -> int:
        """Memory that so many samples take, each with four bytes for what is learnt of it."""
        return samples * (math.prod(self.shape) * np.dtype(self.dtype).itemsize + 4)
