"""Arrays in a `.npz` file as a source: `x` and `y`, or `x_train`, `y_train`, `x_test` and so on."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ecojax.data.arrays import source_of
from ecojax.data.memory import AvailableMemory, require_memory_for_files
from ecojax.data.place import Place, opened
from ecojax.data.source import Source
from ecojax.errors import DataError


def source(text: str, available_memory: AvailableMemory) -> Source:
    """The source of `npz:FILE`. Raises `DataError` naming the file and the array that is missing or wrong."""
    path = Place.of(text, ()).path
    require_memory_for_files([path], f"'{path}'", available_memory)
    arrays: dict[str, np.ndarray] = opened(path, _read)
    parts: dict[str, Any] = {}
    for part in ("train", "validation", "test"):
        whole = part == "train" and "x" in arrays and "x_train" not in arrays
        x, y = (arrays.get(axis if whole else f"{axis}_{part}") for axis in "xy")
        if (x is None) != (y is None) or (part == "train" and x is None):
            raise DataError(
                f"'{path}' holds the arrays {', '.join(sorted(arrays)) or '(none)'}; it needs x and y, or x_train and "
                "y_train, and may have x_validation, y_validation, x_test and y_test"
            )
        if x is not None:
            of_numbers = x.ndim == 2 and x.dtype.kind in "iub"
            parts[part] = (x.astype(np.float32) if of_numbers else x, y)
    names = {name: arrays.get(name) for name in ("class_names", "feature_names")}
    return source_of(
        parts,
        name=path.name,
        origin=f"file {path.name}",
        **{name: None if value is None else [str(one) for one in value] for name, value in names.items()},  # type: ignore[arg-type]
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as stream:  # closed here, for numpy leaves it open where it is damaged
        if not zipfile.is_zipfile(stream):
            raise ValueError("it is no archive of arrays as np.savez writes them")
        stream.seek(0)
        file = np.load(stream, allow_pickle=False)
        found = {}
        for name in file.files:
            try:
                found[name] = file[name]
            except ValueError as error:
                if "allow_pickle" not in str(error):
                    raise
                raise DataError(
                    f"array {name!r} of '{path}' holds Python objects; save it as numbers or text"
                ) from None
        return found
