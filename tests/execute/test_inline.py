"""Jobs in this process: the same ends as anywhere, as far as one process can come to them."""

import pytest
from workload import Call, Workload

from ecojax.errors import ExecutorError, MeterError
from ecojax.execute.executor import End, Job, Maker
from ecojax.execute.inline import InlineExecutor


class Interrupted:
    def __init__(self, error):
        self.errors = [error]

    def work(self):
        while self.errors:
            raise self.errors.pop()
        return "done"


def test_jobs_run_one_by_one_in_their_order_while_one_waits(maker):
    with InlineExecutor(maker) as executor:
        assert (executor.workers, executor.free) == (1, 1)
        executor.submit(Job(5, Call("add", (1,))))
        executor.submit(Job(3, Call("add", (2,), {"twice": True})))
        assert executor.free == 0
        assert [job.id for job in executor.running] == [5, 3]
        ended = executor.wait() + executor.wait()
        assert executor.wait() == []
    assert [(each.job.id, each.end, each.value) for each in ended] == [
        (5, End.RETURNED, 41),
        (3, End.RETURNED, 84),
    ]


def test_an_object_that_there_is_already_serves_as_well():
    workload = Workload(1)
    with InlineExecutor(workload) as executor:
        workload.offset = 2
        executor.submit(Job(0, Call("add")))
        assert executor.wait()[0].value == 2


def test_what_a_method_raises_is_the_very_exception(maker):
    with InlineExecutor(maker) as executor:
        executor.submit(Job(0, Call("raise_stubborn")))
        (ended,) = executor.wait()
    assert ended.end is End.RAISED
    assert type(ended.exception).__name__ == "StubbornError"
    assert ended.error == "StubbornError: no bread for breakfast"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupts_pass_through_and_leave_their_job_running(error):
    with InlineExecutor(Interrupted(error)) as executor:
        executor.submit(Job(0, Call("work")))
        with pytest.raises(error):
            executor.wait()
        assert [job.id for job in executor.running] == [0]
        assert executor.wait()[0].value == "done"


def test_a_queued_job_can_be_cancelled(maker):
    with InlineExecutor(maker) as executor:
        for k in range(3):
            executor.submit(Job(k, Call("add")))
        executor.cancel(1)
        executor.cancel(9)
        ended = []
        while executor.running:
            ended += executor.wait()
    assert {each.job.id: each.end for each in ended} == {
        0: End.RETURNED,
        1: End.CANCELLED,
        2: End.RETURNED,
    }


def test_what_the_maker_raises_start_raises():
    with pytest.raises(MeterError, match="unplugged"):
        InlineExecutor(Maker("workload:refuse")).start()


def test_nothing_is_taken_before_the_start_and_after_the_end(maker):
    executor = InlineExecutor(maker)
    with pytest.raises(ExecutorError, match="start"):
        executor.submit(Job(0, Call("add")))
    with executor:
        executor.submit(Job(0, Call("add")))
    executor.close()
    assert not executor.running
    with pytest.raises(ExecutorError, match="start"):
        executor.submit(Job(0, Call("add")))
