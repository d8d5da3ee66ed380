"""The identity of data is its content: digests, equal for equal bytes, wherever and whenever those were written."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecojax.data.dataset import Inputs, Outputs

_BLOCK = 4096  # samples copied at once, where a part is drawn out of a split
_BYTES = 16
_IN_WORDS = {
    "classes": "classes or their order",
    "features": "columns or their order",
    "train": "training inputs or outputs",
    "validation": "validation inputs or outputs",
    "test": "test inputs or outputs",
}


def of_samples(inputs: Inputs, y: Outputs, index: NDArray[np.int64] | None = None) -> str:
    """Digest inputs `[n, ...]` with their outputs `[n]`, in this order; those at `index` only."""
    digest = hashlib.blake2b(digest_size=_BYTES)
    drawn = np.arange(len(y)) if index is None else index
    kind = () if inputs.dtype == np.uint8 else (inputs.dtype.name,)  # the digests of bytes are older
    digest.update(str((len(drawn), *inputs.shape[1:], *kind)).encode())
    of_y = "<i4" if np.issubdtype(y.dtype, np.integer) else "<f4"
    for start in range(0, len(drawn), _BLOCK):
        block = drawn[start : start + _BLOCK] if index is not None else slice(start, start + _BLOCK)
        digest.update(np.ascontiguousarray(inputs[block]).data)
        digest.update(np.ascontiguousarray(y[block], of_y).data)
    return digest.hexdigest()


def of_names(names: Sequence[str]) -> str:
    """Digest the names of classes or columns, in their order."""
    digest = hashlib.blake2b(digest_size=_BYTES)
    for name in names:
        digest.update(f"{len(name)} {name}".encode())
    return digest.hexdigest()


def difference(one: Mapping[str, str], other: Mapping[str, str]) -> str | None:
    """Name the parts of two datasets' `digests` that differ; None where all are equal."""
    parts = [part for part in {**one, **other} if one.get(part) != other.get(part)]
    return ", ".join(_IN_WORDS.get(part, part) for part in parts) or None


def of_files(files: Iterable[str | os.PathLike[str]]) -> str:
    """Digest the contents of files, in the order of their names. Raises `OSError` for a file that cannot be read."""
    digest = hashlib.blake2b(digest_size=_BYTES)
    for path in sorted(map(Path, files), key=lambda path: path.name):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_BYTES)).digest())
    return digest.hexdigest()
