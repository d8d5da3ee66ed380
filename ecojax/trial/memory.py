"""Whether a compiled program fits into the memory that is left, before it is run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def needed_bytes(executable: Any) -> int:
    """What a run of a compiled program takes beyond its arguments; 0 where the backend does not tell."""
    sizes = _told(executable.memory_analysis)
    if sizes is None:
        return 0
    # donated arguments are written over
    fresh = sizes.output_size_in_bytes - sizes.alias_size_in_bytes
    return int(sizes.temp_size_in_bytes + max(0, fresh))


def free_bytes(device: Any) -> int | None:
    """Memory of `device` that is not in use: a CPU's is the host's, or the container's. None where nobody tells."""
    stats = _told(device.memory_stats) or {}
    if stats.get("bytes_limit"):  # an allocator without a limit states 0, or nothing
        return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0))
    if device.platform != "cpu":
        return None
    found = [left for left in (_host(), _container()) if left is not None]
    return min(found, default=None)


def require(needed: int, free: int | None, what: str) -> None:
    """Raises MemoryError where `what` needs more bytes than are free."""
    if free is not None and needed > free:
        raise MemoryError(
            f"{what} needs {needed / 2**30:.3g} GiB and {free / 2**30:.3g} GiB are free; bound it with a smaller "
            "batch_size, or with a constraint on flops or parameters"
        )


def _told(question: Callable[[], Any]) -> Any:
    """What a backend answers; None where it has no answer, which some say by raising."""
    import jax

    try:
        return question()
    except (NotImplementedError, jax.errors.JaxRuntimeError):
        return None


def _host(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _container(group: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What a control group (version 2) leaves: files that it has cached are given up on demand."""
    try:
        limit, used = ((group / f"memory.{name}").read_text(encoding="ascii") for name in ("max", "current"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
        return int(limit) - int(used) + int(stat.get("inactive_file", 0))
    except (OSError, ValueError):  # no such group, or one without a limit: "max"
        return None
