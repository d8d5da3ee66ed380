"""A source to a dataset: which samples train, which validate, and which test, once."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecojax.data import identity
from ecojax.data.dataset import Dataset, Inputs, Outputs
from ecojax.data.memory import AvailableMemory, available_memory_bytes, require_memory
from ecojax.data.progress import OnProgress
from ecojax.data.source import Source
from ecojax.data.splits import strata, stratified_draw
from ecojax.errors import DataError, InputError
from ecojax.wording import option

_CARVED_TEST_FRACTION = 0.2  # of the training samples, where nothing else is published to test on
FEWEST_SAMPLES = 5  # training samples: of fewer, a fifth is none
_CARVED_TEST_SEED = 0  # never the user's: every study of a dataset has the same test set


def split(
    source: Source,
    *,
    train_size: int | None = None,
    validation_size: int | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    available_memory: AvailableMemory = available_memory_bytes,
    named: Callable[[str, Any], str] = option,
) -> Dataset:
    """The dataset of a source, split as `load` says, of the source's kind.

    Raises:
        InputError: a size or the seed is impossible.
        DataError: the source cannot be read, or is too large for this host.
    """
    if seed < 0:
        raise InputError(f"the seed is {seed}; give 0 or a greater whole number")
    plan = _plan(source, train_size, validation_size, named)
    require_memory(
        source.bytes_of(plan.train_size + plan.validation_size + plan.test_size),
        f"dataset {source.name!r} with {plan.train_size} training, {plan.validation_size} validation and "
        f"{plan.test_size} test {source.samples}",
        available_memory,
    )

    x, y = source.read("train", on_progress)
    pool = np.arange(len(y))
    test = None
    if plan.test_from_train:
        test, pool = stratified_draw(strata(y), plan.test_size, seed=_CARVED_TEST_SEED, purpose="test")
    if plan.validation_split == "train":
        drawn, left = stratified_draw(strata(y[pool]), plan.validation_size, seed=seed, purpose="validation")
        x_validation, y_validation = _take(x, y, pool[drawn])
        pool = pool[left]
    else:
        published = source.read(plan.validation_split, on_progress)
        drawn, _ = stratified_draw(
            strata(published[1]), plan.validation_size, seed=seed, purpose="validation"
        )
        x_validation, y_validation = _take(*published, drawn)
    drawn, _ = stratified_draw(strata(y[pool]), plan.train_size, seed=seed, purpose="train")
    x_train, y_train = _take(x, y, pool[drawn])

    _require_spread(y_train, "training", source)
    _require_spread(y_validation, "validation", source)

    of_test = (x, y) if plan.test_from_train else source.read(plan.test_split, on_progress)
    test_digest = identity.of_samples(*of_test, test)
    mean, std = source.kind.statistics(x_train)
    return source.kind(
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
            "train": identity.of_samples(x_train, y_train),
            "validation": identity.of_samples(x_validation, y_validation),
            "test": test_digest,
        }
        | ({"features": identity.of_names(source.feature_names)} if source.feature_names else {}),
        _read_test=partial(_read_test, source, plan.test_split, test, test_digest, available_memory),
        feature_names=source.feature_names,
        target_name=source.target_name,
    )


class _Plan(NamedTuple):
    """How many samples each part gets, out of which published split."""

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
    if pool < FEWEST_SAMPLES:
        raise DataError(
            f"dataset {source.name!r} has {pool} training {source.samples}, too few to draw others from; give "
            f"{FEWEST_SAMPLES} or more"
        )
    test_split = next((split for split in ("test", "validation") if split in sizes), "train")
    test_size = round(_CARVED_TEST_FRACTION * pool) if test_split == "train" else sizes[test_split]
    if test_split == "train":
        pool -= test_size

    validation_split = "validation" if {"validation", "test"} <= sizes.keys() else "train"
    if validation_split == "train":
        most, default = pool - 1, max(1, round(source.validation_share * pool))
    else:
        most = default = sizes["validation"]
    validation = _within("validation_size", validation_size, default, most, source, named)
    if validation_split == "train":
        pool -= validation
    train = _within("train_size", train_size, pool, pool, source, named)
    return _Plan(train, validation, validation_split, test_size, test_split)


def _within(
    key: str, asked: int | None, default: int, most: int, source: Source, named: Callable[[str, Any], str]
) -> int:
    size = default if asked is None else asked
    if not 1 <= size <= most:
        raise InputError(
            f"{named(key, size)} is out of range; of {source.name!r} it can be 1 to {most} {source.samples}: "
            "give a number in this range"
        )
    return size


def _require_spread(y: Outputs, part: str, source: Source) -> None:
    """Raises `DataError` where the targets drawn are all the same, and no error or r2 tells models apart."""
    if np.issubdtype(y.dtype, np.floating) and y.min() == y.max():
        raise DataError(
            f"the target is {y[0]:g} in all {len(y)} {part} {source.samples} drawn from {source.name!r}; draw more, or "
            "others with another seed"
        )


def _take(x: Inputs, y: Outputs, index: NDArray[np.int64]) -> tuple[Inputs, Outputs]:
    """Copies in ordinary memory, of arrays that may be mapped from the cache."""
    return np.asarray(x)[index], np.asarray(y)[index]


def _read_test(
    source: Source,
    split: str,
    index: NDArray[np.int64] | None,
    digest: str,
    available_memory: AvailableMemory,
) -> tuple[Inputs, Outputs]:
    size = source.sizes[split] if index is None else len(index)
    require_memory(
        source.bytes_of(size), f"the test set of {source.name!r}, {size} {source.samples},", available_memory
    )
    x, y = source.read(split, None)
    if identity.of_samples(x, y, index) != digest:
        raise DataError(
            f"the test set of {source.name!r} is another than when the search began; put back what was there, and go "
            "on with "
            f"{option('resume')}"
        )
    return _take(x, y, np.arange(size) if index is None else index)
