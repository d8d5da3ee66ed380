"""Workers in processes of this host: every end that a job can come to, and that nothing outlives its driver."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from workload import Call, Refusing

from ecojax.errors import ExecutorError, MeterError
from ecojax.execute.executor import End, Job, Maker
from ecojax.execute.local import LocalExecutor
from ecojax.execute.log import LARGEST_BYTES

FOLDER = Path(__file__).parent


@pytest.fixture
def one(maker):
    with LocalExecutor(maker, environments=[{}]) as executor:
        yield executor


def all_ended(executor) -> list:
    ended = []
    while executor.running:
        ended += executor.wait()
    return ended


def ends(executor) -> dict:
    """All that has been submitted, by number."""
    return {ended.job.id: ended for ended in all_ended(executor)}


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits for its parent to read its end does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children() -> set[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(pid) for pid in text.split()}


def until(fact, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not fact() and time.monotonic() < deadline:
        time.sleep(0.02)
    return fact()


def test_a_call_returns_what_the_method_returns(one):
    one.submit(Job(7, Call("add", (1, 1), {"twice": True})))
    (ended,) = one.wait()
    assert (ended.job.id, ended.end, ended.value, ended.worker) == (7, End.RETURNED, 84, "worker-0")
    assert ended.exception is None
    assert ended.error is None


def test_an_exception_keeps_its_type_and_brings_the_workers_traceback(one):
    one.submit(Job(0, Call("raise_meter_error")))
    (ended,) = one.wait()
    assert ended.end is End.RAISED
    assert type(ended.exception) is MeterError
    assert ended.error == "MeterError: The wattmeter is unplugged; plug it in."
    assert "in raise_meter_error" in ended.exception.__notes__[0]


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("raise_stubborn", "StubbornError: no bread for breakfast"),
        ("raise_unsendable", "ValueError: carries a thing"),
    ],
)
def test_an_exception_that_cannot_be_sent_comes_as_its_text(one, method, text):
    one.submit(Job(0, Call(method)))
    (ended,) = one.wait()
    assert ended.end is End.RAISED
    assert type(ended.exception) is RuntimeError
    assert str(ended.exception) == text


def test_the_worker_lives_on_after_what_it_raises(one):
    one.submit(Job(0, Call("pid")))
    one.submit(Job(1, Call("raise_meter_error")))
    one.submit(Job(2, Call("return_unsendable")))
    one.submit(Job(3, Call("no_such_method")))
    one.submit(Job(4, Call("pid")))
    ended = ends(one)
    assert [ended[k].end for k in (1, 2, 3)] == [End.RAISED] * 3
    assert "not to be sent" in ended[2].error
    assert "no_such_method" in ended[3].error
    assert ended[0].value == ended[4].value


def test_arguments_that_cannot_be_sent_are_refused_at_once(one):
    with pytest.raises(TypeError, match="not to be sent"):
        one.submit(Job(0, Call("add", (Refusing(),))))
    assert not one.running
    one.submit(Job(1, Call("add")))
    assert one.wait()[0].value == 40


def test_fifty_megabytes_go_there_and_back(one):
    array = np.arange(6_500_000.0)
    one.submit(Job(0, Call("total", (array,))))
    one.submit(Job(1, Call("ones", (6_500_000,))))
    ended = ends(one)
    assert ended[0].value == 6_500_000 * 6_499_999 / 2
    np.testing.assert_array_equal(ended[1].value, np.ones(6_500_000))


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("kill_itself", ("the last words",), r"killed by SIGKILL, which is what the kernel does when memory runs out"),
        ("segfault", (), r"killed by SIGSEGV"),
        ("exit", (3,), r"exited with code 3"),
    ],
)  # fmt: skip
def test_a_crash_is_told_by_its_signal_or_code_and_its_worker_replaced(one, method, arguments, error):
    one.submit(Job(0, Call("pid")))
    one.submit(Job(1, Call(method, arguments)))
    one.submit(Job(2, Call("pid")))
    ended = ends(one)
    assert ended[1].end is End.CRASHED
    assert error in ended[1].error
    if method == "kill_itself":
        assert ended[1].error.endswith("the last words")
    if method == "segfault":
        assert "in segfault" in ended[1].error
    assert ended[2].value not in (ended[0].value, None)
    assert not alive(ended[0].value)


def test_only_the_last_of_many_words_are_told(one):
    one.submit(Job(0, Call("kill_itself", ("\n".join(f"line {k} {'x' * 50}" for k in range(1000)),))))
    (ended,) = one.wait()
    assert "line 999" in ended.error
    assert "line 990" in ended.error
    assert "line 989 " not in ended.error
    one.submit(Job(1, Call("kill_itself", ("y" * 10**5,))))
    assert len(one.wait()[0].error) < 2200


def test_words_of_an_earlier_job_are_not_the_last_ones_of_a_crash(one):
    one.submit(Job(0, Call("flood", (1,))))
    one.submit(Job(1, Call("kill_itself")))
    assert "after the flood" not in ends(one)[1].error


def test_a_fork_that_outlives_the_worker_does_not_hide_its_death(one):
    began = time.monotonic()
    one.submit(Job(0, Call("fork_and_die")))
    (ended,) = one.wait()
    assert ended.end is End.CRASHED
    assert time.monotonic() - began < 3  # its child sleeps five


def test_a_job_past_its_time_is_killed_and_the_next_runs_on_a_new_worker(one):
    one.submit(Job(0, Call("pid")))
    one.submit(Job(1, Call("sleep", (600,)), timeout_s=0.5))
    one.submit(Job(2, Call("pid"), timeout_s=30))
    ended = ends(one)
    assert ended[1].end is End.TIMEOUT
    assert "longer than its 0.5 s" in ended[1].error
    assert 0.5 <= ended[1].seconds < 5
    assert ended[2].end is End.RETURNED
    assert not alive(ended[0].value)


def test_a_job_within_its_time_is_left_alone_however_late_one_looks(one):
    one.submit(Job(0, Call("add"), timeout_s=0.3))
    time.sleep(0.6)
    assert one.wait()[0].end is End.RETURNED


def test_time_in_the_queue_does_not_count(one):
    one.submit(Job(0, Call("sleep", (0.6,))))
    one.submit(Job(1, Call("add"), timeout_s=0.4))
    assert ends(one)[1].end is End.RETURNED


def test_time_of_waiting_for_others_does_not_count(one):
    one.submit(Job(0, Call("wait_and_work", ((0.5, 0.1), (0.5, 0.1))), timeout_s=0.4))
    one.submit(Job(1, Call("wait_and_work", ((0.3, 600),)), timeout_s=0.4))
    ended = ends(one)
    assert ended[0].end is End.RETURNED
    assert ended[1].end is End.TIMEOUT
    assert 0.7 <= ended[1].seconds < 5


def test_however_late_one_looks_all_that_was_waited_is_known(one):
    one.submit(Job(0, Call("wait_and_work", ((0.3, 0), (0.3, 0), (0.3, 0.3))), timeout_s=0.5))
    time.sleep(1.0)
    assert one.wait()[0].end is End.RETURNED


def test_cancelling_ends_running_and_queued_jobs_alike(one):
    one.submit(Job(0, Call("pid")))
    pid = one.wait()[0].value
    one.submit(Job(1, Call("sleep", (600,))))
    one.submit(Job(2, Call("add")))
    one.submit(Job(3, Call("pid")))
    assert [job.id for job in one.running] == [1, 2, 3]
    one.cancel(2)
    one.cancel(1)
    one.cancel(77)
    ended = ends(one)
    assert [ended[k].end for k in (1, 2, 3)] == [End.CANCELLED, End.CANCELLED, End.RETURNED]
    assert (ended[1].worker, ended[2].worker) == ("worker-0", "")
    assert ended[3].value != pid
    assert not alive(pid)


def test_a_worker_that_died_while_idle_costs_no_job(one):
    one.submit(Job(0, Call("pid")))
    pid = one.wait()[0].value
    os.kill(pid, signal.SIGKILL)
    assert until(lambda: not alive(pid))
    time.sleep(0.5)  # its other threads, and with them its end of the connection, may outlive it by a moment
    one.submit(Job(1, Call("add")))
    assert one.wait()[0].value == 40


def test_jobs_begin_in_the_order_of_their_submission(one):
    for k in (3, 1, 2, 0):
        one.submit(Job(k, Call("add", (k,))))
    assert [ended.job.id for ended in all_ended(one)] == [3, 1, 2, 0]


def test_waiting_ends_with_the_timeout_or_at_once_where_nothing_runs(one):
    assert one.wait() == []
    one.submit(Job(0, Call("sleep", (600,))))
    began = time.monotonic()
    assert one.wait(0.2) == []
    assert 0.2 <= time.monotonic() - began < 1
    assert [job.id for job in one.running] == [0]


def test_each_worker_has_its_own_variables_before_its_interpreter_starts(maker):
    places = [{"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"}]
    with LocalExecutor(maker, environments=places) as executor:
        assert until(lambda: executor.free == 2)
        assert executor.workers == 2
        for k in range(2):
            executor.submit(Job(k, Call("variable", ("PYTHONHASHSEED",))))
        ended = ends(executor)
        executor.submit(Job(2, Call("sleep", (600,))))
        assert executor.free == 1
    assert {(each.worker, each.value) for each in ended.values()} == {("worker-0", "1"), ("worker-1", "2")}
    assert os.environ.get("PYTHONHASHSEED") not in ("1", "2")


def test_waiting_does_not_wait_for_a_replacement():
    slow = Maker("workload:SlowToMake", {"seconds": 1.5})
    with LocalExecutor(slow, environments=[{}, {}]) as executor:
        assert until(lambda: executor.free == 2)
        executor.submit(Job(0, Call("kill_itself")))
        assert executor.wait()[0].end is End.CRASHED
        assert executor.free == 1
        executor.submit(Job(1, Call("add")))
        began = time.monotonic()
        assert executor.wait()[0].value == 40
        assert time.monotonic() - began < 1
        assert until(lambda: executor.free == 2)


def test_what_the_maker_raises_start_raises():
    before = children()
    with pytest.raises(MeterError, match="unplugged"):
        LocalExecutor(Maker("workload:refuse"), environments=[{}, {}]).start()
    assert children() == before


def test_a_worker_that_dies_while_starting_is_told_with_its_last_words():
    with pytest.raises(ExecutorError, match=r"(?s)killed by SIGABRT.*cannot open the device"):
        LocalExecutor(Maker("workload:die"), environments=[{}]).start()


@pytest.mark.parametrize("target", ["workload", "workload:Nothing"])
def test_a_target_that_names_no_callable_is_refused(target):
    with pytest.raises(ExecutorError, match=r"package\.module:callable"):
        LocalExecutor(Maker(target), environments=[{}]).start()


def test_three_replacements_that_do_not_start_are_the_end(tmp_path):
    maker = Maker("workload:FailsAfter", {"folder": str(tmp_path), "times": 2})
    with LocalExecutor(maker, environments=[{}]) as executor:
        executor.submit(Job(0, Call("kill_itself")))
        executor.submit(Job(1, Call("kill_itself")))  # by the first replacement
        executor.submit(Job(2, Call("kill_itself")))
        assert [executor.wait()[0].end for _ in range(2)] == [End.CRASHED, End.CRASHED]
        with pytest.raises(ExecutorError, match=r"(?s)3 times in a row.*device is gone.*no such device"):
            executor.wait()
        with pytest.raises(ExecutorError, match="worker-0 does not start"):
            executor.submit(Job(3, Call("kill_itself")))


def test_closing_leaves_no_process_and_no_file(maker, tmp_path, monkeypatch):
    before, descriptors = children(), len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    executor = LocalExecutor(maker, environments=[{}, {}])
    executor.start()
    executor.start()  # of no effect
    for k in range(3):
        executor.submit(Job(k, Call("sleep", (600,))))
    started = children() - before
    assert len(started) == 2
    executor.close()
    assert children() == before
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert not list(tmp_path.iterdir())
    executor.close()
    with pytest.raises(ExecutorError, match="not running"):
        executor.submit(Job(0, Call("add")))


def test_a_log_is_kept_where_it_was_asked_for_and_stays_small(maker, tmp_path):
    with LocalExecutor(maker, environments=[{}], log_folder=tmp_path / "logs") as executor:
        executor.submit(Job(0, Call("flood", (1,))))
        executor.submit(Job(1, Call("flood_and_wait", (3 * LARGEST_BYTES // 2**20,))))
        ended = []
        while executor.running:
            ended += executor.wait(0.1)
        assert ended[1].error.endswith("after the flood\nthe last words")
    log = tmp_path / "logs" / "worker-0.log"
    assert log.stat().st_size < LARGEST_BYTES
    assert log.read_text().rstrip("\n").endswith("after the flood\nthe last words")


def test_an_interrupt_of_the_group_hits_the_driver_alone():
    program = """
