"""Whether a path of a folder that came from somewhere really lies in it, and may be opened without waiting for ever."""

from pathlib import Path


def misplaced(path: Path, folder: Path) -> str:
    """What is wrong with `path`, which should be a file or a folder within `folder`; "" where nothing is.

    A link may lead elsewhere within `folder`. One that leads out of it is wrong, also where nothing is at its end:
    whoever opened it would read or write what is none of the folder's. So is a pipe or a device. What is not there is
    not wrong.
    """
    try:
        real = path.resolve()
        if not real.is_relative_to(folder.resolve()):
            return f"leads out of '{folder}' to '{real}'; put the file itself there"
        if real.exists() and not (real.is_file() or real.is_dir()):
            return "is no ordinary file; remove it"
    except (OSError, RuntimeError, ValueError) as error:  # a circle of links, a NUL in the name
        return f"cannot be followed ({error})"
    return ""
