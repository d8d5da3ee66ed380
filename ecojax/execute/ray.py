"""Jobs on the nodes of a Ray cluster, one actor a worker. Who runs where is Ray's decision."""

import logging
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from io import FileIO
from typing import Any

from ecojax.errors import ExecutorError, InputError
from ecojax.execute.executor import End, Job, Maker, described
from ecojax.execute.log import CHARACTERS, last_lines
from ecojax.execute.message import outcome
from ecojax.execute.pool import PoolExecutor, Seat
from ecojax.install import how_to_install

CONNECT_S = 10.0
GONE_S = 10.0  # from the order to kill an actor to its end


class _Worker(Seat):
    """A place for an actor, and the actor that is there now."""

    def __init__(self, name: str):
        super().__init__(name)
        self.actor: Any = None
        self.answer: Any = None  # the reference to what it is busy with
        self.begun: Any = None  # one that is there before the actor begins with the job
        self.node, self.host, self.log = "", "", ""


def require_ray() -> None:
    """Raises `InputError` where Ray is not installed: to be asked before data are read for its workers."""
    if find_spec("ray") is None:
        raise InputError(f"Running on a cluster needs Ray; run {how_to_install('ray')}.")


class RayExecutor(PoolExecutor[_Worker]):
    """One actor for each worker, asked for anew where it dies.

    address: "local" starts Ray on this host, "auto" or "host:port" joins a cluster, None is Ray's own rule
        (RAY_ADDRESS, a cluster that this host belongs to, else one of its own). A Ray that this process has
        started already is used as it is, and left running.
    workers: this many are asked for, and those that do not fit wait until the cluster grows; None is as many as
        fit on its nodes, also on those that join or leave later.
    gpus_per_worker, cpus_per_worker: what Ray sets aside for each; it makes only these GPUs visible. None is one
        GPU for each where the cluster has any.
    environment: variables set before the maker is called. All nodes need this Python and this ecojax.

    A job whose node goes away ends as LOST; one whose worker had died before it began is begun by another.
    """

    look_s = 3.0  # at what the cluster has

    def __init__(
        self,
        maker: Maker,
        *,
        address: str | None,
        workers: int | None,
        gpus_per_worker: float | None,
        cpus_per_worker: float,
        environment: Mapping[str, str] = {},
    ):
        if workers is not None and workers < 1:
            raise InputError(f"{workers} workers make no sense; ask for at least 1.")
        gpus = gpus_per_worker or 0.0
        if gpus < 0 or cpus_per_worker < 0 or gpus + cpus_per_worker == 0:
            raise InputError(
                f"A worker of {gpus:g} GPUs and {cpus_per_worker:g} CPUs cannot be placed; "
                "give it some of either."
            )
        super().__init__()
        self._maker = maker
        self._address = address
        self._asked = workers
        self._needs = {"GPU": gpus, "CPU": cpus_per_worker}
        self._gpu_where_there_is_one = gpus_per_worker is None
        self._environment = dict(environment)
        self._ray: Any = None
        self._ours = False  # whether this process's Ray is
        self._actor_class: Any = None
        self._pickled_maker: Any = None
        self._names = 0
        self._looked = 0.0
        self._again: set[int] = set()  # jobs begun a second time, as their worker was dead

    def _open(self) -> None:
        require_ray()
        import ray

        self._ray = ray
        if not ray.is_initialized():
            self._connect()
        if self._gpu_where_there_is_one and ray.cluster_resources().get("GPU"):
            self._needs["GPU"] = 1.0
        self._actor_class = _actor_class()
        self._pickled_maker = ray.put(pickle.dumps(self._maker, protocol=5))
        if self._asked is None and self._room() == 0:
            raise ExecutorError(
                f"No node of the Ray cluster has {self._need()} for a worker; ask for less, or add a node."
            )
        self._resize()

    def submit(self, job: Job) -> None:
        self._again.discard(job.id)  # it may be a further attempt at what another died of
        super().submit(job)

    def close(self) -> None:
        ray = self._ray
        if ray is not None and ray.is_initialized():
            for worker in self._seats:
                self._kill(worker, End.CANCELLED)
            # What an actor that is gone is asked fails: until then, it may still hold its device.
            asked = [worker.actor.begin.remote() for worker in self._seats]
            if asked:
                ray.wait(asked, num_returns=len(asked), timeout=GONE_S)
            if self._ours:
                ray.shutdown()
        self._ours = False
        self._pickled_maker = None
        self._again.clear()
        self._forget()

    def _connect(self) -> None:
        ray = self._ray
        _require_listener(self._address)
        with _handlers_kept():
            try:
                ray.init(
                    address=self._address,
                    log_to_driver=False,
                    include_dashboard=False if self._address == "local" else None,
                    logging_level=logging.WARNING,
                )
            except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
                raise ExecutorError(_no_cluster(self._address, str(error))) from None
        self._ours = True

    def _need(self) -> str:
        return f"{self._needs['GPU']:g} GPUs and {self._needs['CPU']:g} CPUs"

    def _room(self) -> int:
        """How many workers fit on the nodes that there are, were there nobody else's."""
        room = 0
        for node in self._ray.nodes():
            if node["Alive"]:
                has = node["Resources"]
                room += min(
                    int(has.get(kind, 0.0) / need + 1e-9) for kind, need in self._needs.items() if need
                )
        return room

    def _resize(self) -> None:
        self._looked = time.monotonic()
        target = self._asked if self._asked is not None else self._room()
        while len(self._seats) < target:
            worker = _Worker(f"worker-{self._names}")
            self._names += 1
            self._spawn(worker)
            self._seats.append(worker)
        pending = [worker for worker in reversed(self._seats) if not worker.ready]
        for worker in pending[: len(self._seats) - target]:
            self._kill(worker, End.CANCELLED)
            self._seats.remove(worker)

    def _spawn(self, worker: _Worker) -> None:
        worker.ready, worker.killed = False, None
        worker.node = worker.host = worker.log = ""
        worker.actor = self._actor_class.options(
            num_cpus=self._needs["CPU"], num_gpus=self._needs["GPU"], max_restarts=0, max_concurrency=1
        ).remote(sys.path, self._environment)
        worker.answer = worker.actor.make.remote(self._pickled_maker)

    def _kill(self, seat: _Worker, why: End) -> None:
        seat.killed = why
        self._ray.kill(seat.actor, no_restart=True)

    def _listen(self, timeout_s: float) -> None:
        waiting = {worker.answer: worker for worker in self._seats if worker.answer is not None}
        if not waiting:
            time.sleep(timeout_s)
            return
        answers, _ = self._ray.wait(list(waiting), timeout=timeout_s)
        if answers:
            answers, _ = self._ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
        for answer in answers:
            self._hear(waiting[answer])

    def _tend(self) -> None:
        if time.monotonic() - self._looked >= self.look_s:
            self._resize()

    def _is_there(self, seat: _Worker) -> bool:
        return True  # where it is not, the job will not begin

    def _begin(self, seat: _Worker) -> None:
        seat.begun = seat.actor.begin.remote()
        seat.answer = seat.actor.call.remote(seat.message)

    def _hear(self, worker: _Worker) -> None:
        try:
            message = self._ray.get(worker.answer)
        except self._ray.exceptions.RayError as error:
            worker.answer = None
            self._replace(worker, error)
            return
        if worker.killed is not None:  # too late; that it is gone will be told by whatever it is asked next
            worker.answer = worker.actor.begin.remote()
            return
        worker.answer = None
        if worker.job is not None:
            value, exception, text = outcome(message)
            self._end(worker, End.RETURNED if text is None else End.RAISED, value, exception, text)
            return
        made, worker.node, worker.host, worker.log = message
        _, refusal, text = outcome(made)
        if refusal is None:
            worker.ready, worker.failed_starts = True, 0
            worker.name = f"{worker.name.partition(' ')[0]} on {worker.host}"
        else:
            self._ray.kill(worker.actor, no_restart=True)
            if self._try_again(worker, refusal, str(text)):
                self._spawn(worker)

    def _replace(self, worker: _Worker, error: Exception) -> None:
        """Acts upon an actor's death, which `error` tells of."""
        lost = self._is_lost(worker, error)
        # the line that says why, without Ray's guesses at causes
        reason = (
            (str(error).strip() or type(error).__name__)
            .splitlines()[-1]
            .partition(" Some common causes")[0][:CHARACTERS]
        )
        job = worker.job
        if job is not None:
            if worker.killed is not None:
                self._end_killed(worker)
            elif job.id not in self._again and not self._has_begun(worker):
                self._again.add(job.id)
                self._queue.appendleft((job, worker.message))
                worker.job = None
            elif lost:
                self._end(
                    worker, End.LOST, error=f"The node {worker.host} of {worker.name} went away: {reason}"
                )
            else:
                self._end(worker, End.CRASHED, error=f"Its process died: {reason}{_said(worker)}")
        elif not (worker.ready or worker.killed or lost or self._try_again(worker, None, reason)):
            return
        with suppress(self._ray.exceptions.RayError):  # one that was out of reach only may come back
            self._ray.kill(worker.actor, no_restart=True)
        self._spawn(worker)

    def _is_lost(self, worker: _Worker, error: Exception) -> bool:
        errors = self._ray.exceptions
        if isinstance(error, (errors.ActorUnavailableError, errors.NodeDiedError, errors.ObjectLostError)):
            return True
        if getattr(error, "preempted", False):
            return True
        return any(node["NodeID"] == worker.node and not node["Alive"] for node in self._ray.nodes())

    def _has_begun(self, worker: _Worker) -> bool:
        try:
            self._ray.get(worker.begun, timeout=0)
        except self._ray.exceptions.RayError:
            return False
        return True


