"""Encoded images of any size to arrays of one: decoded by Pillow, and resized where a size is stated."""

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ecojax.data.images.dataset import Images
from ecojax.errors import DataError

GREY = ("1", "L")  # modes of one channel
Size = tuple[int, int]


def size_of(text: str | None) -> Size | None:
    """Height and width of "32" or "32x48". Raises `DataError` for anything else."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", text)
    height, width = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not height or not width:
        raise DataError(f"size={text} is no size; write size=32, or height x width as in size=32x48")
    return height, width


def decoded(pictures: Iterable[tuple[str, Any]], size: Size | None) -> list[Images]:
    """Images `[height, width, 1 or 3]` uint8 of encoded bytes or paths, each with what errors call it.

    Resized to `size` by bilinear interpolation with antialiasing, whatever their proportions. Raises `DataError` naming
    an image that cannot be read, and one of another size than the first where none is stated.
    """
    from PIL import Image

    found: list[Images] = []
    for what, picture in pictures:
        try:
            with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else Path(picture)) as image:
                one = image.convert("L" if image.mode in GREY else "RGB")
        except (OSError, ValueError, SyntaxError, TypeError, Image.DecompressionBombError) as error:
            raise DataError(f"{what} cannot be read as an image ({error}); repair or remove it") from None
        if size is not None:
            one = one.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        array = np.asarray(one, np.uint8)
        array = array[..., None] if array.ndim == 2 else array
        if found and array.shape[:2] != found[0].shape[:2]:
            raise DataError(
                f"{what} is of {array.shape[0]} × {array.shape[1]} pixels, and the first image of "
                f"{found[0].shape[0]} × {found[0].shape[1]}; state a size for all, as in ?size=32"
            )
        found.append(array)
    return found


def of_one_depth(parts: dict[str, list[Images]]) -> dict[str, Images]:
    """The images of every split as one array each; grey ones get three channels where some have colours."""
    channels = max(image.shape[-1] for images in parts.values() for image in images)
    return {
        part: np.stack([np.broadcast_to(image, (*image.shape[:2], channels)) for image in images])
        for part, images in parts.items()
    }


def titled(name: str, size: Size | None) -> str:
    """A dataset's title, with the size that its images were brought to."""
    return name if size is None else f"{name} (resized to {size[0]} × {size[1]})"
