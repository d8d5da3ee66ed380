"""Whether a compiled program fits into the memory that is left, before it is run."""

from collections.abc import Callable
from typing import Any

from ecojax.memory import available_memory_bytes


def needed_bytes(executable: Any) -> int:
    """What a run of a compiled program takes beyond its arguments; 0 where the backend does not tell."""
    sizes = _told(executable.memory_analysis)
    if sizes is None:
        return 0
    # donated arguments are written over
    fresh = sizes.output_size_in_bytes - sizes.alias_size_in_bytes
    return int(sizes.temp_size_in_bytes + max(0, fresh))


def free_bytes(device: Any) -> int | None:
    """Memory of `device` that is not in use, None where nothing tells; a CPU's is the host's, or the batch job's."""
    stats = _told(device.memory_stats) or {}
    if stats.get("bytes_limit"):  # an allocator without a limit states 0, or nothing
        return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0))
    if device.platform != "cpu":
        return None
    return available_memory_bytes()


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
