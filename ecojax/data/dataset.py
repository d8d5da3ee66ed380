"""The dataset a search trains, validates and, once, tests on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Inputs = NDArray[Any]  # [n, ...]: float32 features, uint8 pixels, or what a model of a user's own takes
Outputs = NDArray[Any]  # [n]: the numbers of classes, int32, or targets, float32


@dataclass(frozen=True)
class Dataset:
    """Inputs `[n, ...]` with the numbers of classes `[n]` int32 or targets `[n]` float32, in host memory.

    `mean` and `std` `[size of the last axis]` float32 are those of the training inputs.
    `class_names` is empty where targets are predicted. `splits` says where each part comes from, how large it is and by
    which seed it was drawn. `digests` holds one of the inputs and outputs of each part (train, validation, test), one
    of the classes and, of a table, one of its columns. `source` names the data's origin for a model card. A table has
    `feature_names`, one for each input, and the `target_name` of what is learnt.
    """

    name: str
    title: str
    version: str
    source: str
    class_names: tuple[str, ...]
    x_train: Inputs = field(repr=False)
    y_train: Outputs = field(repr=False)
    x_validation: Inputs = field(repr=False)
    y_validation: Outputs = field(repr=False)
    mean: NDArray[np.float32] = field(repr=False)
    std: NDArray[np.float32] = field(repr=False)
    splits: dict[str, Any]
    digests: dict[str, str]
    _read_test: Callable[[], tuple[Inputs, Outputs]] = field(repr=False)
    feature_names: tuple[str, ...] = ()
    target_name: str = ""

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def has_classes(self) -> bool:
        """Whether classes are learnt, and not targets."""
        return bool(np.issubdtype(self.y_train.dtype, np.integer))

    @property
    def chance_accuracy(self) -> float:
        """The validation accuracy of a guess: 1 over the classes, or the share of the most frequent class if larger."""
        most_frequent = float(np.bincount(self.y_validation).max())
        return max(1 / self.num_classes, most_frequent / len(self.y_validation))

    def read_test(self) -> tuple[Inputs, Outputs]:
        """The test inputs `[n, ...]` and outputs `[n]`, read at each call, kept by nobody.

        Call it once, for the models already chosen: whatever is selected on the test set is no longer tested by it.

        Raises:
            DataError: the test split cannot be read, is another than when the dataset was loaded, or does not fit in
                memory.
        """
        return self._read_test()

    @staticmethod
    def statistics(inputs: Inputs) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation of inputs `[n, ..., size]` along the last axis, `[size]`."""
        flat = inputs.reshape(-1, inputs.shape[-1])
        return flat.mean(0, np.float64).astype(np.float32), flat.std(0, np.float64).astype(np.float32)
