"""Arrays in a `.npz` file as a source: `x` and `y`, or `x_train`, `y_train`, `x_test` and so on."""

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
    if "x" in arrays and "x_train" not in arrays:
        arrays |= {"x_train": arrays["x"], "y_train": arrays.get("y")}  # type: ignore[dict-item]
    parts: dict[str, Any] = {}
    for part in ("train", "validation", "test"):
        x, y = arrays.get(f"x_{part}"), arrays.get(f"y_{part}")
        if (x is None) != (y is None) or (part == "train" and x is None):
            raise DataError(
                f"'{path}' holds the arrays {', '.join(sorted(arrays)) or '(none)'}; it needs x and y, or x_train and "
                "y_train, and may have x_validation, y_validation, x_test and y_test"
            )
        if x is not None:
            whole = x.ndim == 2 and x.dtype.kind in "iub"
            parts[part] = (x.astype(np.float32) if whole else x, y)
    names = {name: arrays.get(name) for name in ("class_names", "feature_names")}
    return source_of(
        parts,
        name=path.name,
        origin=f"file {path.name}",
        **{name: None if value is None else [str(one) for one in value] for name, value in names.items()},  # type: ignore[arg-type]
    )


def _read(path: Any) -> dict[str, np.ndarray]:
    file = np.load(path, allow_pickle=False)
    if not isinstance(file, np.lib.npyio.NpzFile):
        raise ValueError("it holds one array, and no archive of several as np.savez writes them")
    with file:
        return {name: file[name] for name in file.files}
