"""Says whom a search waits for: another process that takes turns on this host, and may be suspended or hang."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ecojax.energy.presence import Note
from ecojax.energy.turns import Turns
from ecojax.session.loop import Listener

FOLDER = "ECOJAX_TURNS"  # the variable that names a folder of turns
LOOK_S = 1.0
WORTH_TELLING_S = 5.0  # of waiting
STILL_S = 30.0  # without processor time, after which a process inside is said to make no progress
AGAIN_S = 60.0  # until the same is said once more
WITHOUT = (
    f"to go on without it, stop this search and resume it with {FOLDER}=FOLDER, a folder of its own to take turns in; "
    "whatever else computes then is in its figures"
)


@contextmanager
def told(turns: Turns, listener: Listener) -> Iterator[None]:
    """While the block runs, the listener hears whom any process of this search waits for. From another thread."""
    if not turns.taken:
        yield
        return
    watch, done = _Watch(turns, listener), threading.Event()

    def look() -> None:
        while not done.wait(LOOK_S):
            watch.look()

    thread = threading.Thread(target=look, name="ecojax-waiting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        watch.over()


class _Watch:
    def __init__(self, turns: Turns, listener: Listener):
        self._turns, self._listener = turns, listener
        self._worked: dict[
            int, tuple[int | None, float]
        ] = {}  # by process: its processor time, and since when
        self._said: dict[tuple[tuple[str, str], ...], float] = {}  # when, of which studies in which state
        self._waited_s: float | None = None  # in the wait that was told of

    def look(self) -> None:
        notes = self._turns.present()
        self._note_progress(notes)
        waiting = [note for note in notes if note.study == self._turns.study and note.state == "waits"]
        seconds = max((note.seconds for note in waiting), default=0.0)
        if seconds < WORTH_TELLING_S:
            self.over()
            return
        blockers = [(note, fault) for note in notes if (fault := self._in_the_way(note)) is not None]
        if not blockers:
            return
        whom = "; ".join(_words(note, fault) for note, fault in blockers)
        self._listener.waiting(seconds, whom)
        state = tuple(sorted({(note.study, fault.partition(" ")[0]) for note, fault in blockers}))
        if time.monotonic() - self._said.get(state, -AGAIN_S) >= AGAIN_S:
            self._said[state] = time.monotonic()
            self._waited_s = seconds
            self._listener.noted(f"waiting for {seconds:.0f} s for {whom}; {WITHOUT}")
        elif self._waited_s is not None:
            self._waited_s = seconds

    def over(self) -> None:
        self._listener.waiting(0.0, "")
        if self._waited_s is not None:
            self._listener.noted(f"the wait is over, after {self._waited_s:.0f} s")
            self._waited_s = None

    def _in_the_way(self, note: Note) -> str | None:
        """What is wrong with a process that others may wait for, empty where nothing; None where none waits for it.

        Within a search its processes wait for each other all the time, which is worth a word only where one hangs.
        """
        if note.suspended:
            return f"suspended: let it go on with `kill -CONT {note.pid}`, or end it"
        if note.state == "waits":
            return None
        ticks, since_s = self._worked[note.pid]
        still_s = time.monotonic() - since_s
        if ticks is not None and still_s >= STILL_S:
            return f"standing still, without processor time for {still_s:.0f} s: look at it, or end it"
        return None if note.study == self._turns.study else ""

    def _note_progress(self, notes: list[Note]) -> None:
        worked = {}
        for note in notes:
            ticks = note.cpu_ticks
            known = self._worked.get(note.pid)
            worked[note.pid] = known if known and known[0] == ticks else (ticks, time.monotonic())
        self._worked = worked


def _words(note: Note, fault: str) -> str:
    search = f"the search in '{note.study}'" if note.study else "another search"
    does = "wants to meter" if note.state == "waits" else "meters" if note.alone else "computes"
    return f"process {note.pid} of {search}, which {does}" + (f" and is {fault}" if fault else "")
