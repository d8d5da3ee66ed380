"""How much memory this process may still take, and a refusal before it would take more."""

import os
from collections.abc import Callable
from pathlib import Path

from ecojax.errors import DataError
from ecojax.wording import option

AvailableMemory = Callable[[], int | None]


def available_memory_bytes() -> int | None:
    """Bytes that can still be allocated without swapping, under the control group's limit; None where unknown."""
    figures = [figure for figure in (_host_available(), _control_group_available()) if figure is not None]
    return min(figures, default=None)


def require_memory(needed_bytes: int, what: str, available: AvailableMemory) -> None:
    """Raise `DataError` when `what` needs more bytes than there are."""
    free_bytes = available()
    if free_bytes is not None and needed_bytes > free_bytes:
        raise DataError(
            f"{what} needs {_gigabytes(needed_bytes)} of memory and {_gigabytes(free_bytes)} are available; "
            f"take fewer images with {option('train_size')}, or use a host with more memory"
        )


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes >= 1e7 else f"{size_bytes / 1e6:.2f} MB"


def _host_available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")  # macOS: what is there, used or not
    except (ValueError, OSError):
        return None


def _control_group_available(group: Path = Path("/sys/fs/cgroup")) -> int | None:
    # In a container or a batch job the group's limit binds long before the host's memory does.
    try:
        limit = int((group / "memory.max").read_text())  # "max" where unlimited: a ValueError
        used = int((group / "memory.current").read_text())
        statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return limit - used + int(statistics["inactive_file"])  # file pages are given back on demand
    except (OSError, ValueError, KeyError):
        return None
