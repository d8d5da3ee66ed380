"""Jobs in this process, one at a time: what a search on one device without a time limit needs."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ecojax.execute.executor import End, Ended, Executor, Job, Maker, cancelled_early, described, not_started

WORKER = "inline"


class InlineExecutor(Executor):
    """Runs the next job during `wait`, in this process and thread.

    So nothing can be killed: `timeout_s`, of the job and of `wait`, is ignored, a job that has begun cannot be
    cancelled, and one that crashes takes this process along. KeyboardInterrupt and SystemExit pass through, and
    leave their job among the running. within: entered around every job.
    """

    def __init__(
        self, maker_or_object: Any, *, within: Callable[[], AbstractContextManager[Any]] = nullcontext
    ):
        self._maker, self._within = maker_or_object, within
        self._object: Any = None
        self._queue: list[Job] = []
        self._cancelled: list[Ended] = []

    def start(self) -> None:
        if self._object is None:
            self._object = self._maker.make() if isinstance(self._maker, Maker) else self._maker

    @property
    def workers(self) -> int:
        return 1

    @property
    def free(self) -> int:
        return 0 if self._queue else 1

    @property
    def running(self) -> Sequence[Job]:
        return tuple(self._queue)

    def submit(self, job: Job) -> None:
        if self._object is None:
            raise not_started()
        self._queue.append(job)

    def wait(self, timeout_s: float | None = None) -> list[Ended]:
        ended, self._cancelled = self._cancelled, []
        if not ended and self._queue:
            ended = [self._run(self._queue[0])]
            del self._queue[0]
        return ended

    def _run(self, job: Job) -> Ended:
        began = time.monotonic()
        try:
            with self._within():
                value = job.request(self._object)
        except Exception as error:
            seconds = time.monotonic() - began
            return Ended(
                job, End.RAISED, exception=error, error=described(error), worker=WORKER, seconds=seconds
            )
        return Ended(job, End.RETURNED, value, worker=WORKER, seconds=time.monotonic() - began)

    def cancel(self, job_id: int) -> None:
        named = [job for job in self._queue if job.id == job_id]
        self._queue = [job for job in self._queue if job.id != job_id]
        self._cancelled += [cancelled_early(job) for job in named]

    def close(self) -> None:
        self._queue.clear()
        self._cancelled.clear()
        self._object = None
