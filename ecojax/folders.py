"""Where ecojax keeps what it can make again, also for users without a home folder (containers, batch systems)."""

import os
import stat
import tempfile
from pathlib import Path

from ecojax.errors import EcojaxError


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/ecojax`, else `~/.cache/ecojax`, else a folder of this user's among the temporary files."""
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen).expanduser() / "ecojax"
    try:
        return Path("~/.cache/ecojax").expanduser()
    except RuntimeError:  # neither HOME nor an entry in the list of users
        return private_folder("cache")


def private_folder(purpose: str) -> Path:
    """A folder among the temporary files that nobody but this user can write to; made where it is not there.

    Raises `EcojaxError` where somebody else has taken its name: what lies there would be run or believed.
    """
    folder = Path(tempfile.gettempdir()) / f"ecojax-{purpose}-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise EcojaxError(
            f"'{folder}' is not this user's alone; remove it, or point TMPDIR at a folder of your own"
        )
    return folder


def home_folder(below: str, instead: str) -> Path:
    """`~/below`. Raises `EcojaxError` that says to give `instead` where there is no home folder."""
    try:
        return Path("~", below).expanduser()
    except RuntimeError:
        raise EcojaxError(
            f"there is no home folder for '~/{below}' (HOME is not set, and user {os.getuid()} has no entry); "
            f"set HOME, or give {instead}"
        ) from None
