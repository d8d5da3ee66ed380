"""A worker's log: bounded in size, and its last lines for whoever asks why it died."""

import os
from io import FileIO

LINES, CHARACTERS = 10, 2000
LARGEST_BYTES = 4 * 2**20
KEPT_BYTES = 64 * 2**10


def last_lines(log: FileIO, start: int = 0) -> str:
    """The last ten lines from byte `start` on, blank ones left out, at most 2000 characters.

    Where Python's fault handler wrote, the lines around its first: native code's own words come before it, and
    the innermost frames right after.
    """
    end = os.fstat(log.fileno()).st_size
    start = max(start, end - KEPT_BYTES)
    text = os.pread(log.fileno(), max(0, end - start), start).decode(errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    faults = [k for k, line in enumerate(lines) if line.startswith("Fatal Python error")]
    if faults:
        lines = lines[max(0, faults[-1] - LINES // 2) :][:LINES]
    return "\n".join(lines[-LINES:])[-CHARACTERS:]


def trim(log: FileIO) -> bool:
    """Cuts a log that has grown beyond megabytes to its end, and says whether it did."""
    size = os.fstat(log.fileno()).st_size
    if size <= LARGEST_BYTES:
        return False
    tail = os.pread(log.fileno(), KEPT_BYTES, size - KEPT_BYTES)
    os.ftruncate(log.fileno(), 0)  # the worker appends, so it goes on at the new end
    os.write(log.fileno(), tail)
    return True
