"""Workers on a Ray cluster of one node, or of two that are played on this host."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from workload import Call

from ecojax.errors import ExecutorError, InputError, MeterError
from ecojax.execute.executor import End, Job, Maker
from ecojax.execute.ray import RayExecutor
from ecojax.install import how_to_install

ray = pytest.importorskip("ray")
# Ray collects garbage as it starts: what other tests have left open would fail here
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

FOLDER = Path(__file__).parent
ONE = {"address": None, "workers": 1, "gpus_per_worker": 0, "cpus_per_worker": 1}


def test_a_cluster_that_is_not_there_is_refused_with_what_to_do(maker):
    assert not ray.is_initialized()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ExecutorError, match=rf"no Ray cluster at '{address}'.*ray start --head"):
            RayExecutor(maker, **ONE | {"address": address}).start()
    assert not ray.is_initialized()


def test_without_ray_it_says_what_to_install(maker, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=re.escape(how_to_install("ray"))):
        RayExecutor(maker, **ONE).start()


@pytest.mark.parametrize("options", [{"workers": 0}, {"cpus_per_worker": 0}, {"gpus_per_worker": -1}])
def test_workers_of_nothing_are_refused(maker, options):
    with pytest.raises(InputError):
        RayExecutor(maker, **ONE | options)


@pytest.fixture(scope="module")
def cluster():
    """Ray on this host, whose nodes a test can add and remove."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": 10**8, "num_gpus": 0}
    )
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def one(cluster):
    with RayExecutor(
        Maker("workload:Workload", {"offset": 40}), **ONE, environment={"ECOJAX_TEST": "1"}
    ) as executor:
        yield executor


def ends(executor) -> dict:
    ended = []
    while executor.running:
        ended += executor.wait()
    return {each.job.id: each for each in ended}


def test_jobs_return_or_raise_as_on_this_host(one):
    one.submit(Job(0, Call("add", (1, 1), {"twice": True})))
    one.submit(Job(1, Call("raise_meter_error")))
    one.submit(Job(2, Call("raise_stubborn")))
    one.submit(Job(3, Call("return_unsendable")))
    one.submit(Job(4, Call("variable", ("ECOJAX_TEST",))))
    one.submit(Job(5, Call("ones", (1_000_000,))))
    ended = ends(one)
    assert (ended[0].end, ended[0].value) == (End.RETURNED, 84)
    assert ended[0].worker == f"worker-0 on {socket.gethostname()}"
    assert ended[1].end is End.RAISED
    assert type(ended[1].exception) is MeterError
    assert str(ended[2].exception) == "StubbornError: no bread for breakfast"
    assert ended[3].end is End.RAISED
    assert ended[4].value == "1"
    assert ended[5].value.sum() == 1_000_000
    ended[5].value[0] = 2  # it is the caller's own


def test_a_crash_ends_its_job_alone_and_a_new_worker_goes_on(one):
    one.submit(Job(0, Call("pid")))
    one.submit(Job(1, Call("kill_itself", ("the last words",))))
    one.submit(Job(2, Call("exit", (3,))))
    one.submit(Job(3, Call("pid")))
    ended = ends(one)
    assert [ended[k].end for k in range(4)] == [End.RETURNED, End.CRASHED, End.CRASHED, End.RETURNED]
    assert ended[1].error.endswith("the last words")
    assert "exit code 3" in ended[2].error
    assert ended[3].value != ended[0].value


def test_time_limits_and_cancellations_kill(one, tmp_path):
    one.submit(Job(0, Call("sleep", (600,)), timeout_s=0.5))
    one.submit(Job(1, Call("compute", (str(tmp_path / "begun"),))))
    one.submit(Job(2, Call("pid")))
    one.submit(Job(3, Call("add")))
    one.cancel(3)
    assert [job.id for job in one.running] == [0, 1, 2]
    (queued,) = one.wait()
    assert (queued.job.id, queued.end) == (3, End.CANCELLED)
    (late,) = one.wait()
    assert (late.job.id, late.end) == (0, End.TIMEOUT)
    while not (tmp_path / "begun").exists():
        assert one.wait(0.1) == []
    one.cancel(1)
    rest = ends(one)
    assert (rest[1].end, rest[2].end) == (End.CANCELLED, End.RETURNED)


