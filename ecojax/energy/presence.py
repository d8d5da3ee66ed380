"""Who takes turns: a note of each process that waits or is inside, in the folder of the turns, for others to name it.

Notes are for show. They hold nothing up, and the locks themselves do not depend on them.
"""

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

SUFFIX = ".turn"


@dataclass(frozen=True)
class Note:
    """That process `pid` of the search in `study` waits for a turn or is inside, since `since_s` by the wall clock.

    alone: whether it wants to be, or is, without anybody else: it meters.
    """

    pid: int
    study: str
    state: Literal["waits", "inside"]
    alone: bool
    since_s: float

    @property
    def seconds(self) -> float:
        return max(0.0, time.time() - self.since_s)

    @property
    def suspended(self) -> bool:
        """Whether the process was stopped by a signal, as by Ctrl-Z; False where the host does not say."""
        return (_stat(self.pid) or [""])[0] in ("T", "t")

    @property
    def cpu_ticks(self) -> int | None:
        """The processor time that the process has had, in the kernel's ticks; None where the host does not say."""
        fields = _stat(self.pid)
        return None if fields is None else int(fields[11]) + int(fields[12])


class Presence:
    """This process's note of one turn; it is gone when the process is, however that ended."""

    def __init__(self, folder: Path, study: str, *, alone: bool):
        self._folder, self._study, self._alone = folder, study, alone
        self._file: int | None = None
        self._path = ""
        self._waiting = False

    def waits(self) -> None:
        if not self._waiting:  # at two doors, it is one wait
            self._waiting = True
            self._note("waits")

    def is_inside(self) -> None:
        self._note("inside")

    def _note(self, state: Literal["waits", "inside"]) -> None:
        with suppress(OSError):  # a full disk must not end a trial
            if self._file is None:
                self._file, self._path = tempfile.mkstemp(SUFFIX, f"{os.getpid()}-", self._folder)
                fcntl.flock(self._file, fcntl.LOCK_SH)
            note = Note(os.getpid(), self._study, state, self._alone, time.time())
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, json.dumps(asdict(note)).encode(), 0)

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                os.unlink(self._path)
            os.close(self._file)
            self._file = None


@contextmanager
def presence(folder: Path | None, study: str, *, alone: bool) -> Iterator[Presence | None]:
    """None where there is no folder."""
    if folder is None:
        yield None
        return
    here = Presence(folder, study, alone=alone)
    try:
        yield here
    finally:
        here.close()


def present(folder: Path) -> list[Note]:
    """The notes of all processes that are alive, the oldest first. Those of others are removed."""
    found = [note for path in folder.glob(f"*{SUFFIX}") if (note := _read(path)) is not None]
    return sorted(found, key=lambda note: note.since_s)


def _read(path: Path) -> Note | None:
    try:
        with path.open("rb+") as file:
            text = file.read()
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if text:  # else it is being written for the first time
                    path.unlink()
                return None
        return Note(**json.loads(text))
    except (OSError, ValueError, TypeError):  # it is gone by now, or being written again
        return None


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return None