import os, signal, sys
sys.path.append(sys.argv[1])
from ecojax.execute.executor import Job, Maker
from ecojax.execute.local import LocalExecutor
from workload import Call
with LocalExecutor(Maker("workload:Workload", {"offset": 40}), environments=[{}]) as executor:
    executor.submit(Job(0, Call("sleep", (1.0,))))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGINT))
        executor.wait()
    except KeyboardInterrupt:
        print("interrupted", [job.id for job in executor.running])
    (ended,) = executor.wait()
    print(ended.end, ended.value)
    executor.submit(Job(1, Call("sleep", (600,))))
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("nobody is left")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(FOLDER)],
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["interrupted [0]", "returned 1.0", "nobody is left"], done.stderr


def test_an_interrupt_during_the_start_leaves_nothing():
    program = """
import os, signal, sys
sys.path.append(sys.argv[1])
from ecojax.execute.executor import Maker
from ecojax.execute.local import LocalExecutor
signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGINT))
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[2]))
try:
    LocalExecutor(Maker("workload:SlowToMake", {"seconds": 600}), environments=[{}] * 3).start()
except KeyboardInterrupt:
    pass
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("nobody is left")
"""
    for delay in ("0.01", "0.1", "1.0"):
        done = subprocess.run(
            [sys.executable, "-c", program, str(FOLDER), delay],
            start_new_session=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout.splitlines() == ["nobody is left"], done.stderr


@pytest.mark.parametrize("method", ["compute", "hold_the_lock"])
def test_workers_are_gone_soon_after_their_driver_is_killed(tmp_path, method):
    program = """
import sys
sys.path.append(sys.argv[1])
from ecojax.execute.executor import Job, Maker
from ecojax.execute.local import LocalExecutor
from workload import Call
executor = LocalExecutor(Maker("workload:Workload", {"offset": 40}), environments=[{}] * 2)
executor.start()
for k in range(2):
    executor.submit(Job(k, Call(sys.argv[2], (f"{sys.argv[3]}/{k}",))))
executor.wait()
"""
    # no guard against being imported as the main module, and none is needed
    script = tmp_path / "script.py"
    script.write_text(program)
    (tmp_path / "pids").mkdir()
    driver = subprocess.Popen([sys.executable, script, FOLDER, method, tmp_path / "pids"])
    assert until(lambda: sum(bool(file.read_text()) for file in (tmp_path / "pids").iterdir()) == 2, 30)
    pids = [int(file.read_text()) for file in (tmp_path / "pids").iterdir()]
    assert all(alive(pid) for pid in pids)
    driver.kill()
    driver.wait()
    assert until(lambda: not any(alive(pid) for pid in pids), 5)


def test_the_driver_sustains_hundreds_of_small_jobs_a_second(maker):
    with LocalExecutor(maker, environments=[{}] * 8) as executor:
        assert until(lambda: executor.free == 8, 30)
        began = time.monotonic()
        for k in range(1500):
            executor.submit(Job(k, Call("add", (k,))))
        ended = ends(executor)
        assert {k: each.value for k, each in ended.items()} == {k: 40 + k for k in range(1500)}
        assert 1500 / (time.monotonic() - began) > 300
        assert len({each.worker for each in ended.values()}) > 1


def test_crashes_timeouts_and_cancellations_at_random_lose_no_job(maker):
    random = np.random.default_rng(0)
    expected = {
        "add": End.RETURNED,
        "kill_itself": End.CRASHED,
        "sleep": End.TIMEOUT,
        "cancel": End.CANCELLED,
        "raise_meter_error": End.RAISED,
    }
    kinds = random.choice(list(expected), 60, p=[0.6, 0.1, 0.1, 0.1, 0.1])
    with LocalExecutor(maker, environments=[{}] * 3) as executor:
        for k, kind in enumerate(kinds):
            if kind in ("sleep", "cancel"):
                executor.submit(Job(k, Call("sleep", (600,)), timeout_s=0.05 if kind == "sleep" else None))
            else:
                executor.submit(Job(k, Call(str(kind))))
        ended = []
        while executor.running:
            for job in executor.running:
                if kinds[job.id] == "cancel" and random.random() < 0.3:
                    executor.cancel(job.id)
            ended += executor.wait(0.05)
        ended += executor.wait()
    assert sorted(each.job.id for each in ended) == list(range(60))
    assert {each.job.id: each.end for each in ended} == {k: expected[kind] for k, kind in enumerate(kinds)}
