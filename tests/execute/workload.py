"""The object whose methods workers call in tests: every way in which a job can end."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ecojax.errors import MeterError
from ecojax.execute.worker import uncounted


@dataclass(frozen=True)
class Call:
    """A request that calls a method of the workload."""

    method: str
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, worker):
        return getattr(worker, self.method)(*self.arguments, **self.keywords)


class StubbornError(Exception):
    """Unpickles with one argument too few."""

    def __init__(self, what, why):
        super().__init__(f"{what} for {why}")


class Refusing:
    def __reduce__(self):
        raise TypeError("not to be sent")


class Workload:
    def __init__(self, offset):
        self.offset = offset

    def add(self, *numbers, twice=False):
        return (self.offset + sum(numbers)) * (2 if twice else 1)

    def pid(self):
        return os.getpid()

    def variable(self, name):
        return os.environ.get(name)

    def ones(self, size):
        return np.ones(size)

    def total(self, array):
        return array.sum()

    def sleep(self, seconds):
        time.sleep(seconds)
        return seconds

    def wait_and_work(self, *pairs):
        """Waits for others and works, so many seconds each, in turns."""
        for waits, works in pairs:
            with uncounted():
                time.sleep(waits)
            time.sleep(works)
        return pairs

    def compute(self, marker):
        """Pure Python for ever, after saying where."""
        Path(marker).write_text(str(os.getpid()))
        while True:
            sum(range(10**6))

    def hold_the_lock(self, marker):
        """Native code that gives Python's lock to nobody for ever."""
        Path(marker).write_text(str(os.getpid()))
        ctypes.PyDLL(None).sleep(10**6)

    def interrupted_group(self):
        os.killpg(0, signal.SIGINT)
        return os.getpid()

    def raise_meter_error(self):
        raise MeterError("The wattmeter is unplugged; plug it in.")

    def raise_stubborn(self):
        raise StubbornError("no bread", "breakfast")

    def raise_unsendable(self):
        error = ValueError("carries a thing")
        error.thing = Refusing()
        raise error

    def return_unsendable(self):
        return Refusing()

    def kill_itself(self, last_words=""):
        print(last_words, file=sys.stderr)
        os.kill(os.getpid(), signal.SIGKILL)

    def segfault(self):
        ctypes.string_at(0)

    def exit(self, code):
        sys.exit(code)

    def flood(self, megabytes):
        for _ in range(megabytes):
            print("x" * 2**20)
        print("after the flood")

    def flood_and_wait(self, megabytes):
        self.flood(megabytes)
        time.sleep(1)  # for the driver to look
        self.kill_itself("the last words")

    def fork_and_die(self):
        """Leaves a child that holds whatever it inherited."""
        if os.fork() == 0:
            time.sleep(5)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)


class FailsAfter:
    """Can be made as often as `folder` has not been told."""

    def __init__(self, folder, times):
        made = len(list(Path(folder).iterdir()))
        if made >= times:
            print("no such device", file=sys.stderr)
            raise MeterError("The device is gone; plug it in.")
        (Path(folder) / str(made)).touch()

    def kill_itself(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def sleep(self, seconds):
        time.sleep(seconds)


def refuse():
    raise MeterError("The wattmeter is unplugged; plug it in.")


def die():
    print("cannot open the device", file=sys.stderr)
    os.kill(os.getpid(), signal.SIGABRT)


class SlowToMake(Workload):
    def __init__(self, seconds):
        super().__init__(40)
        time.sleep(seconds)
