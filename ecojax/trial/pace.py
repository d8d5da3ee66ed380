"""How many training steps fit into a turn, so that who waits for the device to meter does not wait for a pass."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

FIRST = 4  # steps, while nothing is known of the pace


class Pace:
    """Cuts training steps into stretches of about `turn_s` seconds; with an infinite turn, into none.

    for part in pace.stretches(first, end):
        with pace.timed(*part): ...                    # tells how long it took
    """

    def __init__(self, turn_s: float):
        self._turn_s = turn_s
        self._step_s: float | None = None  # of the fastest stretch so far: others only add to it

    def stretches(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        """Of the steps from `first` to before `end`. What was timed of one decides on the next."""
        while first < end:
            steps = end - first
            if math.isfinite(self._turn_s):
                wanted = FIRST if self._step_s is None else int(self._turn_s / max(self._step_s, 1e-9))
                turns = math.ceil(steps / max(1, wanted))
                steps = math.ceil(steps / turns) if self._step_s is not None else min(steps, FIRST)
            yield first, first + steps
            first += steps

    @contextmanager
    def timed(self, first: int, end: int) -> Iterator[None]:
        began = time.perf_counter()
        yield
        step_s = (time.perf_counter() - began) / max(1, end - first)
        self._step_s = step_s if self._step_s is None else min(self._step_s, step_s)
