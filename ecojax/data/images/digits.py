"""The embedded dataset: 1,797 real handwritten digits of 8×8 pixels, shipped inside scikit-learn."""

import numpy as np

from ecojax.data.images.dataset import ImageDataset, Images, Labels
from ecojax.data.progress import OnProgress
from ecojax.data.source import Source

NAME = "digits"


def source() -> Source:
    """One split of everything, as it is published."""
    return Source(
        name=NAME,
        title="digits (8×8 handwritten digits)",
        version="1.0",
        origin="scikit-learn digits",
        class_names=tuple("0123456789"),
        shape=(8, 8, 1),
        sizes={"train": 1797},
        read=_read,
        dtype="uint8",
        samples="images",
        kind=ImageDataset,
        validation_share=0.2,  # 1,797 images make for a coarse tenth
    )


def _read(split: str, on_progress: OnProgress | None) -> tuple[Images, Labels]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)  # 17 grey levels, spread over 0..255
    return images[..., None], bunch.target.astype(np.int32)
