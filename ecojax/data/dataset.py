"""The dataset a search trains, validates and, once, tests on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class ImageDataset:
    """Images `[n, height, width, channels]` uint8 with labels `[n]` int32, in host memory.

    `mean` and `std` (`[channels]` float32) are those of the training images scaled to 0..1. `splits` says where each
    part comes from, how large it is and by which seed it was drawn. `digests` holds one of the images and labels of
    each part (train, validation, test) and one of the classes. `source` names the data's origin for a model card.
    """

    name: str
    title: str
    version: str
    source: str
    class_names: tuple[str, ...]
    x_train: Images = field(repr=False)
    y_train: Labels = field(repr=False)
    x_validation: Images = field(repr=False)
    y_validation: Labels = field(repr=False)
    mean: NDArray[np.float32] = field(repr=False)
    std: NDArray[np.float32] = field(repr=False)
    splits: dict[str, Any]
    digests: dict[str, str]
    _read_test: Callable[[], tuple[Images, Labels]] = field(repr=False)

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def chance_accuracy(self) -> float:
        """The validation accuracy of a guess: 1 over the classes, or the share of the most frequent class if larger."""
        most_frequent = float(np.bincount(self.y_validation).max())
        return max(1 / self.num_classes, most_frequent / len(self.y_validation))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        height, width, channels = self.x_train.shape[1:]
        return height, width, channels

    def read_test(self) -> tuple[Images, Labels]:
        """The test images `[n, height, width, channels]` and labels `[n]`, read at each call, kept by nobody.

        Call it once, for the models already chosen: whatever is selected on the test set is no longer tested by it.

        Raises:
            DataError: the test split cannot be read, is another than when the dataset was loaded, or does not fit in
                memory.
        """
        return self._read_test()


def channel_statistics(images: Images) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation `[channels]` of `images` `[n, height, width, channels]` in units of 0..1.

    Exact and order-free: computed from the histogram of the 256 levels.
    """
    channels = images.shape[-1]
    counts = np.zeros((channels, 256), np.int64)
    for start in range(0, len(images), 4096):  # bounds the int64 copies that bincount makes
        block = images[start : start + 4096].reshape(-1, channels)
        for channel in range(channels):
            counts[channel] += np.bincount(block[:, channel], minlength=256)
    levels = np.arange(256) / 255
    pixels = counts.sum(1)
    mean = counts @ levels / pixels
    variance = (counts * (levels - mean[:, None]) ** 2).sum(1) / pixels
    return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)
