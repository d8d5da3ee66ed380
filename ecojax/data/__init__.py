"""Datasets as plain arrays: loaded, split, cached, and prepared where TFDS cannot.

`load(name)` gives a `Dataset`: inputs and classes or targets for training and validation, and the test set behind a
method, because a search looks at it once, at its end; of images it is an `ImageDataset`. `of_arrays(x, y)` gives the
same of arrays. Importing this package is cheap: scikit-learn and TensorFlow Datasets are imported when a dataset of
theirs is asked for.
"""

from ecojax.data.arrays import of_arrays
from ecojax.data.dataset import Dataset
from ecojax.data.images.dataset import ImageDataset
from ecojax.data.load import load
from ecojax.data.progress import Progress

__all__ = ["Dataset", "ImageDataset", "Progress", "load", "of_arrays"]
