"""A refusal before a dataset would take more memory than there is."""

from collections.abc import Callable, Iterable
from pathlib import Path

from ecojax.errors import DataError
from ecojax.memory import available_memory_bytes
from ecojax.wording import option

__all__ = ["AvailableMemory", "available_memory_bytes", "require_memory", "require_memory_for_files"]

AvailableMemory = Callable[[], int | None]


def require_memory(
    needed_bytes: int, what: str, available: AvailableMemory, remedy: str | None = None
) -> None:
    """Raise `DataError` when `what` needs more bytes than there are."""
    free_bytes = available()
    if free_bytes is not None and needed_bytes > free_bytes:
        less = remedy or f"take fewer samples with {option('train_size')}"
        raise DataError(
            f"{what} needs {_gigabytes(needed_bytes)} of memory and {_gigabytes(free_bytes)} are available; "
            f"{less}, or use a host with more memory"
        )


def require_memory_for_files(files: Iterable[Path], what: str, available: AvailableMemory) -> None:
    """Raise `DataError` when files that are read whole are larger than the memory that there is."""
    found = sum(file.stat().st_size for file in files if file.is_file())
    require_memory(found, f"reading {what}", available, "give a part of it")


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes >= 1e7 else f"{size_bytes / 1e6:.2f} MB"