def _actor_class() -> Any:
    """Made here and imported by nobody, so that Ray sends its code along and it can find ecojax on its node."""
    import ray

    class Worker:
        def __init__(self, path: list[str], environment: dict[str, str]):
            import faulthandler

            os.environ.update(environment)
            sys.path += [folder for folder in path if folder not in sys.path]
            faulthandler.enable(all_threads=False)
            self.made: Any = None

        def make(self, pickled_maker: bytes) -> tuple[bytes, str, str, str]:
            from ecojax.execute.message import attempt

            def make() -> None:
                self.made = pickle.loads(pickled_maker).make()

            log = os.readlink("/proc/self/fd/2") if sys.platform == "linux" else ""
            return attempt(make), ray.get_runtime_context().get_node_id(), socket.gethostname(), log

        def begin(self) -> None:
            """Answers when it is this call's turn."""

        def call(self, message: bytes) -> bytes:
            from ecojax.execute.message import answer

            return answer(self.made, message)

    return ray.remote(Worker)


def _said(worker: _Worker) -> str:
    if not worker.log or worker.host != socket.gethostname():
        return f" Its last words are in {worker.log} on {worker.host}." if worker.log else ""
    try:
        with FileIO(worker.log) as log:
            lines = last_lines(log)
    except OSError:
        return ""
    return f" Its last words:\n{lines}" if lines else ""


def _require_listener(address: str | None) -> None:
    """Ray waits for minutes for a cluster that is not there, and then ends the process."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or not port.isdecimal() or "/" in host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except OSError as error:
        raise ExecutorError(_no_cluster(address, described(error))) from None


def _no_cluster(address: str | None, why: str) -> str:
    return (
        f"There is no Ray cluster at {address!r} ({why.strip()}). Start one with `ray start --head --port 6379` "
        'and give its host:6379, or use "local".'
    )


class _handlers_kept:  # noqa: N801 (it is used like a function)
    """Ray takes over signals of the process that starts it; what a program does upon them is its own decision."""

    def __enter__(self) -> None:
        main = threading.current_thread() is threading.main_thread()
        self._kept = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)} if main else {}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._kept.items():
            # without one of its own, Ray's clean exit upon SIGTERM is better than none
            if callable(handler):
                signal.signal(number, handler)
