"""A dataset of TensorFlow Datasets as a source: images with a label, or a table, by what its features are."""

from functools import partial
from pathlib import Path
from typing import Any

from ecojax.data import prepared_table
from ecojax.data.images import decoded
from ecojax.data.images.prepared import classification_keys, has_images, images_in
from ecojax.data.kinds import is_path
from ecojax.data.locate import locate, prepared_at
from ecojax.data.memory import AvailableMemory
from ecojax.data.place import with_options
from ecojax.data.progress import OnProgress
from ecojax.data.source import Source
from ecojax.data.tables import OPTIONS
from ecojax.errors import DataError


def source(
    dataset: str,
    data_dir: Path,
    cache_dir: Path,
    *,
    download: bool,
    make_folder: bool,
    on_progress: OnProgress | None,
    available_memory: AvailableMemory,
) -> Source:
    """The source of `name[/config][:version]` in `data_dir`, or of a prepared folder; of a table, with options.

    Raises:
        DataError: the dataset is neither images nor a table, or it is not there and not to be had.
    """
    name, options = with_options(dataset, OPTIONS)
    require = partial(_require_learnable, options)
    if is_path(name):
        found = prepared_at(Path(name).expanduser().absolute())
    else:
        found = locate(
            name,
            data_dir,
            require,
            download=download,
            make_folder=make_folder,
            on_progress=on_progress,
        )
    info = found.info
    require(found.name, info)
    if has_images(info):
        return decoded.source(images_in(found), cache_dir, available_memory)
    return prepared_table.source(found, options, on_progress, available_memory)


def _require_learnable(options: dict[str, str], name: str, info: Any) -> None:
    """Raises `DataError` for what is neither images with a label nor a table, by TFDS's description of it."""
    if not has_images(info):
        prepared_table.columns(name, info, options)
        return
    classification_keys(name, info)
    if options:
        said = "&".join(f"{option}={value}" for option, value in options.items())
        raise DataError(f"{name!r} holds images, and {said} is for tables; leave ?{said} out")
