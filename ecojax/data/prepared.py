"""Prepared TFDS datasets, read without TensorFlow: what is on disk, and the decoding of one split."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ecojax.data import cache, identity
from ecojax.data.dataset import Images, Labels
from ecojax.data.progress import OnProgress, Progress
from ecojax.errors import DataError

_BATCH = 1024  # images decoded at once: ten times faster than one by one, and no more than some MB
_KNOWN_NOISE = re.compile(r"group size|OpenCV is not installed|has no dataset_info.json")


@dataclass(frozen=True)
class PreparedDataset:
    """A TFDS image-classification dataset on disk, none of it decoded yet."""

    name: str  # with its configuration, without its version: "mnist_corrupted/fog"
    version: str
    folder: Path
    image_key: str
    label_key: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    sizes: dict[str, int]
    is_jpeg: bool

    def key(self, split: str) -> cache.SplitKey:
        """Where the decoded split belongs in a cache: by its records' content, and that of their description."""
        try:
            with only_news():
                records = _builder_at(self.folder).info.splits[split].filepaths
                digest = identity.of_files([*records, *self.folder.glob("*.json")])
        except Exception as error:
            raise DataError(
                f"split {split!r} of {self.name} in {self.folder} is not whole ({first_line(error)}); prepare it anew"
            ) from error
        dataset = f"{self.name}/{self.version}"
        return cache.SplitKey(dataset, split, digest, self.sizes[split], self.image_shape)

    def decode(self, split: str, on_progress: OnProgress | None = None) -> Iterator[tuple[Images, Labels]]:
        """Yield images `[batch, height, width, channels]` and labels `[batch]`, in the order on disk.

        Raises:
            DataError: a file is damaged or holds another number of records than is declared, an image has another
                shape, or a label names no class.
        """
        total = self.sizes[split]
        what = f"split {split!r} of {self.name} {self.version} in {self.folder}"
        self._require_counts(split, what)
        source = None
        for start in range(0, total, _BATCH):
            stop = min(start + _BATCH, total)
            try:
                with only_news():
                    source = source or _builder_at(self.folder).as_data_source(split)
                    records = source.__getitems__(range(start, stop))
                images = np.stack([record[self.image_key] for record in records])
                labels = np.asarray([record[self.label_key] for record in records], np.int32)
            except Exception as error:  # array_record, protobuf and the image decoders each raise their own
                raise DataError(
                    f"images {start} to {stop - 1} of {what} cannot be decoded ({first_line(error)}); prepare it anew"
                ) from error
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
                on_progress(Progress("decode", f"{self.name} {split}", stop, total, "images"))

    def _require_counts(self, split: str, what: str) -> None:
        """Raises `DataError` where a file has lost or gained records: TFDS itself reads as many as are declared."""
        from array_record.python.array_record_module import ArrayRecordReader

        try:
            with only_news():
                info = _builder_at(self.folder).info.splits[split]
            found = []
            for path in info.filepaths:
                reader = ArrayRecordReader(str(path))
                found.append(reader.num_records())
                reader.close()
        except Exception as error:  # array_record raises its own
            raise DataError(f"{what} cannot be read ({first_line(error)}); prepare it anew") from error
        if found != list(info.shard_lengths):
            raise DataError(
                f"{what} has {sum(found)} records where {self.sizes[split]} are declared; prepare it anew"
            )


def describe(folder: Path) -> PreparedDataset:
    """Read what the prepared dataset in `folder` (the one that holds `dataset_info.json`) is.

    Raises:
        DataError: it is not image classification with images of one shape, or not stored as ArrayRecord.
    """
    import tensorflow_datasets as tfds

    with only_news():
        try:
            builder = _builder_at(folder)
            info = builder.info
            sizes = {split: int(part.num_examples) for split, part in info.splits.items()}
            features: Any = info.features
        except Exception as error:
            raise DataError(
                f"{folder} holds no readable prepared dataset ({first_line(error)}); prepare it anew"
            ) from error
        name = info.full_name.removesuffix(f"/{info.version}")
        image_key, label_key = classification_keys(name, info)
        image, label = features[image_key], features[label_key]
        if info.file_format.value != "array_record":
            raise DataError(
                f"dataset {name!r} in {folder} is stored as {info.file_format.value}, which only TensorFlow reads; "
                f"prepare it again with file_format='array_record'"
            )
        class_names = tuple(label.names or map(str, range(label.num_classes)))
        split = max(sizes, key=lambda split: sizes[split])
        try:
            raw = builder.as_data_source(split, decoders={image_key: tfds.decode.SkipDecoding()})
            is_jpeg = bytes(raw[0][image_key][:2]) == b"\xff\xd8"
        except Exception as error:
            raise DataError(
                f"split {split!r} of {name} in {folder} cannot be read ({first_line(error)}); prepare it anew"
            ) from error
    height, width, channels = map(int, image.shape)
    return PreparedDataset(
        name=name,
        version=str(info.version),
        folder=folder,
        image_key=image_key,
        label_key=label_key,
        image_shape=(height, width, channels),
        class_names=class_names,
        sizes=sizes,
        is_jpeg=is_jpeg,
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
    if len(supervised) == 2 and all(key in candidates for key in supervised):
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


def _builder_at(folder: Path) -> Any:
    import tensorflow_datasets as tfds

    return tfds.builder_from_directory(folder)


@contextmanager
def only_news() -> Iterator[None]:
    """Keep out of the log what is harmless: how files are grouped, which decoder is used, what is not prepared yet."""

    def is_news(record: logging.LogRecord) -> bool:
        return not _KNOWN_NOISE.search(record.getMessage())

    logger = logging.getLogger("absl")
    logger.addFilter(is_news)
    try:
        yield
    finally:
        logger.removeFilter(is_news)


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
