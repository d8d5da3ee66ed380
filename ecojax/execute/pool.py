"""What executors of many workers share: the queue, who is free, time limits, and when to give up on a worker.

How a worker is started, spoken to and killed is `local.py`'s and `ray.py`'s.
"""

import time
from abc import abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from ecojax.errors import ExecutorError
from ecojax.execute.executor import End, Ended, Executor, Job, cancelled_early, not_started
from ecojax.execute.message import call

STARTS = 3  # failures in a row that a replacement is allowed


class Seat:
    """A place for a worker, and the job that the worker does who is there now."""

    def __init__(self, name: str):
        self.name = name
        self.ready = False
        self.failed_starts = 0
        self.job: Job | None = None
        self.message = b""
        self.began = 0.0
        self.waits, self.waited_s = False, 0.0  # for others, which no limit counts
        self.killed: End | None = None  # why, where it was us

    @property
    def idle(self) -> bool:
        return self.ready and self.job is None and self.killed is None

    @property
    def deadline(self) -> float | None:
        if self.job is None or self.job.timeout_s is None or self.killed is not None or self.waits:
            return None
        return self.began + self.job.timeout_s + self.waited_s


S = TypeVar("S", bound=Seat)


class PoolExecutor(Executor, Generic[S]):
    """An executor of seats. Its `close` calls `_forget`."""

    look_s: float  # the longest that it sleeps without a look around

    def __init__(self) -> None:
        self._seats: list[S] = []
        self._queue: deque[tuple[Job, bytes]] = deque()
        self._ended: list[Ended] = []
        self._up = False
        self._failure: BaseException | None = None

    @abstractmethod
    def _open(self) -> None:
        """Asks for the first workers."""

    @abstractmethod
    def _listen(self, timeout_s: float) -> None:
        """Takes in what workers say and which are dead, after at most `timeout_s` of silence."""

    @abstractmethod
    def _tend(self) -> None:
        """Whatever else is to be done now and then."""

    @abstractmethod
    def _is_there(self, seat: S) -> bool:
        """Whether an idle worker has not died meanwhile, as far as one knows."""

    @abstractmethod
    def _begin(self, seat: S) -> None:
        """Sends the worker its message."""

    @abstractmethod
    def _kill(self, seat: S, why: End) -> None:
        """Makes the worker die, of which `_listen` will hear."""

    def start(self) -> None:
        if self._up:
            return
        try:
            self._open()
            while not any(seat.ready for seat in self._seats):
                self._look(None)
                if self._failure is not None:
                    raise self._failure
            self._up = True
        except BaseException:
            self.close()
            raise

    @property
    def workers(self) -> int:
        return len(self._seats)

    @property
    def free(self) -> int:
        if self._up:
            self._look(0.0)
        return sum(seat.idle for seat in self._seats)  # none is while jobs are queued

    @property
    def running(self) -> Sequence[Job]:
        begun = sorted((seat for seat in self._seats if seat.job is not None), key=lambda seat: seat.began)
        return (*(seat.job for seat in begun if seat.job is not None), *(job for job, _ in self._queue))

    def submit(self, job: Job) -> None:
        if not self._up:
            raise not_started()
        if self._failure is not None:
            raise self._failure
        # now, so that what it raises reaches the caller, and so that later changes to an array do not
        self._queue.append((job, call(job)))
        self._dispatch()

    def wait(self, timeout_s: float | None = None) -> list[Ended]:
        until = None if timeout_s is None else time.monotonic() + timeout_s
        if self._up:
            self._look(0.0)
        while not self._ended and self.running:
            if self._failure is not None:
                raise self._failure
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                break
            self._look(left)
        ended, self._ended = self._ended, []
        return ended

    def cancel(self, job_id: int) -> None:
        named = [job for job, _ in self._queue if job.id == job_id]
        self._queue = deque(entry for entry in self._queue if entry[0].id != job_id)
        self._ended += [cancelled_early(job) for job in named]
        for seat in self._seats:
            if seat.job is not None and seat.job.id == job_id:
                self._kill(seat, End.CANCELLED)

    def _look(self, timeout_s: float | None) -> None:
        deadlines = [seat.deadline for seat in self._seats if seat.deadline is not None]
        limits = [max(0.0, deadline - time.monotonic()) for deadline in deadlines]
        limits += [self.look_s] if timeout_s is None else [timeout_s, self.look_s]
        self._listen(min(limits))
        now = time.monotonic()
        for seat in self._seats:
            if seat.deadline is not None and seat.deadline <= now:
                self._kill(seat, End.TIMEOUT)
        self._tend()
        self._dispatch()

    def _dispatch(self) -> None:
        for seat in self._seats:
            if not self._queue:
                return
            if seat.idle and self._is_there(seat):
                seat.job, seat.message = self._queue.popleft()
                seat.began, seat.waits, seat.waited_s = time.monotonic(), False, 0.0
                self._begin(seat)

    def _end(
        self,
        seat: S,
        end: End,
        value: Any = None,
        exception: BaseException | None = None,
        error: str | None = None,
    ) -> None:
        assert seat.job is not None
        seconds = time.monotonic() - seat.began
        self._ended.append(Ended(seat.job, end, value, exception, error, seat.name, seconds))
        seat.job, seat.message = None, b""

    def _end_killed(self, seat: S) -> None:
        """Ends the job of a worker that we have killed."""
        assert seat.job is not None
        assert seat.killed is not None
        late = f"It ran longer than its {seat.job.timeout_s} s."
        error = late if seat.killed is End.TIMEOUT else "It was cancelled while it ran."
        self._end(seat, seat.killed, error=error)

    def _try_again(self, seat: S, refusal: BaseException | None, reason: str, said: str = "") -> bool:
        """Whether to start another in place of a worker that did not start; else that was the end.

        refusal: what its maker raised. At the beginning that is final: the next one would raise the same.
        """
        seat.failed_starts += 1
        if seat.failed_starts < STARTS and (self._up or refusal is None):
            return True
        times = f", {seat.failed_starts} times in a row" if seat.failed_starts > 1 else ""
        self._failure = ExecutorError(
            f"{seat.name} does not start{times}: {reason}. Remove the cause, and go on from there.{said}"
        )
        if not self._up and refusal is not None:
            self._failure = refusal
        return False

    def _forget(self) -> None:
        self._seats, self._ended, self._up, self._failure = [], [], False, None
        self._queue.clear()
