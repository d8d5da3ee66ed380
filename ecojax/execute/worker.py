"""A worker's process: it makes its object once, then answers calls until its driver is gone.

Importing this is light, as the maker decides what is heavy. The driver's side is `local.py`.
"""

import ctypes
import faulthandler
import mmap
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from ecojax.execute.message import WAITS, answer, attempt, waited

PR_SET_PDEATHSIG = 1  # of Linux's prctl
_drivers: list[Connection] = []  # the one at the other end, where this process is a worker


@contextmanager
def uncounted() -> Iterator[None]:
    """Tells the driver of this process, if it has one, that the job waits for others: its limit counts none of it.

    For the thread that does the job.
    """
    began = time.monotonic()
    _tell(WAITS)
    try:
        yield
    finally:
        _tell(waited(time.monotonic() - began))


def _tell(message: bytes) -> None:
    for driver in _drivers:
        with suppress(OSError):  # it is gone, as `_listen` will notice
            driver.send_bytes(message)


def main(connection_fd: int, maker_fd: int, driver: int) -> None:
    """Serves the driver at the other end of `connection_fd`.

    maker_fd: a file with a pickled Maker.
    driver: its process id, where the kernel shall kill this process when the driver dies; else 0.
    """
    # Ctrl-C reaches every process of the terminal's group, and what to do about it is the driver's decision. It
    # started us with the signal blocked, as a moment ago we would have died of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if driver and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
        if os.getppid() != driver:  # it died before we asked
            os._exit(1)
    # all threads would push the one that failed out of the few lines that are shown
    faulthandler.enable(all_threads=False)
    connection = Connection(connection_fd)
    os.set_inheritable(connection_fd, False)
    # a fork of ours that outlives us would hide our death
    os.register_at_fork(after_in_child=connection.close)
    _drivers.append(connection)
    calls: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, calls.put), daemon=True).start()
    _serve(connection, calls.get, maker_fd)


def _listen(connection: Connection, put: Callable[[bytes], None]) -> None:
    """Ends the process when the driver has: a computation that nobody waits for would hold the device."""
    try:
        while True:
            put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)


def _serve(connection: Connection, get: Callable[[], bytes], maker_fd: int) -> None:
    made: list[Any] = []

    def make() -> None:
        with mmap.mmap(maker_fd, 0, access=mmap.ACCESS_READ) as pickled:
            made.append(pickle.loads(pickled).make())

    connection.send_bytes(attempt(make))
    os.close(maker_fd)
    while made:
        connection.send_bytes(answer(made[0], get()))
