"""Image classification datasets as plain arrays: loaded, split, cached, and prepared where TFDS cannot.

`load(name)` gives an `ImageDataset`: uint8 images and int32 labels for training and validation, and the test set
behind a method, because a search looks at it once, at its end. Importing this package is cheap: scikit-learn and
TensorFlow Datasets are imported when a dataset of theirs is asked for.
"""

from ecojax.data.dataset import ImageDataset
from ecojax.data.load import load
from ecojax.data.progress import Progress

__all__ = ["ImageDataset", "Progress", "load"]
