"""Ctrl-C, once and twice: the first time the trials that run are finished, the second time nothing is."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ecojax.cli.progress import Silent


@contextmanager
def interruptible(listener: Silent) -> Iterator[Callable[[], bool]]:
    """While the block runs, whether somebody asked to stop; a second time raises KeyboardInterrupt in it."""
    asked = threading.Event()

    def ask(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        listener.stopping()

    if threading.current_thread() is not threading.main_thread():  # where signals cannot be heard
        yield asked.is_set
        return
    former = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, former)
