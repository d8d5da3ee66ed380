"""A refusal before a dataset would take more memory than there is."""

from collections.abc import Callable

from ecojax.errors import DataError
from ecojax.memory import available_memory_bytes
from ecojax.wording import option

__all__ = ["AvailableMemory", "available_memory_bytes", "require_memory"]

AvailableMemory = Callable[[], int | None]


def require_memory(needed_bytes: int, what: str, available: AvailableMemory) -> None:
    """Raise `DataError` when `what` needs more bytes than there are."""
    free_bytes = available()
    if free_bytes is not None and needed_bytes > free_bytes:
        raise DataError(
            f"{what} needs {_gigabytes(needed_bytes)} of memory and {_gigabytes(free_bytes)} are available; "
            f"take fewer samples with {option('train_size')}, or use a host with more memory"
        )


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes >= 1e7 else f"{size_bytes / 1e6:.2f} MB"
