"""Arrays out of an `.npz` file of anybody's: plain numbers, and no more memory than the file has bytes."""

import math
import zipfile
from pathlib import Path

import numpy as np

MAX_BYTES = 4 << 30  # a thousand million weights


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array by name, as `numpy.savez` wrote it.

    Raises `ValueError` for what `savez` would not have written: compressed members, which may unpack to any size,
    shapes that the members are too short for, Python objects; and whatever `zipfile` makes of a damaged file.
    """
    arrays = {}
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"it has {size} bytes, and {MAX_BYTES} are the limit")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        for member in members:
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"'{member.filename}' is compressed")
        if sum(member.file_size for member in members) > size:  # they overlap, or the directory lies
            raise ValueError("its members are larger than the file")
        for member in members:
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                read_header = {
                    (1, 0): np.lib.format.read_array_header_1_0,
                    (2, 0): np.lib.format.read_array_header_2_0,
                }.get(version)
                if read_header is None:
                    raise ValueError(f"'{member.filename}' has version {version} of the format")
                shape, by_columns, dtype = read_header(file)
                if dtype.hasobject or not dtype.itemsize:
                    raise ValueError(f"'{member.filename}' holds {dtype}, which is no number")
                content = file.read()  # to its end, where the checksum is compared
            if len(content) != math.prod(shape) * dtype.itemsize or min(shape, default=0) < 0:
                raise ValueError(f"'{member.filename}' has {len(content)} bytes for the shape {shape}")
            flat = np.frombuffer(content, dtype)
            arrays[member.filename.removesuffix(".npy")] = flat.reshape(
                shape, order="F" if by_columns else "C"
            )
    return arrays
