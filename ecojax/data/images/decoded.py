"""A prepared dataset as a source: each split from the cache, or decoded into it, or, failing that, into memory."""

from functools import partial
from pathlib import Path

import numpy as np

from ecojax.data.images import cache
from ecojax.data.images.dataset import ImageDataset, Images, Labels
from ecojax.data.images.prepared import PreparedImages
from ecojax.data.images.published import DATASETS
from ecojax.data.memory import AvailableMemory, require_memory
from ecojax.data.progress import OnProgress
from ecojax.data.source import Source


def source(images: PreparedImages, cache_dir: Path, available_memory: AvailableMemory) -> Source:
    dataset = images.prepared
    known = DATASETS.get(dataset.name)
    title, class_names = (known.title, known.class_names) if known else (dataset.name, ())
    unnamed = images.class_names == tuple(map(str, range(len(images.class_names))))
    copy = " (JPEG copy)" if known and images.is_jpeg else ""
    return Source(
        name=dataset.name,
        title=title + copy,
        version=dataset.version,
        origin=f"TFDS {dataset.name}:{dataset.version}{copy}",
        class_names=class_names
        if unnamed and len(class_names) == len(images.class_names)
        else images.class_names,
        shape=images.image_shape,
        sizes=dataset.sizes,
        read=partial(_read, images, cache_dir, available_memory),
        dtype="uint8",
        samples="images",
        kind=ImageDataset,
    )


def _read(
    dataset: PreparedImages,
    cache_dir: Path,
    available_memory: AvailableMemory,
    split: str,
    on_progress: OnProgress | None,
) -> tuple[Images, Labels]:
    key = dataset.key(split)
    cached = cache.read(cache_dir, key)
    if cached is None and cache.write(cache_dir, key, dataset.decode(split, on_progress)):
        cached = cache.read(cache_dir, key)
    if cached is not None:
        return cached

    images = np.empty((key.num_examples, *key.image_shape), np.uint8)
    require_memory(
        images.nbytes,
        f"decoding split {split!r} of {dataset.prepared.name!r} without a cache",
        available_memory,
    )
    labels = np.empty(key.num_examples, np.int32)
    start = 0
    for some_images, some_labels in dataset.decode(split, on_progress):
        stop = start + len(some_labels)
        images[start:stop], labels[start:stop] = some_images, some_labels
        start = stop
    return images, labels
