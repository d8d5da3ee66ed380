"""The compiled programs of a study's shapes: several shapes at once, in threads, and no more kept than needed.

Compiling never overlaps with metering or training. On a host without a meter of its own energy is CPU time of all
threads, and on a GPU the compiler tries kernels out on the device: joules of another candidate would be in the figure.
So shapes that are known to come next are compiled together with the one that is needed, while everything waits.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ecojax.train.compilation import compiled
from ecojax.train.program import TrainingProgram

PROGRAMS_KEPT = 32  # executables of shapes not seen for that long are dropped


@dataclass(frozen=True)
class Executables:
    """The compiled programs of one shape."""

    init: Any
    epoch: Any
    evaluate: Any


class Compiler:
    """Executables by program. lower: `Executables` of lowered programs, of the shapes and types that are called.

    threads: programs that are compiled at the same time; by default one a core.
    """

    def __init__(self, lower: Callable[[TrainingProgram], Executables], *, threads: int | None = None):
        self._lower = lower
        self.threads = threads or len(os.sched_getaffinity(0))
        self._kept: OrderedDict[TrainingProgram, Executables] = OrderedDict()

    def __call__(self, program: TrainingProgram, upcoming: Sequence[TrainingProgram] = ()) -> Executables:
        """The executables of `program`. Where it must be compiled, some of `upcoming` are too, at the same time.

        What goes wrong with the others is theirs, and shows when their turn comes. An interrupt waits for the
        compilations that have begun, and begins no other.
        """
        if program not in self._kept:
            # a shape has one long compilation, that of its epoch
            ahead = [
                other for other in dict.fromkeys(upcoming) if other != program and other not in self._kept
            ]
            self._compile([program, *ahead[: min(self.threads, PROGRAMS_KEPT) - 1]])
        self._kept.move_to_end(program)
        return self._kept[program]

    def _compile(self, programs: Iterable[TrainingProgram]) -> None:
        needed, *others = programs
        pool = ThreadPoolExecutor(self.threads)  # XLA compiles outside the interpreter's lock
        try:
            begun = {needed: _submitted(pool, self._lower(needed))}
            for program in others:
                with suppress(Exception):
                    begun[program] = _submitted(pool, self._lower(program))
            self._keep(needed, begun.pop(needed))
            for program, futures in begun.items():
                with suppress(Exception):
                    self._keep(program, futures)
        finally:
            pool.shutdown(cancel_futures=True)

    def _keep(self, program: TrainingProgram, futures: "tuple[Future[Any], ...]") -> None:
        self._kept[program] = Executables(*(future.result() for future in futures))
        while len(self._kept) > PROGRAMS_KEPT:
            self._kept.popitem(last=False)


def _submitted(pool: ThreadPoolExecutor, lowered: Executables) -> "tuple[Future[Any], ...]":
    # the longest first
    epoch = pool.submit(compiled, lowered.epoch)
    evaluate = pool.submit(compiled, lowered.evaluate)
    return pool.submit(compiled, lowered.init), epoch, evaluate
