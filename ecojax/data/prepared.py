"""Prepared TFDS datasets, read without TensorFlow: what is on disk, whether it is whole, and its records."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ecojax.data import identity
from ecojax.errors import DataError

_BATCH = 1024  # records decoded at once: ten times faster than one by one, and no more than some MB
_KNOWN_NOISE = re.compile(r"group size|OpenCV is not installed|has no dataset_info.json")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Prepared:
    """A dataset that TFDS has prepared in `folder`, none of it decoded yet. `sizes` counts the records of a split."""

    name: str  # with its configuration, without its version: "mnist_corrupted/fog"
    version: str
    folder: Path
    sizes: dict[str, int]

    @property
    def info(self) -> Any:
        """TFDS's own description, read anew: it cannot be sent to another process."""
        return _builder_at(self.folder).info

    def digest(self, split: str) -> str:
        """Digest the files of a split and their description. Raises `DataError` where one is missing."""
        try:
            with only_news():
                return identity.of_files([*self.info.splits[split].filepaths, *self.folder.glob("*.json")])
        except Exception as error:
            raise DataError(
                f"split {split!r} of {self.name} in {self.folder} is not whole ({first_line(error)}); prepare it anew"
            ) from error

    def encoded(self, split: str, key: str) -> bytes:
        """What the first record of a split holds at `key`, not decoded. Raises `DataError` where it cannot be read."""
        import tensorflow_datasets as tfds

        decoders = {key: tfds.decode.SkipDecoding()}
        try:
            with only_news():
                return bytes(_builder_at(self.folder).as_data_source(split, decoders=decoders)[0][key])
        except Exception as error:
            raise DataError(
                f"split {split!r} of {self.name} in {self.folder} cannot be read ({first_line(error)}); prepare it anew"
            ) from error

    def batches(
        self, split: str, arrays: Callable[[Sequence[Any]], _T], samples: str = "rows"
    ) -> Iterator[tuple[int, _T]]:
        """Yield the position after a batch of records, and what `arrays` makes of it, in the order on disk.

        Raises:
            DataError: a file is damaged or holds another number of records than is declared, or `arrays` fails.
        """
        total = self.sizes[split]
        self._require_counts(split)
        source = None
        for start in range(0, total, _BATCH):
            stop = min(start + _BATCH, total)
            try:
                with only_news():
                    source = source or _builder_at(self.folder).as_data_source(split)
                    found = arrays(source.__getitems__(range(start, stop)))
            except Exception as error:  # array_record, protobuf and the decoders each raise their own
                raise DataError(
                    f"{samples} {start} to {stop - 1} of {self.called(split)} cannot be decoded ({first_line(error)}); "
                    "prepare it anew"
                ) from error
            yield stop, found

    def called(self, split: str) -> str:
        """What errors call a split."""
        return f"split {split!r} of {self.name} {self.version} in {self.folder}"

    def _require_counts(self, split: str) -> None:
        """Raises `DataError` where a file has lost or gained records: TFDS itself reads as many as are declared."""
        from array_record.python.array_record_module import ArrayRecordReader

        try:
            with only_news():
                info = self.info.splits[split]
            found = []
            for path in info.filepaths:
                reader = ArrayRecordReader(str(path))
                found.append(reader.num_records())
                reader.close()
        except Exception as error:  # array_record raises its own
            raise DataError(
                f"{self.called(split)} cannot be read ({first_line(error)}); prepare it anew"
            ) from error
        if found != list(info.shard_lengths):
            raise DataError(
                f"{self.called(split)} has {sum(found)} records where {self.sizes[split]} are declared; prepare it anew"
            )


def describe(folder: Path) -> Prepared:
    """Read what the prepared dataset in `folder` (the one that holds `dataset_info.json`) is.

    Raises:
        DataError: its description cannot be read, or it is not stored as ArrayRecord.
    """
    with only_news():
        try:
            info = _builder_at(folder).info
            sizes = {split: int(part.num_examples) for split, part in info.splits.items()}
            _ = info.features
        except Exception as error:
            raise DataError(
                f"{folder} holds no readable prepared dataset ({first_line(error)}); prepare it anew"
            ) from error
    name = info.full_name.removesuffix(f"/{info.version}")
    if info.file_format.value != "array_record":
        raise DataError(
            f"dataset {name!r} in {folder} is stored as {info.file_format.value}, which only TensorFlow reads; "
            f"prepare it again with file_format='array_record'"
        )
    return Prepared(name, str(info.version), folder, sizes)


def _builder_at(folder: Path) -> Any:
    import tensorflow_datasets as tfds

    return tfds.builder_from_directory(folder)


@contextmanager
def only_news() -> Iterator[None]:
    """Keep out of the log what is harmless: how files are grouped, which decoder is used, what is not prepared yet."""

    def is_news(record: logging.LogRecord) -> bool:
        return not _KNOWN_NOISE.search(record.getMessage())

    logger = logging.getLogger("absl")
    logger.addFilter(is_news)
    try:
        yield
    finally:
        logger.removeFilter(is_news)


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
