"""What every test relies on, however the suite was started."""

import signal
from collections.abc import Iterator

import pytest

from ecojax.study import METRICS


@pytest.fixture(scope="session", autouse=True)
def interrupts_are_heard() -> Iterator[None]:
    """A shell that starts the suite in the background (`nohup … &`) has it ignore SIGINT, and every process of it."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.fixture(scope="module", autouse=True)
def metrics_of_ours() -> Iterator[None]:
    """Takes the metrics of the tasks that a module tries out again."""
    before = dict(METRICS)
    yield
    METRICS.clear()
    METRICS.update(before)
