"""The weights on disk: an Orbax checkpoint of plain arrays, and digests by which damage is known before it is read.

Orbax alone does not notice a flipped bit in the numbers. The digests guard against accidents, not against malice;
against both, nothing is opened outside the folder, and nothing restored whose shape is not the network's.
"""

import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ecojax.errors import InputError
from ecojax.export.records import MAX_BYTES
from ecojax.jax_devices import local_devices
from ecojax.study.inside import misplaced

if TYPE_CHECKING:
    from ecojax.models.network import FlaxNetwork, Weights

FOLDER, DIGESTS = "checkpoint", "checkpoint.sha256"
METADATA = "_METADATA"  # Orbax's

_REMEDY = "restore it from a copy, or export the model again"


def save_weights(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays by path (`stem/conv/kernel`) as the nested dictionary that their names spell.

    Raises `OSError` when they cannot be written.
    """
    from flax.traverse_util import unflatten_dict

    try:
        with _checkpointer() as checkpointer:
            checkpointer.save(folder / FOLDER, unflatten_dict(dict(arrays), sep="/"))
    except (
        Exception
    ) as error:  # TensorStore has its own words for a disk that is full, and Orbax its own type
        code = re.search(r"os_error_code='(\d+)'", str(error))
        if code is None:
            raise OSError(" ".join(str(error).split())[:200]) from None
        raise OSError(int(code[1]), os.strerror(int(code[1]))) from None
    lines = [f"{digest}  {name}\n" for name, digest in _digests(folder).items()]
    (folder / DIGESTS).write_text("".join(lines), encoding="utf-8")


def restore_weights(folder: Path, network: "FlaxNetwork") -> "Weights":
    """The weights of `network`. Raises `InputError` for a checkpoint that is damaged, or another network's."""
    import jax
    from flax.traverse_util import flatten_dict

    checkpoint = folder / FOLDER
    _check_digests(folder)
    local_devices()  # where JAX does not start, nothing is damaged
    try:
        _check_names(checkpoint)
        with _checkpointer() as checkpointer:
            tree = dict(checkpointer.metadata(checkpoint).item_metadata)
            for leaf in jax.tree.leaves(tree):
                _check_chunks(leaf)
            stored = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)
            restored = jax.eval_shape(network.from_arrays, flatten_dict(stored, sep="/"))
            if _types(restored) != _types(network.abstract_weights):
                raise InputError("these weights belong to another network, of another number type")
            arrays = flatten_dict(checkpointer.restore(checkpoint, stored), sep="/")
    except InputError as error:
        raise InputError(f"'{checkpoint}' does not fit {folder / 'model.json'}: {error}") from None
    except Exception as error:  # whatever Orbax and TensorStore make of unreadable files
        reason = " ".join(str(error).split())[:200] or repr(error)
        raise InputError(f"the checkpoint '{checkpoint}' is damaged ({reason}); {_REMEDY}") from None
    return network.from_arrays(arrays)


def _check_names(checkpoint: Path) -> None:
    """Raises `ValueError` for arrays that Orbax would look for elsewhere: it takes a name for a path."""

    def refuse(record: dict[str, Any]) -> None:
        if "/" in str(record.get("key", "")):
            raise ValueError(f"an array is called {record['key']!r}")

    path = checkpoint / METADATA
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"'{METADATA}' is larger than {MAX_BYTES >> 20} MiB")
    json.loads(path.read_bytes(), object_hook=refuse)


def _check_chunks(leaf: Any) -> None:
    """Raises `ValueError` where an array is stored in pieces larger than itself, which would be unpacked whole."""
    chunk = leaf.storage.chunk_shape if leaf.storage is not None else None
    if chunk is not None and any(part > max(size, 1) for part, size in zip(chunk, leaf.shape, strict=True)):
        raise ValueError(f"'{leaf.name}' of shape {leaf.shape} is stored in pieces of {chunk}")


def _types(weights: Any) -> list[Any]:
    import jax

    return [leaf.dtype for leaf in jax.tree.leaves(weights)]


def _check_digests(folder: Path) -> None:
    """Every file written is there, and holds what was written. No path is opened that the digests name."""
    damaged = f"the checkpoint '{folder / FOLDER}' is damaged"
    for path in (folder / FOLDER, folder / DIGESTS, *sorted((folder / FOLDER).rglob("*"))):
        if fault := misplaced(path, folder):  # Orbax would follow it
            raise InputError(f"{damaged} ('{path}' {fault}); {_REMEDY}")
    try:
        lines = (folder / DIGESTS).read_text(encoding="utf-8").splitlines()
        found = _digests(folder)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{damaged} ({error}); {_REMEDY}") from None
    expected = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if not expected:
        raise InputError(f"{damaged} ('{DIGESTS}' is empty); {_REMEDY}")
    for name, digest in expected.items():
        if found.get(name) != digest:
            state = "is not what was written" if name in found else "is missing"
            raise InputError(f"{damaged} ({name!r} {state}); {_REMEDY}")


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of the checkpoint, by its path from `folder`."""
    digests = {}
    for path in sorted((folder / FOLDER).rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digests[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


@contextmanager
def _checkpointer() -> Iterator[Any]:
    """Orbax without its running commentary; what matters it raises."""
    import orbax.checkpoint as ocp

    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with ocp.StandardCheckpointer() as checkpointer:  # closing waits for the writing
            yield checkpointer
    finally:
        logger.setLevel(level)
