"""Who has the host to itself: a reader-writer lock among processes, for work that must not be disturbed."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

from ecojax.energy.presence import Note, Presence, presence, present


class Turns:
    """Many processes share a room, or one is alone in it.

    Who wants to be alone keeps newcomers out while it waits for those inside, so it is never starved. The kernel
    holds the locks (flock), so those of a process that dies are released; those of one that is suspended are not, and
    `present` names it. One object a process, used by one thread; it can be sent to others.

    folder: on a disk of this host, made where it is missing, the same for all who share; None where nobody
        else is, and nothing is locked.
    study: of the search that takes part, as others are to call it. waiting: is entered for as long as it waits.
    """

    def __init__(
        self,
        folder: Path | None,
        study: str = "",
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ):
        self._folder, self.study, self._waiting = folder, study, waiting
        self._inside = False

    @property
    def taken(self) -> bool:
        """Whether there may be anybody to take turns with."""
        return self._folder is not None

    def present(self) -> list[Note]:
        """Who waits and who is inside, of all processes that take part."""
        return [] if self._folder is None else present(self._folder)

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Together with others that share. Raises RuntimeError inside of a turn of this object's."""
        with self._entered(alone=False) as here, ExitStack() as room:
            with self._locked("turnstile", fcntl.LOCK_EX, here):
                room.enter_context(self._locked("room", fcntl.LOCK_SH, here))
            if here is not None:
                here.is_inside()
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Without anybody else. Raises RuntimeError inside of a turn of this object's."""
        with (
            self._entered(alone=True) as here,
            self._locked("turnstile", fcntl.LOCK_EX, here),
            self._locked("room", fcntl.LOCK_EX, here),
        ):
            if here is not None:
                here.is_inside()
            yield

    @contextmanager
    def _entered(self, *, alone: bool) -> Iterator[Presence | None]:
        if self._inside:
            raise RuntimeError(
                "A turn within a turn would wait for itself for ever; leave the one before the other."
            )
        self._inside = True
        try:
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
            with presence(self._folder, self.study, alone=alone) as here:
                yield here
        finally:
            self._inside = False

    @contextmanager
    def _locked(self, name: str, operation: int, here: Presence | None) -> Iterator[None]:
        if self._folder is None or here is None:
            yield
            return
        file = os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(file, operation | fcntl.LOCK_NB)
            except BlockingIOError:
                here.waits()
                with self._waiting():
                    fcntl.flock(file, operation)
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # closing would not do while a fork has the file, too
            os.close(file)
