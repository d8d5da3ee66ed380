"""Ctrl-C, once and twice, and SIGTERM: the first Ctrl-C lets the trials that run finish, the others end them."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ecojax.cli.progress import Silent


class Terminated(KeyboardInterrupt):
    """SIGTERM, of a scheduler whose time is over or of somebody who wants the processor back: there is no time left."""


@contextmanager
def interruptible(listener: Silent) -> Iterator[Callable[[], bool]]:
    """While the block runs, whether somebody asked to stop; a second time raises KeyboardInterrupt in it.

    SIGTERM raises `Terminated` in it at once, and is not heard again: nothing is to disturb the end of the workers.
    """
    asked = threading.Event()

    def ask(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        listener.stopping()

    def terminate(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    if threading.current_thread() is not threading.main_thread():  # where signals cannot be heard
        yield asked.is_set
        return
    handlers = {signal.SIGINT: ask, signal.SIGTERM: terminate}
    former = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield asked.is_set
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
