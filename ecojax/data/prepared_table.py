"""A table that TFDS has prepared: which of its features are columns, and the rows of its splits."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ecojax.data.memory import AvailableMemory, require_memory
from ecojax.data.place import Place
from ecojax.data.prepared import Prepared
from ecojax.data.progress import OnProgress, Progress
from ecojax.data.source import Source
from ecojax.data.tables import of_frames, require_pandas, target_of
from ecojax.errors import DataError
from ecojax.spelling import did_you_mean


class Column(NamedTuple):
    """A feature of one value for each row: its keys, its place in a feature of several values, and its kind."""

    name: str
    keys: tuple[str, ...]
    at: int | None
    feature: Any

    @property
    def classes(self) -> list[str] | None:
        """The names of a feature of classes; None for another."""
        import tensorflow_datasets as tfds

        if not isinstance(self.feature, tfds.features.ClassLabel):
            return None
        return list(self.feature.names or map(str, range(self.feature.num_classes)))

    def values(self, records: Sequence[Any]) -> list[Any]:
        """The column's values: numbers, booleans or text; None where one is missing."""
        return [self._value(record) for record in records]

    def _value(self, record: Any) -> Any:
        for key in self.keys:
            record = record[key]
        if self.at is not None:
            record = record[self.at]
        return record.decode("utf-8", "backslashreplace") if isinstance(record, bytes) else record


def source(
    prepared: Prepared,
    options: Mapping[str, str],
    on_progress: OnProgress | None,
    available_memory: AvailableMemory,
) -> Source:
    """The source of a prepared table, read as a file of that table would be.

    Raises:
        DataError: a column or the target is wrong, a file is damaged, or the rows do not fit in memory.
    """
    info = prepared.info
    found = columns(prepared.name, info, options)
    target = _target(prepared.name, info, options, found)
    rows = sum(prepared.sizes.values())
    require_memory(
        rows * len(found) * np.dtype(float).itemsize,
        f"dataset {prepared.name!r} of {rows} rows and {len(found)} columns",
        available_memory,
    )
    pandas = require_pandas()
    frames = {}
    for split, size in prepared.sizes.items():
        if size and split in ("train", "validation", "test"):
            parts = _parts(prepared, split, found, target, on_progress)
            frames[split] = pandas.concat([pandas.DataFrame(part) for part in parts], ignore_index=True)
    if "train" not in frames:
        raise DataError(
            f"dataset {prepared.name!r} has no training split, only {', '.join(frames) or 'empty ones'}; choose another"
        )
    stated = {"target": target.name} | ({} if target.classes is None else {"task": "classification"})
    asked = {
        name: value for name, value in options.items() if name != "drop"
    }  # which these rows lack already
    place = Place(prepared.folder, {**stated, **asked})
    return of_frames(
        place,
        frames,
        name=prepared.name,
        version=prepared.version,
        origin=f"TFDS {prepared.name}:{prepared.version}",
        class_names=target.classes if place.options.get("task") == "classification" else None,
    )


def columns(name: str, info: Any, options: Mapping[str, str]) -> list[Column]:
    """The columns of a TFDS `DatasetInfo`, prepared or not: the inputs it names, or all, and the target.

    Raises:
        DataError: a feature is neither a number, a text nor a class, nor some numbers, or no target is known.
    """
    import tensorflow_datasets as tfds

    inputs, target = _supervised(info)
    target = options.get("target", target)
    dropped = {one for one in options.get("drop", "").split(",") if one}
    listed = sorted(_features(info.features), key=lambda one: one[0])  # a description has no order of its own
    found: list[Column] = []
    for keys, feature in listed:
        called = "/".join(keys)
        if called in dropped or not (inputs is None or keys[0] in inputs or called == target):
            continue
        if not isinstance(feature, tfds.features.Tensor) or len(feature.shape) > 1 or None in feature.shape:
            raise _no_table(name, listed)
        if feature.shape:
            found += [Column(f"{called}/{at}", keys, at, feature) for at in range(feature.shape[0])]
        else:
            found.append(Column(called, keys, None, feature))
    known = {*("/".join(keys) for keys, _ in listed), *(column.name for column in found)}
    for one in sorted(dropped - known):
        raise DataError(f"drop={one}: dataset {name!r} has no such column{did_you_mean(one, known)}")
    found = [column for column in found if column.name not in dropped]
    learnt = _target(name, info, options, found)
    rest = [column for column in found if column is not learnt]
    if not rest or (len(rest) == 1 and isinstance(rest[0].feature, tfds.features.Text)):
        raise _no_table(name, listed)
    return found


def _no_table(name: str, listed: Sequence[tuple[tuple[str, ...], Any]]) -> DataError:
    has = ", ".join(
        f"{'/'.join(keys)} ({type(feature).__name__}{f' of shape {feature.shape}' if feature.shape else ''})"
        for keys, feature in listed
    )
    return DataError(
        f"dataset {name!r} is of no kind that ecojax takes: a table has numbers, classes and words, and this has "
        f"{has or 'no features'}; choose another, or leave columns out with ?drop=COLUMN,COLUMN"
    )


def _features(features: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The features by their keys, those one level down included."""
    import tensorflow_datasets as tfds

    if not isinstance(features, tfds.features.FeaturesDict):
        yield (type(features).__name__.lower(),), features
        return
    for key, feature in features.items():
        if isinstance(feature, tfds.features.FeaturesDict):
            yield from (((key, inner), one) for inner, one in feature.items())
        else:
            yield (key,), feature


def _supervised(info: Any) -> tuple[set[str] | None, str | None]:
    """The keys of the inputs and of the target that a dataset names; None where it names none."""
    keys = info.supervised_keys
    if not keys or not isinstance(keys[1], str):
        return None, None
    return set(_leaves(keys[0])), keys[1]


def _leaves(keys: Any) -> Iterator[str]:
    if isinstance(keys, str):
        yield keys
    else:
        for inner in keys.values() if isinstance(keys, Mapping) else keys:
            yield from _leaves(inner)


def _target(name: str, info: Any, options: Mapping[str, str], found: Sequence[Column]) -> Column:
    """The column that is learnt: stated, or named by the dataset, or of a usual name."""
    named = _supervised(info)[1]
    stated = options if named is None else {"target": named, **options}
    called = target_of(f"dataset {name!r}", stated, [column.name for column in found])
    return next(column for column in found if column.name == called)


def _parts(
    prepared: Prepared, split: str, found: Sequence[Column], target: Column, on_progress: OnProgress | None
) -> Iterator[dict[str, Any]]:
    """The columns of a split, batch by batch. Classes are words, and those of the target numbers."""

    def arrays(records: Sequence[Any]) -> dict[str, Any]:
        values = {column.name: column.values(records) for column in found}
        for column in found:
            if (names := column.classes) is not None:
                words: Sequence[Any] = range(len(names)) if column is target else names
                values[column.name] = [
                    words[one] if 0 <= one < len(words) else None for one in values[column.name]
                ]
        return values

    for stop, part in prepared.batches(split, arrays):
        yield part
        if on_progress:
            on_progress(Progress("decode", f"{prepared.name} {split}", stop, prepared.sizes[split], "rows"))
