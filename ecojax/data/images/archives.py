"""The published archives' own formats, read in memory: CIFAR's binary batches in a tar file, MNIST's IDX files.

Nothing is ever extracted to disk, and nothing larger than `_LIMIT_BYTES` is decompressed.
"""

import gzip
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecojax.data.images.dataset import Images
from ecojax.errors import DataError

_LIMIT_BYTES = 1 << 29  # CIFAR's largest member has 154 MB
_DAMAGE = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, OSError)
_CIFAR_SIDE = 32


class Examples(NamedTuple):
    """Images `[n, height, width, channels]` and, by feature name, labels `[n]`."""

    images: Images
    labels: dict[str, NDArray[np.uint8]]


class CifarLayout(NamedTuple):
    """Which members of the tar file hold what. A record is one byte for each of `label_keys`, then the image."""

    folder: str
    splits: dict[str, tuple[str, ...]]
    label_keys: tuple[str, ...]
    class_name_files: tuple[str, ...]


def read_cifar(file: Path, layout: CifarLayout) -> tuple[dict[str, Examples], dict[str, list[str]]]:
    """The examples of each split and the class names of each label in CIFAR's binary version.

    Raises:
        DataError: the archive is damaged, or lacks a member.
    """
    try:
        with tarfile.open(file, "r:gz") as archive:
            splits = {
                split: _cifar_records(
                    b"".join(_member(archive, layout.folder, name) for name in names), layout
                )
                for split, names in layout.splits.items()
            }
            class_names = {
                key: _member(archive, layout.folder, name).decode().split()
                for key, name in zip(layout.label_keys, layout.class_name_files, strict=True)
            }
    except _DAMAGE as error:
        raise DataError(f"{file} is a damaged archive ({error}); delete it to have it downloaded") from error
    return splits, class_names


def _member(archive: tarfile.TarFile, folder: str, name: str) -> bytes:
    try:
        member = archive.getmember(f"{folder}/{name}")
    except KeyError:
        raise tarfile.TarError(f"it has no member {folder}/{name}") from None
    stream = archive.extractfile(member)
    if stream is None or member.size > _LIMIT_BYTES:
        raise tarfile.TarError(f"its member {folder}/{name} is no file of a credible size")
    return stream.read()


def _cifar_records(data: bytes, layout: CifarLayout) -> Examples:
    num_labels = len(layout.label_keys)
    record_bytes = num_labels + 3 * _CIFAR_SIDE**2
    if not data or len(data) % record_bytes:
        raise tarfile.TarError(f"{len(data)} bytes are no whole number of records of {record_bytes} bytes")
    records = np.frombuffer(data, np.uint8).reshape(-1, record_bytes)
    planes = records[:, num_labels:].reshape(-1, 3, _CIFAR_SIDE, _CIFAR_SIDE)  # channels first, as published
    labels = {key: records[:, column] for column, key in enumerate(layout.label_keys)}
    return Examples(planes.transpose(0, 2, 3, 1), labels)


def read_idx_pair(images_file: Path, labels_file: Path) -> Examples:
    """The images `[n, height, width, 1]` and labels `[n]` of two gzipped IDX files.

    Raises:
        DataError: a file is damaged, or the two do not belong together.
    """
    images, labels = _read_idx(images_file, ndim=3), _read_idx(labels_file, ndim=1)
    if len(images) != len(labels):
        raise DataError(
            f"{images_file} has {len(images)} images and {labels_file} {len(labels)} labels; delete both"
        )
    return Examples(images[..., None], {"label": labels})


def _read_idx(file: Path, ndim: int) -> NDArray[np.uint8]:
    header_bytes = 4 + 4 * ndim
    try:
        with gzip.open(file, "rb") as stream:
            data = stream.read(_LIMIT_BYTES)
        if data[:4] != bytes((0, 0, 8, ndim)) or len(data) < header_bytes:  # 8: unsigned bytes
            raise EOFError(f"it does not begin as an IDX file of {ndim} dimensions does")
        shape: Sequence[int] = np.frombuffer(data, ">u4", count=ndim, offset=4).tolist()
        values = np.frombuffer(data, np.uint8, offset=header_bytes)
        if values.size != np.prod(shape, dtype=np.uint64):
            raise EOFError(f"it holds {values.size} values where its header says {shape}")
    except _DAMAGE as error:
        raise DataError(f"{file} is a damaged archive ({error}); delete it to have it downloaded") from error
    return values.reshape(shape)
