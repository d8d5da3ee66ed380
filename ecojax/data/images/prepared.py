"""Images with a label that TFDS has prepared: which features they are, and the decoding of one split."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecojax.data.images import cache
from ecojax.data.images.dataset import Images, Labels
from ecojax.data.prepared import Prepared
from ecojax.data.progress import OnProgress, Progress
from ecojax.errors import DataError


@dataclass(frozen=True)
class PreparedImages:
    """A TFDS image-classification dataset on disk, none of it decoded yet."""

    prepared: Prepared
    image_key: str
    label_key: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    is_jpeg: bool

    def key(self, split: str) -> cache.SplitKey:
        """Where the decoded split belongs in a cache: by its records' content, and that of their description."""
        found = self.prepared
        dataset = f"{found.name}/{found.version}"
        return cache.SplitKey(dataset, split, found.digest(split), found.sizes[split], self.image_shape)

    def decode(self, split: str, on_progress: OnProgress | None = None) -> Iterator[tuple[Images, Labels]]:
        """Yield images `[batch, height, width, channels]` and labels `[batch]`, in the order on disk.

        Raises:
            DataError: a file is damaged or holds another number of records than is declared, an image has another
                shape, or a label names no class.
        """
        what, total = self.prepared.called(split), self.prepared.sizes[split]
        for stop, (images, labels) in self.prepared.batches(split, self._arrays, "images"):
            if images.shape[1:] != self.image_shape or images.dtype != np.uint8:
                raise DataError(
                    f"{what} holds images of shape {images.shape[1:]} where {self.image_shape} is declared; prepare it "
                    "anew"
                )
            if labels.min() < 0 or labels.max() >= len(self.class_names):
                raise DataError(
                    f"{what} has labels from {labels.min()} to {labels.max()} where 0 to {len(self.class_names) - 1} "
                    f"name its classes; an unlabelled split cannot be trained or tested on: prepare the dataset with "
                    f"its labels, or without that split"
                )
            yield images, labels
            if on_progress:
                on_progress(Progress("decode", f"{self.prepared.name} {split}", stop, total, "images"))

    def _arrays(self, records: Any) -> tuple[Images, Labels]:
        return (
            np.stack([record[self.image_key] for record in records]),
            np.asarray([record[self.label_key] for record in records], np.int32),
        )


def images_in(prepared: Prepared) -> PreparedImages:
    """The images of a prepared dataset, by its description and its first record.

    Raises:
        DataError: it is not image classification with images of one shape, or cannot be read.
    """
    features = prepared.info.features
    image_key, label_key = classification_keys(prepared.name, prepared.info)
    image, label = features[image_key], features[label_key]
    split = max(prepared.sizes, key=lambda split: prepared.sizes[split])
    height, width, channels = map(int, image.shape)
    return PreparedImages(
        prepared=prepared,
        image_key=image_key,
        label_key=label_key,
        image_shape=(height, width, channels),
        class_names=tuple(label.names or map(str, range(label.num_classes))),
        is_jpeg=prepared.encoded(split, image_key).startswith(b"\xff\xd8"),
    )


def has_images(info: Any) -> bool:
    """Whether a TFDS `DatasetInfo` has images among its features."""
    import tensorflow_datasets as tfds

    return isinstance(info.features, tfds.features.FeaturesDict) and any(
        isinstance(feature, tfds.features.Image) for feature in info.features.values()
    )


def classification_keys(name: str, info: Any) -> tuple[str, str]:
    """The keys of the image and the class label in a TFDS `DatasetInfo`, prepared or not.

    Raises:
        DataError: there is not one of each, or images vary in size, or are not 8 bits a channel.
    """
    import tensorflow_datasets as tfds

    features = info.features
    candidates = list(features.keys()) if isinstance(features, tfds.features.FeaturesDict) else []
    supervised = info.supervised_keys or ()
    if len(supervised) == 2 and all(isinstance(key, str) and key in candidates for key in supervised):
        candidates = list(supervised)
    images = [key for key in candidates if type(features[key]) is tfds.features.Image]
    labels = [key for key in candidates if isinstance(features[key], tfds.features.ClassLabel)]
    if len(images) != 1 or len(labels) != 1:
        raise DataError(
            f"dataset {name!r} is not image classification: of its features {', '.join(candidates) or '(none)'}, "
            f"{len(images)} are images and {len(labels)} class labels, where one of each is needed"
        )
    image = features[images[0]]
    if len(image.shape) != 3 or None in image.shape or np.dtype(image.np_dtype) != np.uint8:
        raise DataError(
            f"dataset {name!r} has images of shape {image.shape}, {np.dtype(image.np_dtype)}, and ecojax takes images "
            f"of one shape, 8 bits a channel; choose a dataset whose images all have the same size"
        )
    return images[0], labels[0]
