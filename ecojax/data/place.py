"""Where data of the user's own lie, and how they are to be read: `PATH?option=value&option=value`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecojax.errors import DataError
from ecojax.spelling import did_you_mean

PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}


@dataclass(frozen=True)
class Place:
    """A file or folder, with the options that follow it in a dataset's name."""

    path: Path
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, known: Sequence[str]) -> "Place":
        """Raises `DataError` for a path at which nothing is, and for options that are not among `known`."""
        path, options = with_options(text, known)
        found = Path(path).expanduser()
        if not path or not found.exists():
            raise DataError(f"there is no file or folder '{path}'; give the path of the data")
        return cls(found, options)

    def files(self, suffixes: Sequence[str]) -> dict[str, list[Path]]:
        """The files by split: one file is all there is to train on; in a folder, names begin with train, test, ...

        Raises `DataError` for a folder that has none to train on.
        """
        if self.path.is_file():
            return {"train": [self.path]}
        found: dict[str, list[Path]] = {}
        for file in sorted(self.path.rglob("*")):
            part = split_of(file.stem)
            if file.is_file() and file.suffix.lower() in suffixes and part:
                found.setdefault(part, []).append(file)
        if "train" not in found:
            raise DataError(
                f"'{self.path}' holds no file whose name begins with 'train' and ends in {' or '.join(suffixes)}; name "
                "its files train…, validation… and test…, or give one file"
            )
        return found


def with_options(text: str, known: Sequence[str]) -> tuple[str, dict[str, str]]:
    """What stands before the question mark, and the options behind it. Raises `DataError` for one not in `known`."""
    path, _, query = text.partition("?")
    options = {}
    for part in filter(None, query.split("&")):
        name, equals, value = part.partition("=")
        if name not in known or not equals or not value:
            able = " and ".join(f"{one}=…" for one in known) or "no option"
            raise DataError(
                f"{part!r} after '{path}?' is no option{did_you_mean(name, known)}; it takes {able}"
            )
        options[name] = value
    return path, options


def split_of(name: str) -> str | None:
    """The split that a file or folder is of, by the first word of its name."""
    word = name.lower().replace("_", "-").replace(".", "-").partition("-")[0]
    return next((part for part, words in PARTS.items() if word in words), None)


def opened(path: Path, read: Callable[[Path], Any]) -> Any:
    """What `read` makes of a file. Raises `DataError` naming the file in place of whatever it raises."""
    try:
        return read(path)
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"'{path}' does not fit in memory; use a host with more, or a part of it") from None
    except Exception as error:  # each library raises its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"'{path}' cannot be read ({reason}); repair or replace it") from None
