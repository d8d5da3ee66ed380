"""Jobs in processes of this host, one worker for each device."""

import fcntl
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import FileIO
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Any

from ecojax.errors import ExecutorError
from ecojax.execute.executor import End, Ended, Executor, Job, Maker, cancelled_early, described, not_started
from ecojax.execute.log import last_lines, trim
from ecojax.execute.message import call, outcome

# The parent's path goes along whole: the maker may be a module of a script's folder.
PROGRAM = """import sys
sys.path[:] = sys.argv[4:]
from ecojax.execute.worker import main
main(*map(int, sys.argv[1:4]))"""
STARTS = 3  # failures in a row that a replacement is allowed
EXIT_S = 5.0  # from the end of a worker's connection to the end of its process
LOOK_S = 60.0  # between two looks at the logs' sizes, while jobs are long
CAUSES = {
    signal.SIGKILL: ", which is what the kernel does when memory runs out",
    signal.SIGSEGV: ", a fault in native code",
    signal.SIGABRT: ", which is how native code gives up",
}


class _Worker:
    """A place for a process, the process that is there now, and the job it does."""

    def __init__(self, name: str, environment: Mapping[str, str], log: FileIO):
        self.name = name
        self.environment = environment
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: Connection | None = None
        self.ready = False
        self.failed_starts = 0
        self.refusal: BaseException | None = None  # what its maker raised
        self.job: Job | None = None
        self.began = 0.0
        self.log_from = 0
        self.killed: End | None = None  # why, where it was us

    @property
    def idle(self) -> bool:
        return self.ready and self.job is None

    @property
    def deadline(self) -> float | None:
        if self.job is None or self.job.timeout_s is None or self.killed:
            return None
        return self.began + self.job.timeout_s

    def kill(self, why: End) -> None:
        self.killed = why
        if self.process is not None:
            self.process.kill()

    def said(self) -> str:
        lines = last_lines(self.log, self.log_from)
        return f" Its last words:\n{lines}" if lines else ""


