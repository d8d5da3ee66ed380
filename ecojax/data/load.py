"""`load`: a dataset's name to its arrays, split and ready to train on."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ecojax.data import tfds
from ecojax.data.dataset import Dataset
from ecojax.data.images import cache, digits
from ecojax.data.kinds import source_named
from ecojax.data.locate import default_data_dir
from ecojax.data.memory import AvailableMemory, available_memory_bytes
from ecojax.data.parts import split
from ecojax.data.progress import OnProgress
from ecojax.wording import option


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
) -> Dataset:
    """Load a dataset into memory, but for its test set, which is looked over and put back.

    What is wrong with the test set (files, shapes, classes) shows here, and not after a search.

    Validation is drawn from the training samples, stratified and by `seed`: a tenth of them (a fifth for `digits`)
    unless `validation_size` says otherwise, or from the published validation split where there is one beside a test
    split. Of the training samples left, `train_size` train, drawn likewise; all of them by default. A dataset without
    a test split is tested on its validation split, or else on a fifth of its training samples that no seed changes;
    `splits` says which.

    Args:
        name: `digits` or `sklearn:NAME`, which are embedded; `npz:FILE`, `csv:FILE`,
            `parquet:FILE` or `folder:DIR`, with options after a question mark; a TFDS name `name[/config][:version]`,
            or the path of a folder that TFDS prepared, with options likewise where it is a table.
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
    source = digits.source() if name == digits.NAME else source_named(name, available_memory)
    if source is None:
        # absolute, since the test set is read when this process may work in another folder
        data_folder = default_data_dir() if data_dir is None else Path(data_dir).expanduser().absolute()
        cache_folder = (
            cache.default_cache_dir() if cache_dir is None else Path(cache_dir).expanduser()
        ).absolute()
        source = tfds.source(
            name,
            data_folder,
            cache_folder,
            download=download,
            make_folder=data_dir is None,
            on_progress=on_progress,
            available_memory=available_memory,
        )

    return split(
        source,
        train_size=train_size,
        validation_size=validation_size,
        seed=seed,
        on_progress=on_progress,
        available_memory=available_memory,
        named=named,
    )
