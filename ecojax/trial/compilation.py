"""The compiled programs of a study's shapes: several shapes at once, in threads, and no more kept than needed.

Compiling never overlaps with metering, and on a CPU not with training either. On a host without a meter of its own
energy is CPU time of all threads, and on a GPU the compiler tries kernels out on the device: joules of another
candidate would be in the figure. So on a CPU shapes that are known to come next are compiled together with the one that
is needed, while everything waits; on an accelerator they compile while it trains, and the energy of training says so.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Condition
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

    threads: programs that are compiled at the same time; by default one a core. beside: whether those that come next
    are compiled beside whatever else is done, but for what is done `alone()`.
    """

    def __init__(
        self,
        lower: Callable[[TrainingProgram], Executables],
        *,
        threads: int | None = None,
        beside: bool = False,
    ):
        self._lower = lower
        self.threads = threads or len(os.sched_getaffinity(0))
        self._kept: OrderedDict[TrainingProgram, Executables] = OrderedDict()
        self._beside = ThreadPoolExecutor(self.threads) if beside else None
        self._begun: dict[TrainingProgram, Future[Executables]] = {}
        self._gate = _Gate()

    def __call__(self, program: TrainingProgram, upcoming: Sequence[TrainingProgram] = ()) -> Executables:
        """The executables of `program`. Some of `upcoming` are compiled, too: beside what follows, or at the same time
        where `program` must be compiled.

        What goes wrong with the others is theirs, and shows when their turn comes. An interrupt waits for the
        compilations that have begun, and begins no other.
        """
        # a shape has one long compilation, that of its epoch
        ahead = [other for other in dict.fromkeys(upcoming) if other != program and other not in self._kept]
        at_once = [] if self._beside is not None else ahead[: min(self.threads, PROGRAMS_KEPT) - 1]
        if program in self._begun:
            self._keep(program, self._begun.pop(program).result())
        elif program not in self._kept:
            self._compile([program, *at_once])
        self._begin(ahead)
        self._kept.move_to_end(program)
        return self._kept[program]

    @property
    def busy(self) -> bool:
        """Whether something is being compiled beside."""
        return any(not future.done() for future in self._begun.values())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Waits for what is being compiled beside, and lets nothing more begin until the block ends."""
        with self._gate.shut():
            yield

    def close(self) -> None:
        """Waits for the compilations that have begun, and begins no other."""
        if self._beside is not None:
            self._beside.shutdown(cancel_futures=True)

    def _begin(self, programs: Iterable[TrainingProgram]) -> None:
        if self._beside is None:
            return
        for program in programs:
            if program not in self._begun:
                self._begun[program] = self._beside.submit(self._built, program)
        for program in list(self._begun)[:-PROGRAMS_KEPT]:  # proposed, and never tried
            self._begun.pop(program).cancel()

    def _built(self, program: TrainingProgram) -> Executables:
        lowered = self._lower(program)
        parts = []
        for part in (lowered.init, lowered.epoch, lowered.evaluate):
            with self._gate.passed():
                parts.append(compiled(part))
        return Executables(*parts)

    def _compile(self, programs: Iterable[TrainingProgram]) -> None:
        needed, *others = programs
        pool = ThreadPoolExecutor(self.threads)  # XLA compiles outside the interpreter's lock
        try:
            begun = {needed: _submitted(pool, self._lower(needed))}
            for program in others:
                with suppress(Exception):
                    begun[program] = _submitted(pool, self._lower(program))
            self._keep(needed, _all_of(begun.pop(needed)))
            for program, futures in begun.items():
                with suppress(Exception):
                    self._keep(program, _all_of(futures))
        finally:
            pool.shutdown(cancel_futures=True)

    def _keep(self, program: TrainingProgram, executables: Executables) -> None:
        self._kept[program] = executables
        while len(self._kept) > PROGRAMS_KEPT:
            self._kept.popitem(last=False)


class _Gate:
    """Many pass it, or one has shut it and nobody does."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._within, self._shut = 0, False

    @contextmanager
    def passed(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._shut)
            self._within += 1
        try:
            yield
        finally:
            with self._changed:
                self._within -= 1
                self._changed.notify_all()

    @contextmanager
    def shut(self) -> Iterator[None]:
        with self._changed:
            self._shut = True
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._within == 0)
            yield
        finally:
            with self._changed:
                self._shut = False
                self._changed.notify_all()


def _all_of(futures: "tuple[Future[Any], ...]") -> Executables:
    return Executables(*(future.result() for future in futures))


def _submitted(pool: ThreadPoolExecutor, lowered: Executables) -> "tuple[Future[Any], ...]":
    # the longest first
    epoch = pool.submit(compiled, lowered.epoch)
    evaluate = pool.submit(compiled, lowered.evaluate)
    return pool.submit(compiled, lowered.init), epoch, evaluate
