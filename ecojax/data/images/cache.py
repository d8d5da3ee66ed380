"""Decoded splits on disk, so that a second start maps arrays instead of decoding images.

Two plain `.npy` files a split, never a pickle. Their names carry a digest of the files they were decoded from, so that
data that changed are decoded anew, and two datasets of one name do not meet; each file appears under its name only when
complete.
"""

import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from ecojax.data.images.dataset import Images, Labels
from ecojax.folders import cache_folder


class SplitKey(NamedTuple):
    """What a cached split is: where its files lie in the cache, and what shape they must have to be believed."""

    dataset: str
    split: str
    digest: str  # of the files that it is decoded from
    num_examples: int
    image_shape: tuple[int, int, int]


def default_cache_dir() -> Path:
    """`$ECOJAX_CACHE_DIR`, else `ecojax/data` under the user's cache folder."""
    if chosen := os.environ.get("ECOJAX_CACHE_DIR"):
        return Path(chosen).expanduser()
    return cache_folder() / "data"


def read(cache_dir: Path, key: SplitKey) -> tuple[Images, Labels] | None:
    """The memory-mapped images and labels of a split, or None where they are absent or damaged."""
    images_file, labels_file = _files(cache_dir, key)
    try:
        images = np.load(images_file, mmap_mode="r", allow_pickle=False)
        labels = np.load(labels_file, mmap_mode="r", allow_pickle=False)
        sizes_agree = all(
            file.stat().st_size == array.offset + array.nbytes
            for file, array in ((images_file, images), (labels_file, labels))
        )
    except (OSError, ValueError, EOFError):
        return None
    expected = ((key.num_examples, *key.image_shape), np.uint8, (key.num_examples,), np.int32)
    if not sizes_agree or (images.shape, images.dtype, labels.shape, labels.dtype) != expected:
        return None
    return images, labels


def write(cache_dir: Path, key: SplitKey, batches: Iterable[tuple[Images, Labels]]) -> bool:
    """Write a split batch by batch, so that it never is in memory whole; False, with a warning, where that fails."""
    images_file, labels_file = _files(cache_dir, key)
    labels = []
    try:
        images_file.parent.mkdir(parents=True, exist_ok=True)
        with _appears_when_complete(images_file) as stream:
            _write_header(stream, (key.num_examples, *key.image_shape), np.dtype(np.uint8))
            for images, some_labels in batches:
                stream.write(np.ascontiguousarray(images).data)
                labels.append(some_labels)
        with _appears_when_complete(labels_file) as stream:
            _write_header(stream, (key.num_examples,), np.dtype(np.int32))
            stream.write(np.concatenate(labels).astype(np.int32).data)
    except OSError as error:
        warnings.warn(
            f"decoded images are not cached, since {cache_dir} cannot be written ({error.strerror or error}); "
            f"set ECOJAX_CACHE_DIR to a folder that can",
            stacklevel=2,
        )
        return False
    return True


def _files(cache_dir: Path, key: SplitKey) -> tuple[Path, Path]:
    stem = f"{key.split}-{key.digest}"
    folder = cache_dir / key.dataset
    return folder / f"{stem}-images.npy", folder / f"{stem}-labels.npy"


def _write_header(stream: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)


@contextmanager
def _appears_when_complete(file: Path) -> Iterator[BinaryIO]:
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
