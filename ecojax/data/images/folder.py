"""A folder of images as a source: a folder for each class, in folders for each split or not."""

from pathlib import Path

import numpy as np

from ecojax.data.arrays import source_of
from ecojax.data.images.pictures import Picture, decoded, size_of, titled
from ecojax.data.memory import AvailableMemory
from ecojax.data.place import Place, split_of
from ecojax.data.source import Source
from ecojax.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")


def source(text: str, available_memory: AvailableMemory) -> Source:
    """The source of `folder:DIR?size=32`: `DIR/class/*.png`, or `DIR/train/class/*.png` and so on.

    Raises `DataError` naming the folder or the image that is wrong.
    """
    place = Place.of(text, ("size",))
    size = size_of(place.options.get("size"))
    if not place.path.is_dir():
        raise DataError(
            f"'{place.path}' is a file; give the folder that holds a folder of images for each class"
        )
    inside = _folders(place.path)
    splits = {part: folder for folder in inside if (part := split_of(folder.name))}
    roots = splits if "train" in splits else {"train": place.path}
    pictures, labels = {}, {}
    for part, root in roots.items():
        files = [
            (file, folder.name)
            for folder in _folders(root)
            for file in sorted(folder.rglob("*"))
            if file.suffix.lower() in SUFFIXES and file.is_file()
        ]
        if not files:
            raise DataError(
                f"'{root}' holds no folder of images for each class; put the images into '{root / 'CLASS'}' and so on, "
                f"in files that end in {', '.join(SUFFIXES)}"
            )
        pictures[part] = [Picture(f"'{file}'", file) for file, _ in files]
        labels[part] = np.array([label for _, label in files])
    name = place.path.resolve().name
    images = decoded(pictures, size, name, available_memory)
    return source_of(
        {part: (images[part], labels[part]) for part in roots},
        name=name,
        title=titled(name, size),
        origin=f"folder {name}",
    )


def _folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
