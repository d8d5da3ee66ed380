"""Whether something can be written at a path, found out before the work whose result is to go there."""

import tempfile
from pathlib import Path


def obstacle(path: Path) -> str | None:
    """Say why nothing can be made at `path` and in the folders above it; None where it can. Leaves no trace."""
    try:
        above = path if path.is_dir() else path.absolute().parent
        while not above.exists():
            above = above.parent
        if not above.is_dir():
            return f"'{above}' is a file"
        # tried, since permissions do not tell of a file system that is read-only, full or not a disk
        with tempfile.TemporaryDirectory(prefix=".ecojax-", dir=above):
            return None
    except OSError as error:
        return f"'{above}': {error.strerror or error}"
