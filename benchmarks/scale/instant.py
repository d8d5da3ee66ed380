"""Workers whose trials end the moment they begin, so that all time is the driver's."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ecojax.execute.executor import End, Ended, Executor, Job
from ecojax.trial.outcome import Outcome


class InstantExecutor(Executor):
    """So many `workers`, who all end together whatever they were given."""

    def __init__(self, workers: int, evaluate: Callable[[Mapping[str, Any], int], Outcome]):
        self._workers, self._evaluate = workers, evaluate
        self._running: list[Job] = []

    def start(self) -> None: ...

    @property
    def workers(self) -> int:
        return self._workers

    @property
    def free(self) -> int:
        return self._workers - len(self._running)

    @property
    def running(self) -> Sequence[Job]:
        return self._running

    def submit(self, job: Job) -> None:
        self._running.append(job)

    def wait(self, timeout_s: float | None = None) -> list[Ended]:
        jobs, self._running = self._running, []
        return [
            Ended(
                job,
                End.RETURNED,
                self._evaluate(job.request.configuration, job.request.seed),
                worker=f"worker-{k}",
            )
            for k, job in enumerate(jobs)
        ]

    def cancel(self, job_id: int) -> None:
        raise NotImplementedError("nothing runs long enough to be cancelled")

    def close(self) -> None: ...
