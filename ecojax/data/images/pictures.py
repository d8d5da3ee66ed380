"""Encoded images of any size to arrays of one: decoded by Pillow, and resized where a size is stated."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ecojax.data.images.dataset import Images
from ecojax.data.memory import AvailableMemory, require_memory
from ecojax.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

GREY = ("1", "L")  # modes of one channel
Size = tuple[int, int]


class Picture(NamedTuple):
    """An encoded image, and what errors call it."""

    what: str
    encoded: Any  # bytes, or a path


def size_of(text: str | None) -> Size | None:
    """Height and width of "32" or "32x48". Raises `DataError` for anything else."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", text)
    height, width = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not height or not width:
        raise DataError(f"size={text} is no size; write size=32, or height x width as in size=32x48")
    return height, width


def decoded(
    parts: Mapping[str, Sequence[Picture]], size: Size | None, name: str, available_memory: AvailableMemory
) -> dict[str, Images]:
    """The images `[n, height, width, channels]` uint8 of each part, all of one size, grey where all are.

    Resized to `size` by bilinear interpolation with antialiasing, whatever their proportions. Their headers are read
    first, and nothing is decoded that will not fit in memory.

    Raises:
        DataError: an image cannot be read, is of another size than the first where none is stated, or all of them need
            more memory than there is.
    """
    first: Size | None = None
    channels = 1
    for picture in (picture for pictures in parts.values() for picture in pictures):
        with _opened(picture) as image:
            found = (image.height, image.width)
            channels = channels if image.mode in GREY else 3
        first = first or found
        if not all(found):
            raise DataError(f"{picture.what} has no pixels; repair or remove it")
        if size is None and found != first:
            raise DataError(
                f"{picture.what} is of {found[0]} × {found[1]} pixels, and the first image of {first[0]} × {first[1]}; "
                "state a size for all, as in ?size=32"
            )
    count = sum(map(len, parts.values()))
    height, width = size or first or (1, 1)
    require_memory(
        count * height * width * channels,
        f"{name!r} with {count} images of {height} × {width} pixels",
        available_memory,
        "state a smaller size, as in ?size=32",
    )
    return {
        part: _stacked(pictures, (len(pictures), height, width, channels)) for part, pictures in parts.items()
    }


def _stacked(pictures: Sequence[Picture], shape: tuple[int, int, int, int]) -> Images:
    from PIL.Image import Resampling

    height, width = shape[1:3]
    images = np.empty(shape, np.uint8)
    for index, picture in enumerate(pictures):
        with _opened(picture) as image:
            one = image.convert("L" if image.mode in GREY else "RGB")
        if one.size != (width, height):
            one = one.resize((width, height), Resampling.BILINEAR)
        array = np.asarray(one, np.uint8)
        images[index] = array[..., None] if array.ndim == 2 else array
    return images


@contextmanager
def _opened(picture: Picture) -> "Iterator[Image]":
    """The image, of which no more than the header is read yet. Raises `DataError` where it cannot be read."""
    from PIL import Image

    encoded = picture.encoded
    try:
        with Image.open(io.BytesIO(encoded) if isinstance(encoded, bytes) else Path(encoded)) as image:
            yield image
    except (OSError, ValueError, SyntaxError, TypeError, Image.DecompressionBombError) as error:
        raise DataError(f"{picture.what} cannot be read as an image ({error}); repair or remove it") from None


def titled(name: str, size: Size | None) -> str:
    """A dataset's title, with the size that its images were brought to."""
    return name if size is None else f"{name} (resized to {size[0]} × {size[1]})"