class LocalExecutor(Executor):
    """One process for each of `environments`, started anew where it dies.

    A worker has this process's module path, its environment, and on top of that the variables of its own, before
    its interpreter starts: so JAX can be pinned to a device (`places`). It is deaf to Ctrl-C, and gone soon after
    this process is, however that died. Start it from a thread that lives as long as it.

    log_folder: where what the workers print goes, a file each, cut when it has grown beyond megabytes; None for
        files without a name that are gone afterwards.
    """

    def __init__(
        self, maker: Maker, *, environments: Sequence[Mapping[str, str]], log_folder: Path | None = None
    ):
        if not environments:
            raise ExecutorError("A local executor needs an environment for each worker, and was given none.")
        self._maker = maker
        self._environments = environments
        self._log_folder = log_folder
        self._pickled_maker: IO[bytes] | None = None
        self._workers: list[_Worker] = []
        self._queue: deque[tuple[Job, bytes]] = deque()
        self._ended: list[Ended] = []
        self._up = False
        self._failure: BaseException | None = None

    def start(self) -> None:
        if self._workers:
            return
        try:
            # A file without a name: no worker has to be fed while it starts, and nothing is left behind.
            self._pickled_maker = tempfile.TemporaryFile()  # noqa: SIM115
            pickle.dump(self._maker, self._pickled_maker, protocol=5)
            self._pickled_maker.flush()
            for k, environment in enumerate(self._environments):
                worker = _Worker(f"worker-{k}", environment, self._open_log(f"worker-{k}"))
                self._workers.append(worker)
                self._spawn(worker)
            while not any(worker.ready for worker in self._workers):
                self._look(None)
                if self._failure is not None:
                    raise self._failure
            self._up = True
        except BaseException:
            self.close()
            raise

    @property
    def workers(self) -> int:
        return len(self._environments)

    @property
    def free(self) -> int:
        if self._workers:
            self._look(0.0)
        return sum(worker.idle for worker in self._workers)  # none is while jobs are queued

    @property
    def running(self) -> Sequence[Job]:
        begun = [worker for worker in self._workers if worker.job is not None]
        begun.sort(key=lambda worker: worker.began)
        return (*(worker.job for worker in begun if worker.job is not None), *(job for job, _ in self._queue))

    def submit(self, job: Job) -> None:
        if not self._workers:
            raise not_started()
        if self._failure is not None:
            raise self._failure
        # now, so that what it raises reaches the caller, and so that later changes to an array do not
        self._queue.append((job, call(job)))
        self._dispatch()

    def wait(self, timeout_s: float | None = None) -> list[Ended]:
        until = None if timeout_s is None else time.monotonic() + timeout_s
        if self._workers:
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
        for worker in self._workers:
            if worker.job is not None and worker.job.id == job_id:
                worker.kill(End.CANCELLED)

    def close(self) -> None:
        for worker in self._workers:
            worker.kill(End.CANCELLED)
        for worker in self._workers:
            if worker.process is not None:
                worker.process.wait()
            if worker.connection is not None:
                worker.connection.close()
            worker.log.close()
        if self._pickled_maker is not None:
            self._pickled_maker.close()
        self._workers, self._ended, self._up, self._failure = [], [], False, None
        self._queue.clear()

    def _open_log(self, name: str) -> FileIO:
        if self._log_folder is not None:
            self._log_folder.mkdir(parents=True, exist_ok=True)
            return FileIO(self._log_folder / f"{name}.log", "a+")
        log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        # as the named one: after a cut, a worker must write at the new end
        fcntl.fcntl(log, fcntl.F_SETFL, fcntl.fcntl(log, fcntl.F_GETFL) | os.O_APPEND)
        return log

    def _spawn(self, worker: _Worker) -> None:
        assert self._pickled_maker is not None
        ours, theirs = socket.socketpair()
        worker.ready, worker.killed, worker.refusal = False, None, None
        worker.log_from = os.fstat(worker.log.fileno()).st_size
        # The kernel's signal follows the thread that starts a process, so any but the first could end too soon.
        driver = os.getpid() if threading.current_thread() is threading.main_thread() else 0
        descriptors = (theirs.fileno(), self._pickled_maker.fileno())
        # Blocked, as masks are inherited: a Ctrl-C must not kill a worker before it can say that it ignores it.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            worker.connection = Connection(ours.detach())
            worker.process = subprocess.Popen(
                [sys.executable, "-u", "-c", PROGRAM, *map(str, (*descriptors, driver)), *sys.path],
                env={**os.environ, **worker.environment},
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=worker.log,
                stderr=worker.log,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()

    def _look(self, timeout_s: float | None) -> None:
        """Takes in what workers say until `timeout_s`, the first word or the next deadline, and acts upon it."""
        deadlines = [worker.deadline for worker in self._workers if worker.deadline is not None]
        limits = [max(0.0, deadline - time.monotonic()) for deadline in deadlines]
        limits += [LOOK_S] if timeout_s is None else [timeout_s, LOOK_S]
        by_connection: dict[Any, _Worker] = {
            worker.connection: worker for worker in self._workers if worker.connection is not None
        }
        for connection in wait(list(by_connection), min(limits)):
            self._hear(by_connection[connection])
        now = time.monotonic()
        for worker in self._workers:
            if worker.deadline is not None and worker.deadline <= now:
                worker.kill(End.TIMEOUT)
            if trim(worker.log):
                worker.log_from = 0
        self._dispatch()

    def _hear(self, worker: _Worker) -> None:
        assert worker.connection is not None
        try:
            message = worker.connection.recv_bytes()
        except (EOFError, OSError):
            self._replace(worker)
            return
        except BaseException:  # half of it is read, and the rest makes no sense any more
            worker.kill(End.CANCELLED)
            raise
        if worker.killed is not None:  # too late
            return
        value, exception, text = outcome(message)
        if worker.job is not None:
            self._end(worker, End.RETURNED if text is None else End.RAISED, value, exception, text)
        elif exception is None:
            worker.ready, worker.failed_starts = True, 0
        else:
            worker.refusal = exception

    def _end(
        self,
        worker: _Worker,
        end: End,
        value: Any = None,
        exception: BaseException | None = None,
        error: str | None = None,
    ) -> None:
        assert worker.job is not None
        seconds = time.monotonic() - worker.began
        self._ended.append(Ended(worker.job, end, value, exception, error, worker.name, seconds))
        worker.job = None

    def _replace(self, worker: _Worker) -> None:
        assert worker.process is not None
        assert worker.connection is not None
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(EXIT_S)
        worker.process.kill()
        death = _death(worker.process.wait())
        worker.connection.close()
        worker.connection = None
        if worker.job is not None:
            end = worker.killed or End.CRASHED
            if end is End.TIMEOUT:
                error = f"It ran longer than its {worker.job.timeout_s:g} s."
            elif end is End.CANCELLED:
                error = "It was cancelled while it ran."
            else:
                error = f"Its process {death}.{worker.said()}"
            self._end(worker, end, error=error)
        elif not worker.ready and worker.killed is None:
            worker.failed_starts += 1
            if worker.failed_starts == (STARTS if self._up else 1):
                self._failure = self._why(worker, death)
                return
        self._spawn(worker)

    def _why(self, worker: _Worker, death: str) -> BaseException:
        if not self._up and worker.refusal is not None:
            return worker.refusal
        why = f"its process {death}" if worker.refusal is None else described(worker.refusal)
        times = f", {worker.failed_starts} times in a row" if self._up else ""
        return ExecutorError(
            f"{worker.name} does not start{times}: {why}. Remove the cause, and go on "
            f"from there.{worker.said()}"
        )

    def _dispatch(self) -> None:
        for worker in self._workers:
            if not self._queue:
                return
            if not worker.idle or worker.connection is None:
                continue
            if worker.connection.poll():  # its end, as it owes no answer: `_look` will find it
                continue
            worker.job, message = self._queue.popleft()
            worker.began = time.monotonic()
            worker.log_from = os.fstat(worker.log.fileno()).st_size
            with suppress(OSError):  # it dies just now: `_look` will find it
                worker.connection.send_bytes(message)


def _death(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        number = signal.Signals(-code)
    except ValueError:
        return f"was killed by signal {-code}"
    return f"was killed by {number.name}{CAUSES.get(number, '')}"
