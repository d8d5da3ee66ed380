"""`load`: a dataset's name to its arrays, split and ready to train on."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecojax.data import cache, decoded, digits, identity
from ecojax.data.dataset import ImageDataset, Images, Labels, channel_statistics
from ecojax.data.locate import default_data_dir, locate
from ecojax.data.memory import AvailableMemory, available_memory_bytes, require_memory
from ecojax.data.progress import OnProgress
from ecojax.data.source import Source
from ecojax.data.splits import stratified_draw
from ecojax.errors import DataError, InputError
from ecojax.wording import option

_CARVED_TEST_FRACTION = 0.2  # of the training images, where nothing else is published to test on
_CARVED_TEST_SEED = 0  # never the user's: every study of a dataset has the same test set


def load(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    train_size: int | None = None,
    validation_size: int | None = None,
    seed: int = 0,
    cache_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
    on_progress: OnProgress | None = None,
    available_memory: AvailableMemory = available_memory_bytes,
    named: Callable[[str, Any], str] = option,
) -> ImageDataset:
    """Load an image-classification dataset into memory, but for its test set, which is looked over and put back.

    What is wrong with the test set (files, shapes, labels) shows here, and not after a search.

    Validation is drawn from the training images, stratified and by `seed`: a tenth of them (a fifth for `digits`)
    unless `validation_size` says otherwise, or from the published validation split where there is one beside a test
    split. Of the training images left, `train_size` train, drawn likewise; all of them by default. A dataset without
    a test split is tested on its validation split, or else on a fifth of its training images that no seed changes;
    `splits` says which.

    Args:
        name: `digits`, which is embedded, or a TFDS name: `name[/config][:version]`.
        data_dir: where prepared datasets lie; `$ECOJAX_DATA_DIR`, else `~/tensorflow_datasets`.
        cache_dir: where decoded images are kept; `$ECOJAX_CACHE_DIR`, else `ecojax/data` in the user's cache folder.
        download: whether a dataset that is not there may be fetched, and prepared in `data_dir`.
        on_progress: called with a `Progress` every little while.
        available_memory: how many bytes may be taken; None where unknown.
        named: what an error calls an argument and its value.

    Raises:
        InputError: a size or the seed is impossible.
        DataError: the dataset is unknown, unobtainable, damaged, of another kind, or too large for this host.
    """
    if seed < 0:
        raise InputError(f"the seed is {seed}; give 0 or a greater whole number")
    if name == digits.NAME:
        source = digits.source()
    else:
        # absolute, since the test set is read when this process may work in another folder
        data_folder = default_data_dir() if data_dir is None else Path(data_dir).expanduser().absolute()
        cache_folder = (
            cache.default_cache_dir() if cache_dir is None else Path(cache_dir).expanduser()
        ).absolute()
        found = locate(
            name, data_folder, download=download, make_folder=data_dir is None, on_progress=on_progress
        )
        source = decoded.source(found, cache_folder, available_memory)

    plan = _plan(source, train_size, validation_size, named)
    require_memory(
        source.bytes_of(plan.train_size + plan.validation_size + plan.test_size),
        f"dataset {name!r} with {plan.train_size} training, {plan.validation_size} validation and {plan.test_size} "
        "test images",
        available_memory,
    )

    images, labels = source.read("train", on_progress)
    pool = np.arange(len(labels))
    test = None
    if plan.test_from_train:
        test, pool = stratified_draw(labels, plan.test_size, seed=_CARVED_TEST_SEED, purpose="test")
    if plan.validation_split == "train":
        drawn, left = stratified_draw(labels[pool], plan.validation_size, seed=seed, purpose="validation")
        x_validation, y_validation = _take(images, labels, pool[drawn])
        pool = pool[left]
    else:
        published = source.read(plan.validation_split, on_progress)
        drawn, _ = stratified_draw(published[1], plan.validation_size, seed=seed, purpose="validation")
        x_validation, y_validation = _take(*published, drawn)
    drawn, _ = stratified_draw(labels[pool], plan.train_size, seed=seed, purpose="train")
    x_train, y_train = _take(images, labels, pool[drawn])

    of_test = (images, labels) if plan.test_from_train else source.read(plan.test_split, on_progress)
    test_digest = identity.of_images(*of_test, test)
    mean, std = channel_statistics(x_train)
    return ImageDataset(
        name=source.name,
        title=source.title,
        version=source.version,
        source=source.origin,
        class_names=source.class_names,
        x_train=x_train,
        y_train=y_train,
        x_validation=x_validation,
        y_validation=y_validation,
        mean=mean,
        std=std,
        splits={
            "train": {"from": "train", "size": plan.train_size},
            "validation": {"from": plan.validation_split, "size": plan.validation_size},
            "test": {"from": plan.test_split, "size": plan.test_size},
            "seed": seed,
        },
        digests={
            "classes": identity.of_names(source.class_names),
            "train": identity.of_images(x_train, y_train),
            "validation": identity.of_images(x_validation, y_validation),
            "test": test_digest,
        },
        _read_test=partial(_read_test, source, plan.test_split, test, test_digest, available_memory),
    )


class _Plan(NamedTuple):
    """How many images each part gets, out of which published split."""

    train_size: int
    validation_size: int
    validation_split: str
    test_size: int
    test_split: str

    @property
    def test_from_train(self) -> bool:
        return self.test_split == "train"


def _plan(
    source: Source, train_size: int | None, validation_size: int | None, named: Callable[[str, Any], str]
) -> _Plan:
    sizes = {split: size for split, size in source.sizes.items() if size}
    if "train" not in sizes:
        raise DataError(
            f"dataset {source.name!r} has no training split, only {', '.join(sizes) or 'empty ones'}; choose another"
        )
    pool = sizes["train"]
    test_split = next((split for split in ("test", "validation") if split in sizes), "train")
    test_size = round(_CARVED_TEST_FRACTION * pool) if test_split == "train" else sizes[test_split]
    if test_split == "train":
        pool -= test_size

    validation_split = "validation" if {"validation", "test"} <= sizes.keys() else "train"
    if validation_split == "train":
        fraction = 0.2 if source.name == digits.NAME else 0.1  # 1,797 images make for a coarse tenth
        most, default = pool - 1, max(1, round(fraction * pool))
    else:
        most = default = sizes["validation"]
    validation = _within("validation_size", validation_size, default, most, source.name, named)
    if validation_split == "train":
        pool -= validation
    train = _within("train_size", train_size, pool, pool, source.name, named)
    return _Plan(train, validation, validation_split, test_size, test_split)


def _within(
    key: str, asked: int | None, default: int, most: int, name: str, named: Callable[[str, Any], str]
) -> int:
    size = default if asked is None else asked
    if not 1 <= size <= most:
        raise InputError(
            f"{named(key, size)} is out of range; of {name!r} it can be 1 to {most} images: give a number in this range"
        )
    return size


def _take(images: Images, labels: Labels, index: NDArray[np.int64]) -> tuple[Images, Labels]:
    """Copies in ordinary memory, of arrays that may be mapped from the cache."""
    return np.asarray(images)[index], np.asarray(labels)[index]


def _read_test(
    source: Source,
    split: str,
    index: NDArray[np.int64] | None,
    digest: str,
    available_memory: AvailableMemory,
) -> tuple[Images, Labels]:
    size = source.sizes[split] if index is None else len(index)
    require_memory(
        source.bytes_of(size), f"the test set of {source.name!r}, {size} images,", available_memory
    )
    images, labels = source.read(split, None)
    if identity.of_images(images, labels, index) != digest:
        raise DataError(
            f"the test set of {source.name!r} is another than when the search began; put back what was there, and go "
            "on with "
            f"{option('resume')}"
        )
    return _take(images, labels, np.arange(size) if index is None else index)