def test_a_worker_that_died_while_idle_costs_no_job(one):
    for _ in range(2):  # nor the next attempt at it
        one.submit(Job(0, Call("pid")))
        os.kill(one.wait()[0].value, signal.SIGKILL)
        time.sleep(2.0)  # until Ray has noticed, on a busy host too
        one.submit(Job(1, Call("add")))
        assert one.wait()[0].value == 40


def test_what_the_maker_raises_start_raises(cluster):
    with pytest.raises(MeterError, match="unplugged"):
        RayExecutor(Maker("workload:refuse"), **ONE).start()
    assert ray.is_initialized()


def waited_for(executor) -> list:
    return executor.wait()


def test_replacements_that_do_not_start_are_the_end(cluster, tmp_path):
    maker = Maker("workload:FailsAfter", {"folder": str(tmp_path), "times": 1})
    with RayExecutor(maker, **ONE) as executor:
        executor.submit(Job(0, Call("kill_itself")))
        executor.submit(Job(1, Call("kill_itself")))
        ended = []
        # whether the first job had begun when its worker died, Ray may tell too late
        with pytest.raises(ExecutorError, match="3 times in a row: MeterError: The device is gone"):
            ended += waited_for(executor) + waited_for(executor)
        assert {one.end for one in ended} <= {End.CRASHED}


def test_a_cluster_without_room_for_a_worker_is_refused(cluster, maker):
    with pytest.raises(ExecutorError, match="No node of the Ray cluster has 1 GPUs"):
        RayExecutor(maker, address=None, workers=None, gpus_per_worker=1, cpus_per_worker=1).start()


@pytest.mark.slow
def test_workers_come_with_nodes_and_a_job_is_lost_with_its_node(cluster, maker):
    first = cluster.add_node(num_cpus=0, num_gpus=1, object_store_memory=10**8)
    with RayExecutor(maker, address=None, workers=None, gpus_per_worker=1, cpus_per_worker=0) as executor:
        assert executor.workers == 1
        executor.submit(Job(0, Call("sleep", (600,))))
        cluster.add_node(num_cpus=0, num_gpus=1, object_store_memory=10**8)
        executor.submit(Job(1, Call("variable", ("CUDA_VISIBLE_DEVICES",))))
        (ended,) = executor.wait()
        assert (ended.job.id, ended.value) == (1, "0")
        assert executor.workers == 2
        cluster.remove_node(first, allow_graceful=False)
        (ended,) = executor.wait()
        assert (ended.job.id, ended.end) == (0, End.LOST)
        executor.submit(Job(2, Call("add")))
        assert executor.wait()[0].value == 40


@pytest.mark.slow
def test_a_ray_of_its_own_is_gone_with_it(tmp_path):
    program = """
import os, signal, sys, time
sys.path.append(sys.argv[1])
from ecojax.execute.executor import Job, Maker
from ecojax.execute.ray import RayExecutor
from workload import Call
before = signal.getsignal(signal.SIGINT)
with RayExecutor(
    Maker("workload:Workload", {"offset": 40}), address="local", workers=1, gpus_per_worker=0, cpus_per_worker=1
) as executor:
    assert signal.getsignal(signal.SIGINT) is before
    executor.submit(Job(0, Call("sleep", (1.0,))))
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        executor.wait()
    except KeyboardInterrupt:
        print("interrupted", [job.id for job in executor.running])
    (ended,) = executor.wait()
    print(ended.end, ended.value)
    executor.submit(Job(1, Call("sleep", (600,))))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(FOLDER)],
        env=os.environ | {"ECOJAX_TEST_RAY": str(tmp_path)},
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["interrupted [0]", "returned 1.0"]
    deadline = time.monotonic() + 5
    while (left := marked(str(tmp_path))) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


def marked(value: str) -> list[str]:
    """The processes that have inherited the mark."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if f"ECOJAX_TEST_RAY={value}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except (OSError, ValueError):
            continue
    return found
