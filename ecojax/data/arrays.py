"""Arrays of the caller's own as a dataset: what their types and shapes say, checked before anything is split."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ecojax.data.dataset import Dataset, Inputs, Outputs
from ecojax.data.images.dataset import ImageDataset
from ecojax.data.memory import AvailableMemory, available_memory_bytes
from ecojax.data.parts import FEWEST_SAMPLES, split
from ecojax.data.progress import OnProgress
from ecojax.data.source import Source
from ecojax.errors import DataError
from ecojax.wording import option

FEW = 2000  # samples in all: of fewer, a fifth validates and not a tenth

Pair = tuple[Any, Any]


def of_arrays(
    x: Any,
    y: Any,
    *,
    validation: Pair | None = None,
    test: Pair | None = None,
    class_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    target_name: str = "",
    name: str = "arrays",
    train_size: int | None = None,
    validation_size: int | None = None,
    seed: int = 0,
    available_memory: AvailableMemory = available_memory_bytes,
    named: Callable[[str, Any], str] = option,
) -> Dataset:
    """The dataset of inputs `x` `[n, ...]` and classes or targets `y` `[n]`.

    uint8 inputs `[n, height, width(, channels)]` are images. Other floating-point inputs become float32, whole numbers
    int32. Classes are whole numbers, booleans or text; floating-point numbers are targets. `validation` and `test` are
    pairs like `(x, y)`; without them, both are drawn from `x` as `ecojax.data.load` says, a fifth of fewer than 2,000
    samples for validation.

    Args:
        class_names: of the classes 0, 1, ...; by default what `y` holds.
        feature_names, target_name: of the columns of a table.
        name: what the dataset is called in tables and errors.

    Raises:
        InputError: a size or the seed is impossible.
        DataError: the arrays do not fit together, or hold values that nothing can be learnt from.
    """
    source = source_of(
        {"train": (x, y), "validation": validation, "test": test},
        name=name,
        class_names=class_names,
        feature_names=feature_names,
        target_name=target_name,
    )
    return split(
        source,
        train_size=train_size,
        validation_size=validation_size,
        seed=seed,
        available_memory=available_memory,
        named=named,
    )


def source_of(
    parts: "dict[str, Pair | None]",
    *,
    name: str,
    title: str | None = None,
    version: str = "1.0",
    origin: str | None = None,
    class_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    target_name: str = "",
) -> Source:
    """A source of arrays in memory, by split. Raises `DataError` for those that do not fit together."""
    inputs: dict[str, Inputs] = {}
    raw: dict[str, np.ndarray] = {}
    for part, pair in parts.items():
        if pair is None:
            continue
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise DataError(f"the {part} split of {name!r} is no pair; give it as (x, y)")
        what = _What(name, part)
        inputs[part], raw[part] = _inputs(pair[0], what), _outputs(pair[1], what)
        if len(inputs[part]) != len(raw[part]):
            raise DataError(
                f"{what.x} has {len(inputs[part])} samples and {what.y} {len(raw[part])}; give one label or target for "
                "each sample"
            )
        for other in inputs:
            if inputs[part].shape[1:] != inputs[other].shape[1:] or inputs[part].dtype != inputs[other].dtype:
                raise DataError(
                    f"{what.x} has samples of shape {inputs[part].shape[1:]}, {inputs[part].dtype}, and those of the "
                    f"{other} split are {inputs[other].shape[1:]}, {inputs[other].dtype}; give both the same shape and "
                    "type"
                )
    names, outputs = _classes(raw, name, class_names)
    x = inputs["train"]
    if feature_names is not None and x.ndim == 2 and len(feature_names) != x.shape[1]:
        raise DataError(
            f"{name!r} has {x.shape[1]} columns and {len(feature_names)} names for them; give one for each"
        )
    columns = tuple(map(str, feature_names or range(x.shape[1]))) if x.ndim == 2 else ()
    of_images = x.dtype == np.uint8  # other whole numbers are int32 by now
    return Source(
        name=name,
        title=title or name,
        version=version,
        origin=origin or name,
        class_names=names,
        shape=tuple(x.shape[1:]),
        sizes={part: len(outputs[part]) for part in inputs},
        read=partial(_read, inputs, outputs),
        dtype=x.dtype.name,
        samples="images" if of_images else "rows" if x.ndim == 2 else "samples",
        kind=ImageDataset if of_images else Dataset,
        feature_names=columns,
        target_name=target_name,
        validation_share=0.2 if len(x) < FEW else 0.1,
    )


class _What(NamedTuple):
    """What errors call the arrays of a split."""

    name: str
    part: str

    @property
    def x(self) -> str:
        return f"x of the {self.part} split of {self.name!r}"

    @property
    def y(self) -> str:
        return f"y of the {self.part} split of {self.name!r}"


def _inputs(x: Any, what: _What) -> Inputs:
    found = np.asarray(x)
    if found.ndim < 2 or not all(found.shape):
        raise DataError(
            f"{what.x} is of shape {found.shape}; give an array [samples, ...] with at least one value a sample"
        )
    if found.dtype == np.uint8 and found.ndim in (3, 4):
        return found if found.ndim == 4 else found[..., None]
    if found.dtype.kind == "f" or found.dtype.name == "bfloat16":
        bad = ~np.isfinite(found)
        if bad.any():
            place = ", ".join(str(int(index)) for index in np.argwhere(bad)[0])
            raise DataError(
                f"{what.x} holds {found[tuple(np.argwhere(bad)[0])]} at [{place}]; fill in or drop such samples"
            )
        return _in_32_bits(found, what.x)
    if found.dtype.kind in "iub":
        return _in_32_bits(found, what.x)
    raise DataError(f"{what.x} holds {found.dtype} values; give numbers")


def _in_32_bits(found: np.ndarray, what: str) -> Inputs:
    whole = found.dtype.kind in "iub"
    limit = float(np.iinfo(np.int32).max if whole else np.finfo(np.float32).max)
    if found.dtype.itemsize >= 4 and max(abs(float(found.max())), abs(float(found.min()))) > limit:
        raise DataError(f"{what} holds values beyond {limit:g}, which 32 bits cannot hold; rescale it")
    return found.astype(np.int32 if whole else np.float32)


def _outputs(y: Any, what: _What) -> np.ndarray:
    found = np.asarray(y)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1 or not len(found):
        raise DataError(
            f"{what.y} is of shape {found.shape}; give one label or target for each sample, [samples]"
        )
    if found.dtype == object and all(isinstance(value, str) for value in found):
        found = found.astype(str)
    if found.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(found))
        if len(bad):
            raise DataError(f"{what.y} holds {found[bad[0]]} at [{bad[0]}]; drop samples without a target")
        return _in_32_bits(found, what.y)
    if found.dtype.kind not in "iubU":
        raise DataError(
            f"{what.y} holds {found.dtype} values; give whole numbers or text as labels, or floating-point numbers as "
            "targets"
        )
    return found


def _classes(
    raw: "dict[str, np.ndarray]", name: str, class_names: Sequence[str] | None
) -> tuple[tuple[str, ...], dict[str, Outputs]]:
    """The classes, and every split's samples by the numbers of theirs; targets stay as they are."""
    kinds = {part: y.dtype.kind == "f" for part, y in raw.items()}
    if len(set(kinds.values())) > 1:
        raise DataError(
            f"y of {name!r} holds labels in one split and targets in another; give one kind in all"
        )
    if kinds["train"]:
        for part, targets in raw.items():
            if targets.min() == targets.max():
                raise DataError(
                    f"the target of {name!r} is {targets[0]:g} in all samples of the {part} split; there is nothing to "
                    "learn, or to tell models by"
                )
        return (), raw
    values = np.unique(raw["train"])
    if len(values) < 2 and class_names is None:
        raise DataError(
            f"y of {name!r} holds the one class {values[0]!s}; give samples of two classes at least"
        )
    if len(values) == len(raw["train"]) >= FEWEST_SAMPLES:
        raise DataError(
            f"y of {name!r} holds another class in each of its {len(values)} training samples; give several of each "
            "class, or floating-point numbers as targets"
        )
    numbered = (
        values.dtype.kind in "iu"
        and values[0] >= 0
        and (class_names is not None or values[-1] == len(values) - 1)
    )
    names = tuple(map(str, values if class_names is None else class_names))
    outputs = {}
    for part, y in raw.items():
        known = np.isin(y, np.arange(len(names))) if numbered else np.isin(y, values)
        if not known.all():
            at = int(np.flatnonzero(~known)[0])
            raise DataError(
                f"y of the {part} split of {name!r} holds {y[at]!s} at [{at}], which "
                + ("is no class's number" if class_names is not None else "no training sample has")
                + f"; the classes are {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"
            )
        outputs[part] = (y if numbered else np.searchsorted(values, y)).astype(np.int32)
    if class_names is not None and not numbered and len(names) != len(values):
        raise DataError(
            f"y of {name!r} holds {len(values)} classes and class_names {len(names)}; give one name for each"
        )
    return names, outputs


def _read(
    inputs: "dict[str, Inputs]", outputs: "dict[str, Outputs]", split: str, on_progress: OnProgress | None
) -> tuple[Inputs, Outputs]:
    return inputs[split], outputs[split]
