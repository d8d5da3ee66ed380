"""The compiled programs of a study's shapes: several shapes at once, in threads, and no more kept than needed.

Compiling never overlaps with metering, and on a CPU not with training either. On a host without a meter of its own
energy is CPU time of all threads, and on a GPU the compiler tries kernels out on the device: joules of another
candidate would be in the figure. So on a CPU shapes that are known to come next are compiled together with the one that
is needed, while everything waits; on an accelerator they compile while it trains, and the energy of training says so.
"""

import os
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Condition
from typing import Any, Protocol

from ecojax.jax_settings import computing
from ecojax.train.compilation import compiled

PROGRAMS_KEPT = 32  # executables of shapes not seen for that long are dropped

Executables = Mapping[str, Any]  # the compiled programs of one training, by name


class Compilable(Protocol):
    """What is compiled: `lowered` programs by name, the longest compilation first; equal `program`s share them."""

    @property
    def program(self) -> Hashable | None: ...

    def lowered(self) -> Mapping[str, Any]: ...


class Compiler:
    """Executables by program.

    threads: programs that are compiled at the same time; by default one a core. beside: whether those that come next
    are compiled beside whatever else is done, but for what is done `alone()`. device: that the programs are for.
    """

    def __init__(self, *, threads: int | None = None, beside: bool = False, device: Any = None):
        self._device = device
        self.threads = threads or len(os.sched_getaffinity(0))
        self._kept: OrderedDict[Hashable, Executables] = OrderedDict()
        self._beside = ThreadPoolExecutor(self.threads) if beside else None
        self._begun: dict[Hashable, Future[Executables]] = {}
        self._gate = _Gate()

    def __call__(self, needed: Compilable, upcoming: Sequence[Compilable] = ()) -> Executables:
        """The executables of what is `needed`. Some of `upcoming` are compiled, too: beside what follows, or at the
        same time where `needed` must be compiled.

        What goes wrong with the others is theirs, and shows when their turn comes. An interrupt waits for the
        compilations that have begun, and begins no other.
        """
        # a shape has one long compilation
        ahead = [
            other
            for other in {other.program: other for other in upcoming}.values()
            if other.program != needed.program and other.program not in self._kept
        ]
        at_once = [] if self._beside is not None else ahead[: min(self.threads, PROGRAMS_KEPT) - 1]
        if needed.program in self._begun:
            self._keep(needed.program, self._begun.pop(needed.program).result())
        elif needed.program not in self._kept:
            self._compile([needed, *at_once])
        self._begin(ahead)
        self._kept.move_to_end(needed.program)
        return self._kept[needed.program]

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

    def _begin(self, those: Iterable[Compilable]) -> None:
        if self._beside is None:
            return
        for one in those:
            if one.program not in self._begun:
                self._begun[one.program] = self._beside.submit(self._built, one)
        for program in list(self._begun)[:-PROGRAMS_KEPT]:  # proposed, and never tried
            self._begun.pop(program).cancel()

    def _built(self, one: Compilable) -> Executables:
        executables = {}
        for name, lowered in reversed(list(self._lowered(one).items())):
            with self._gate.passed():
                executables[name] = compiled(lowered)
        return executables

    def _lowered(self, one: Compilable) -> Mapping[str, Any]:
        with computing(self._device):  # in a thread of its own, too
            return one.lowered()

    def _compile(self, those: Iterable[Compilable]) -> None:
        needed, *others = those
        pool = ThreadPoolExecutor(self.threads)  # XLA compiles outside the interpreter's lock
        try:
            begun = {needed.program: _submitted(pool, self._lowered(needed))}
            for one in others:
                with suppress(Exception):
                    begun[one.program] = _submitted(pool, self._lowered(one))
            self._keep(needed.program, _all_of(begun.pop(needed.program)))
            for program, futures in begun.items():
                with suppress(Exception):
                    self._keep(program, _all_of(futures))
        finally:
            pool.shutdown(cancel_futures=True)

    def _keep(self, program: Hashable, executables: Executables) -> None:
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


def _all_of(futures: Mapping[str, "Future[Any]"]) -> Executables:
    return {name: future.result() for name, future in futures.items()}


def _submitted(pool: ThreadPoolExecutor, lowered: Mapping[str, Any]) -> "dict[str, Future[Any]]":
    return {name: pool.submit(compiled, one) for name, one in lowered.items()}
