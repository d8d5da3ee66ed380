"""What a job is, how it can end, and what every executor does. How it does it is the other modules' business."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from typing import Any, Self

from ecojax.errors import ExecutorError


@dataclass(frozen=True)
class Maker:
    """How a worker makes the object that requests are put to: `target(**keywords)`, in the worker's process.

    target: "package.module:callable".
    keywords: plain records and numpy arrays; every worker gets a copy.
    """

    target: str
    keywords: Mapping[str, Any] = field(default_factory=dict)

    def make(self) -> Any:
        """Imports the target and calls it. Raises what that raises, and ExecutorError where it names no callable."""
        module, _, name = self.target.partition(":")
        target = getattr(import_module(module), name, None) if name else None
        if target is None:
            raise ExecutorError(f"A worker cannot make {self.target!r}: write it as package.module:callable.")
        return target(**self.keywords)


@dataclass(frozen=True)
class Job:
    """A request to the worker's object.

    id: the caller's own number of it, unlike any other that runs.
    request: called with the worker's object, where that is; it can be pickled, and so can what it gives.
    timeout_s: from when a worker begins with it, without what it waits for others where that is told of (by
        `ecojax.execute.worker.uncounted`, to a driver on the same host); None is for ever.
    """

    id: int
    request: Callable[[Any], Any]
    timeout_s: float | None = None


class End(StrEnum):
    """How a job ended."""

    RETURNED = "returned"
    RAISED = "raised"  # the request did; its worker lives on
    CRASHED = "crashed"  # its process died: a fault in native code, no memory left, an exit
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    LOST = "lost"  # its node went away, which is never the job's fault


@dataclass(frozen=True)
class Ended:
    """A job and its end.

    value: what the request returned.
    exception: what it raised, of its own type where that can be sent, else a RuntimeError with its text; the
        worker's traceback is among its notes.
    error: a sentence for a person, of every end but RETURNED.
    worker: the name of the worker, "" where none had begun.
    seconds: from the worker's beginning to this end.
    """

    job: Job
    end: End
    value: Any = None
    exception: BaseException | None = None
    error: str | None = None
    worker: str = ""
    seconds: float = 0.0


class Executor(ABC):
    """Runs jobs on workers, each of which makes its object once and does one job at a time.

    with LocalExecutor(maker, environments=places("auto", None)) as executor:
        executor.submit(Job(0, Evaluate(configuration, seed)))
        for ended in executor.wait():
            ...

    One thread uses it. Nothing happens between the calls: a worker that dies is found dead, and a queued job
    begins, in `wait`, `free` and `submit`. After an exception out of any of them, `close` still works.
    """

    @abstractmethod
    def start(self) -> None:
        """Blocks until the workers are up, at least the first; does nothing where they are.

        Raises what the maker raised, or ExecutorError where workers died, or cannot be had.
        """

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many there are, those that are being replaced included."""

    @property
    @abstractmethod
    def free(self) -> int:
        """How many jobs would begin at once. It grows while nobody looks, as workers come up."""

    @property
    @abstractmethod
    def running(self) -> Sequence[Job]:
        """The jobs that have not ended: those that workers do, then those in the queue."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Begins the job, or queues it behind those that wait. Raises what pickling its request raises."""

    @abstractmethod
    def wait(self, timeout_s: float | None = None) -> list[Ended]:
        """Blocks until a job has ended, and gives all that have since the last call, each once.

        Empty after `timeout_s`, and at once where no job is running. A worker that comes up does not end the
        wait: who wants to give it work soon waits with a timeout, and looks at `free`.
        Raises ExecutorError where workers cannot be replaced.
        """

    @abstractmethod
    def cancel(self, job_id: int) -> None:
        """Makes a job that has not ended end with CANCELLED; a worker that does it is killed, and replaced."""

    @abstractmethod
    def close(self) -> None:
        """Kills what runs and waits until it is gone. May be called again."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def described(exception: BaseException) -> str:
    """An exception in one line, its type first."""
    text = str(exception)
    return f"{type(exception).__name__}: {text}" if text else type(exception).__name__


def cancelled_early(job: Job) -> Ended:
    return Ended(job, End.CANCELLED, error="It was cancelled before it began.")


def not_started() -> ExecutorError:
    return ExecutorError("This executor is not running: call start(), or use it in a with statement.")
