"""Tables as a source: rows of numbers and text, with a column that is learnt; those of CSV files among them."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from ecojax.data.arrays import source_of
from ecojax.data.memory import AvailableMemory, require_memory_for_files
from ecojax.data.place import Place, opened
from ecojax.data.source import Source
from ecojax.errors import DataError
from ecojax.install import how_to_install
from ecojax.spelling import did_you_mean

TARGETS = ("target", "label", "class", "y")  # the column that is learnt where none is named
MOST_CATEGORIES = 100  # of a column of text
MOST_CLASSES = 20  # of whole numbers; with more different ones, they are a target
TASKS = ("classification", "regression")
OPTIONS = ("target", "drop", "task")


def of_csv(text: str, available_memory: AvailableMemory) -> Source:
    """The source of `csv:FILE?target=COLUMN`."""
    place = Place.of(text, OPTIONS)
    return of_frames(place, frames_in(place, (".csv",), require_pandas().read_csv, available_memory))


def require_pandas() -> Any:
    """The module `pandas`. Raises `DataError` where it, or pyarrow, is not installed."""
    try:
        import pandas
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise DataError(
            f"this table needs {error.name}; run {how_to_install('tables')}, and this again"
        ) from None
    return pandas


def frames_in(
    place: Place, suffixes: Sequence[str], read: Any, available_memory: AvailableMemory
) -> dict[str, Any]:
    """The rows of each split, all with the same columns. Raises `DataError` for files that cannot be read."""
    import pandas

    found = {}
    listed = place.files(suffixes)
    require_memory_for_files(chain.from_iterable(listed.values()), f"'{place.path}'", available_memory)
    for part, files in listed.items():
        found[part] = pandas.concat([opened(file, read) for file in files], ignore_index=True)
        if not len(found[part]):
            raise DataError(f"'{place.path}' has no rows to {part} on; give a table with rows")
    columns = list(found["train"])
    for part, frame in found.items():
        for name in {*columns, *frame} - ({*columns} & {*frame}):
            raise DataError(
                f"column {name!r} of '{place.path}' is not in all its splits; give {part} the same columns"
            )
    return found


def target_of(what: str, options: Mapping[str, str], columns: Sequence[str]) -> str:
    """The column that is learnt: the one stated, or else of a usual name. Raises `DataError` where there is none."""
    named = options.get("target")
    if named is None:
        named = next((name for name in TARGETS if name in columns), None)
        if named is None:
            raise DataError(
                f"which column of {what} is to be learnt is not said; add ?target=COLUMN, of "
                f"{', '.join(columns[:20])}"
            )
    if named not in columns:
        raise DataError(
            f"{what} has no column {named!r}{did_you_mean(named, columns)}; there are {', '.join(columns[:20])}"
        )
    return named


def of_frames(place: Place, frames: dict[str, Any], **described: Any) -> Source:
    """The source of rows by split, encoded as numbers; `described` as `source_of` takes it, the file by default."""
    train = frames["train"]
    target = target_of(f"'{place.path}'", place.options, [str(name) for name in train])
    dropped = [name for name in place.options.get("drop", "").split(",") if name]
    for name in dropped:
        if name not in train:
            raise DataError(
                f"drop={name}: '{place.path}' has no such column{did_you_mean(name, map(str, train))}"
            )
    names: list[str] = []
    columns: dict[str, list[np.ndarray]] = {part: [] for part in frames}
    for name in train:
        if name == target or name in dropped:
            continue
        categories = _categories(place, name, train[name])
        names += [str(name)] if categories is None else [f"{name}={one}" for one in categories]
        for part, frame in frames.items():
            columns[part].append(_encoded(place, part, name, frame[name], categories))
    if not names:
        raise DataError(f"'{place.path}' has no column but {target!r}; there is nothing to learn it from")
    classes = is_of_classes(place, train[target])
    return source_of(
        {
            part: (np.concatenate(columns[part], 1), learnt(place, target, frame[target], classes))
            for part, frame in frames.items()
        },
        feature_names=names,
        target_name=target,
        **({"name": place.path.name, "origin": f"file {place.path.name}"} | described),
    )


def _is_text(column: Any) -> bool:
    from pandas.api import types

    return not (types.is_numeric_dtype(column) or types.is_bool_dtype(column))


def _categories(place: Place, name: str, column: Any) -> list[str] | None:
    """The texts of a column in their order; None for a column of numbers. Raises `DataError` for one of neither."""
    import pandas

    if not _is_text(column):
        return None
    _require_all(place, name, column)
    for row, value in enumerate(column, 1):
        if not isinstance(value, str):
            raise DataError(
                f"column {name!r} of '{place.path}' holds {value!r} in row {row}, neither a number nor text; leave it "
                f"out with drop={name}"
            )
    numbers = pandas.to_numeric(column, errors="coerce").isna()
    if 0 < numbers.sum() < len(column) / 2:
        row = int(np.flatnonzero(numbers)[0])
        raise DataError(
            f"column {name!r} of '{place.path}' holds {column.iloc[row]!r} in row {row + 1}, which is no number like "
            "the others; correct it"
        )
    found = sorted(set(column))
    if len(found) > MOST_CATEGORIES:
        raise DataError(
            f"column {name!r} of '{place.path}' holds {len(found)} different texts, and at most {MOST_CATEGORIES} "
            f"become columns of their own; encode it, or leave it out with drop={name}"
        )
    return found


def _encoded(place: Place, part: str, name: str, column: Any, categories: Sequence[str] | None) -> np.ndarray:
    """A column as numbers `[rows, 1]`, or one for each category, 1 where it holds."""
    if _is_text(column) != (categories is not None):
        raise DataError(
            f"column {name!r} of '{place.path}' is text in one split and numbers in another; make it one kind"
        )
    _require_all(place, name, column)
    if categories is None:
        numbers = column.to_numpy(np.float64)
        if not np.isfinite(numbers).all():
            row = int(np.flatnonzero(~np.isfinite(numbers))[0])
            raise DataError(
                f"column {name!r} of '{place.path}' holds {numbers[row]} in row {row + 1}; correct it"
            )
        return numbers[:, None]
    texts = column.to_numpy(object)
    unknown = [row for row, text in enumerate(texts, 1) if text not in categories]
    if unknown:
        raise DataError(
            f"column {name!r} of '{place.path}' holds {texts[unknown[0] - 1]!r} in row {unknown[0]} of the {part} "
            "split, which no training row has; correct it"
        )
    return (texts[:, None] == np.array(categories, object)[None]).astype(np.float64)


def _require_all(place: Place, name: str, column: Any) -> None:
    """Raises `DataError` naming the first row without a value."""
    missing = column.isna().to_numpy()
    if missing.any():
        raise DataError(
            f"column {name!r} of '{place.path}' has no value in row {int(np.flatnonzero(missing)[0]) + 1} "
            f"({int(missing.sum())} are missing); fill them in, or leave the rows or the column out"
        )


def is_of_classes(place: Place, column: Any) -> bool:
    """Text, booleans and whole numbers of few values are classes, unless the user says otherwise."""
    from pandas.api import types

    task = place.options.get("task")
    if task is not None and task not in TASKS:
        raise DataError(
            f"task={task} is no task of a table{did_you_mean(task, TASKS)}; write {' or '.join(TASKS)}"
        )
    if task is not None:
        return task == "classification"
    few = types.is_integer_dtype(column) and column.nunique() <= MOST_CLASSES
    return bool(_is_text(column) or types.is_bool_dtype(column) or few)


def learnt(place: Place, name: str, column: Any, classes: bool) -> np.ndarray:
    """The classes or targets of the rows `[n]`. Raises `DataError` for a row without one."""
    from pandas.api import types

    _require_all(place, name, column)
    if classes:
        if types.is_integer_dtype(column):
            return np.asarray(column.to_numpy(np.int64))
        for row, value in enumerate(column, 1):
            if not isinstance(value, str | int | float | np.generic):
                raise DataError(
                    f"column {name!r} of '{place.path}' holds {value!r} in row {row}, neither a number nor text; learn "
                    "another, with target=COLUMN"
                )
        return np.asarray(column.astype(str).to_numpy(object).astype(str))
    if _is_text(column):
        raise DataError(
            f"column {name!r} of '{place.path}' is text, no target for task=regression; leave that out"
        )
    return np.asarray(column.to_numpy(np.float64))
