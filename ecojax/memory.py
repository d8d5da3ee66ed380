"""How much memory this host, container or batch job still gives this process.

A control group's limit binds long before the host's memory does, and so does that of any group above it: a Slurm step
has none of its own, its job has. Version 1 and version 2 of control groups are read, and hosts that have both.
"""

import os
from collections.abc import Iterator
from pathlib import Path

PROC, GROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def available_memory_bytes(proc: Path = PROC, groups: Path = GROUPS) -> int | None:
    """Bytes that can still be allocated without swapping, under the tightest limit there is; None where unknown.

    proc, groups: where the kernel shows processes and control groups.
    """
    found = [left for left in (_of_host(proc), *_of_groups(proc, groups)) if left is not None]
    return max(0, min(found)) if found else None


def _of_host(proc: Path) -> int | None:
    available = _table(proc / "meminfo").get("MemAvailable:")
    if available is not None:
        return available * 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")  # macOS: what is there, used or not
    except (ValueError, OSError):
        return None


def _of_groups(proc: Path, groups: Path) -> Iterator[int | None]:
    """What is left in each control group that this process counts in, up to the root of the mount."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:  # version 2; beside version 1, systemd mounts it in a folder of its own
            for mount in (groups, groups / "unified"):
                yield from (_left_v2(group) for group in _upward(mount, path))
        elif "memory" in controllers.split(","):
            for mount in (groups / "memory", groups / controllers):
                yield from (_left_v1(group) for group in _upward(mount, path))


def _upward(mount: Path, path: str) -> Iterator[Path]:
    """The folders of a group and of those above it; of one outside of what is mounted, the mount's root alone.

    A container may be told its path on the host, of which it sees nothing: its own limit is the root's.
    """
    names = [name for name in path.split("/") if name]
    if ".." in names:
        names = []
    for depth in range(len(names), -1, -1):
        yield mount.joinpath(*names[:depth])


def _left_v2(group: Path) -> int | None:
    # beyond "high", the kernel slows a process down until it makes no progress
    limits = [limit for name in ("max", "high") if (limit := _number(group / f"memory.{name}")) is not None]
    if not limits:
        return None
    # pages of files are given back on demand
    given_back = _table(group / "memory.stat").get("inactive_file", 0)
    return min(limits) - (_number(group / "memory.current") or 0) + given_back


def _left_v1(group: Path) -> int | None:
    """Without a limit the number is huge, and never the tightest."""
    limit = _number(group / "memory.limit_in_bytes")
    if limit is None:
        return None
    statistics = _table(group / "memory.stat")
    # of the groups above it, too, also those that a container does not see
    limit = min(limit, statistics.get("hierarchical_memory_limit", limit))
    used = _number(group / "memory.usage_in_bytes") or 0
    return limit - used + statistics.get("total_inactive_file", 0)


def _number(path: Path) -> int | None:
    """None where there is no such file, and for "max"."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _table(path: Path) -> dict[str, int]:
    """Lines of a name and a number, as in memory.stat and meminfo."""
    try:
        rows = [line.split() for line in path.read_text().splitlines()]
    except (OSError, UnicodeDecodeError):
        return {}
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdecimal()}
