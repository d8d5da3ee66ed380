"""Parquet files as a source: a table, or images where a column holds those."""

from ecojax.data.images.parquet import column_of_images, of_images
from ecojax.data.memory import AvailableMemory
from ecojax.data.place import Place
from ecojax.data.source import Source
from ecojax.data.tables import OPTIONS, frames_in, of_frames, require_pandas
from ecojax.errors import DataError


def source(text: str, available_memory: AvailableMemory) -> Source:
    """The source of `parquet:FILE?target=COLUMN`, a table, or of `parquet:FILE?size=32` with a column of images."""
    place = Place.of(text, (*OPTIONS, "size"))
    frames = frames_in(place, (".parquet",), require_pandas().read_parquet, available_memory)
    column = column_of_images(frames["train"])
    if column is not None:
        return of_images(place, frames, column, available_memory)
    if "size" in place.options:
        raise DataError(f"'{place.path}' has no column of images; leave size={place.options['size']} out")
    return of_frames(place, frames)
