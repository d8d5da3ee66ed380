"""Where images come from, before they are split: named splits, each read when asked for."""

from collections.abc import Callable
from dataclasses import dataclass

from ecojax.data.dataset import Images, Labels
from ecojax.data.progress import OnProgress


@dataclass(frozen=True)
class Source:
    """A dataset as published. `sizes` counts the images of each split; `read` gives a split's images and labels."""

    name: str
    title: str
    version: str
    origin: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    sizes: dict[str, int]
    read: Callable[[str, OnProgress | None], tuple[Images, Labels]]

    def bytes_of(self, num_images: int) -> int:
        """Memory that so many decoded images take, with their labels."""
        height, width, channels = self.image_shape
        return num_images * (height * width * channels + 4)  # a label is an int32
