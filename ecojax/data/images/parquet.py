"""Images with labels in parquet files, as Hugging Face's `datasets` writes them."""

import json
from pathlib import Path
from typing import Any

from ecojax.data.arrays import source_of
from ecojax.data.images.pictures import Picture, decoded, size_of, titled
from ecojax.data.memory import AvailableMemory
from ecojax.data.place import Place
from ecojax.data.source import Source
from ecojax.data.tables import is_of_classes, learnt, target_of
from ecojax.errors import DataError


def column_of_images(frame: Any) -> str | None:
    """The first column whose values are encoded images; None where there is none."""
    return next((name for name in frame if _is_of_images(frame[name])), None)


def _is_of_images(column: Any) -> bool:
    there = column[column.notna()]
    return bool(len(there)) and isinstance(there.iloc[0], dict) and "bytes" in there.iloc[0]


def of_images(place: Place, frames: dict[str, Any], column: str, available_memory: AvailableMemory) -> Source:
    """The source of the images in `column`. Raises `DataError` naming a row that cannot be read."""
    size = size_of(place.options.get("size"))
    target = target_of(f"'{place.path}'", place.options, [name for name in frames["train"] if name != column])
    pictures, labels = {}, {}
    for part, frame in frames.items():
        pictures[part] = [
            Picture(
                f"row {row} of column {column!r} of the {part} split of '{place.path}'",
                _encoded(place, column, row, cell),
            )
            for row, cell in enumerate(frame[column], 1)
        ]
        labels[part] = learnt(place, target, frame[target], is_of_classes(place, frames["train"][target]))
    name = place.path.resolve().name
    images = decoded(pictures, size, name, available_memory)
    names = _class_names(place, target) if labels["train"].dtype.kind in "iu" else None
    return source_of(
        {part: (images[part], labels[part]) for part in frames},
        name=name,
        title=titled(name, size),
        origin=f"file {name}",
        class_names=names,
    )


def _encoded(place: Place, column: str, row: int, cell: Any) -> bytes:
    found = cell.get("bytes") if isinstance(cell, dict) else None
    if not isinstance(found, bytes):
        raise DataError(
            f"column {column!r} of '{place.path}' holds no encoded image in row {row}; leave the row out, or write the "
            "image's bytes into it"
        )
    return found


def _class_names(place: Place, target: str) -> list[str] | None:
    """The classes that Hugging Face's `datasets` writes into a file's schema; None where it has not."""
    from pyarrow import parquet

    file: Path = place.files((".parquet",))["train"][0]
    stated = (parquet.read_schema(file).metadata or {}).get(b"huggingface", b"")
    try:
        names = json.loads(stated)["info"]["features"][target]["names"]
    except (TypeError, ValueError, KeyError):
        return None
    return [str(name) for name in names]
