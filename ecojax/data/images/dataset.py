"""A dataset of images, and the statistics of its pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecojax.data.dataset import Dataset, Inputs

Images = NDArray[np.uint8]
Labels = NDArray[np.int32]
_PIXELS = 1 << 22  # counted at once, of each of which bincount makes a copy of 8 bytes


@dataclass(frozen=True)
class ImageDataset(Dataset):
    """Images `[n, height, width, channels]` uint8 with labels or targets `[n]`, in host memory.

    `mean` and `std` `[channels]` are those of the training images, scaled to 0..1.
    """

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        height, width, channels = self.x_train.shape[1:]
        return height, width, channels

    @staticmethod
    def statistics(inputs: Inputs) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation `[channels]` of images `[n, height, width, channels]` in units of 0..1.

        Exact and order-free: computed from the histogram of the 256 levels.
        """
        channels = inputs.shape[-1]
        counts = np.zeros((channels, 256), np.int64)
        flat = inputs.reshape(-1, channels)
        for start in range(0, len(flat), _PIXELS):
            block = flat[start : start + _PIXELS]
            for channel in range(channels):
                counts[channel] += np.bincount(block[:, channel], minlength=256)
        levels = np.arange(256) / 255
        pixels = counts.sum(1)
        mean = counts @ levels / pixels
        variance = (counts * (levels - mean[:, None]) ** 2).sum(1) / pixels
        return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)
