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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import FileIO
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Any

from ecojax.errors import ExecutorError
from ecojax.execute.executor import End, Maker, described
from ecojax.execute.log import last_lines, trim
from ecojax.execute.message import WAITS, outcome, waited_s
from ecojax.execute.pool import PoolExecutor, Seat

# The parent's path goes along whole: the maker may be a module of a script's folder.
PROGRAM = """import sys
sys.path[:] = sys.argv[4:]
from ecojax.execute.worker import main
main(*map(int, sys.argv[1:4]))"""
EXIT_S = 5.0  # from the end of a worker's connection to the end of its process
CAUSES = {
    signal.SIGKILL: ", which is what the kernel does when memory runs out",
    signal.SIGSEGV: ", a fault in native code",
    signal.SIGABRT: ", which is how native code gives up",
}


class _Worker(Seat):
    """A place for a process, and the process that is there now."""

    def __init__(self, name: str, environment: Mapping[str, str], log: FileIO):
        super().__init__(name)
        self.environment = environment
        self.log = log
        self.log_from = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: Connection | None = None
        self.refusal: BaseException | None = None  # what its maker raised

    def said(self) -> str:
        lines = last_lines(self.log, self.log_from)
        return f" Its last words:\n{lines}" if lines else ""


class LocalExecutor(PoolExecutor[_Worker]):
    """One process for each of `environments`, started anew where it dies.

    A worker has this process's module path, its environment, and on top of that the variables of its own, before
    its interpreter starts: so JAX can be pinned to a device (`places`). It is deaf to Ctrl-C, and gone soon after
    this process is, however that died.

    log_folder: where what the workers print goes, a file each, cut when it has grown beyond megabytes; None for
        files without a name that are gone afterwards.
    """

    look_s = 60.0  # at the logs, which grow while jobs are long

    def __init__(
        self, maker: Maker, *, environments: Sequence[Mapping[str, str]], log_folder: Path | None = None
    ):
        if not environments:
            raise ExecutorError("A local executor needs an environment for each worker, and was given none.")
        super().__init__()
        self._maker = maker
        self._environments = environments
        self._log_folder = log_folder
        self._pickled_maker: IO[bytes] | None = None

    def _open(self) -> None:
        # A file without a name: no worker has to be fed while it starts, and nothing is left behind.
        self._pickled_maker = tempfile.TemporaryFile()  # noqa: SIM115
        pickle.dump(self._maker, self._pickled_maker, protocol=5)
        self._pickled_maker.flush()
        for k, environment in enumerate(self._environments):
            worker = _Worker(f"worker-{k}", environment, self._open_log(f"worker-{k}"))
            self._seats.append(worker)
            self._spawn(worker)

    def close(self) -> None:
        for worker in self._seats:
            self._kill(worker, End.CANCELLED)
        for worker in self._seats:
            if worker.process is not None:
                worker.process.wait()
            if worker.connection is not None:
                worker.connection.close()
            worker.log.close()
        if self._pickled_maker is not None:
            self._pickled_maker.close()
        self._forget()

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

    def _listen(self, timeout_s: float) -> None:
        by_connection: dict[Any, _Worker] = {
            worker.connection: worker for worker in self._seats if worker.connection is not None
        }
        for connection in wait(list(by_connection), timeout_s):
            self._hear(by_connection[connection])

    def _tend(self) -> None:
        for worker in self._seats:
            if trim(worker.log):
                worker.log_from = 0

    def _is_there(self, seat: _Worker) -> bool:
        # one that owes no answer has nothing to say but its end
        return seat.connection is not None and not seat.connection.poll()

    def _begin(self, seat: _Worker) -> None:
        assert seat.connection is not None
        seat.log_from = os.fstat(seat.log.fileno()).st_size
        with suppress(OSError):  # it dies just now, as one will hear
            seat.connection.send_bytes(seat.message)
        seat.message = b""  # it may be large

    def _kill(self, seat: _Worker, why: End) -> None:
        seat.killed = why
        if seat.process is not None:
            seat.process.kill()

    def _hear(self, worker: _Worker) -> None:
        assert worker.connection is not None
        try:
            while self._is_wait(worker, message := worker.connection.recv_bytes()):
                if not worker.connection.poll():
                    return
        except (EOFError, OSError):
            self._replace(worker)
            return
        except BaseException:  # half of it is read, and the rest makes no sense any more
            self._kill(worker, End.CANCELLED)
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

    def _is_wait(self, worker: _Worker, message: bytes) -> bool:
        """Whether a message is of a job that waits for others, or has; notes it."""
        worker.waits = message == WAITS
        worker.waited_s += (seconds := waited_s(message)) or 0.0
        return worker.waits or seconds is not None

    def _replace(self, worker: _Worker) -> None:
        assert worker.process is not None
        assert worker.connection is not None
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(EXIT_S)
        worker.process.kill()
        death = _death(worker.process.wait())
        worker.connection.close()
        worker.connection = None
        if worker.job is not None and worker.killed is not None:
            self._end_killed(worker)
        elif worker.job is not None:
            self._end(worker, End.CRASHED, error=f"Its process {death}.{worker.said()}")
        elif not worker.ready:
            reason = f"its process {death}" if worker.refusal is None else described(worker.refusal)
            if not self._try_again(worker, worker.refusal, reason, worker.said()):
                return
        self._spawn(worker)


def _death(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        number = signal.Signals(-code)
    except ValueError:
        return f"was killed by signal {-code}"
    return f"was killed by {number.name}{CAUSES.get(number, '')}"
