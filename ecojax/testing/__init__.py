"""What a meter, a proposer, a task or an export must keep to, as checks that any test runner can call.

    from ecojax.testing import check_meter

    def test_my_plug():
        check_meter(Plug())

Each raises `AssertionError` with one sentence that says what is amiss. They need no pytest.
"""

from ecojax.testing.exporter import check_exporter
from ecojax.testing.meter import check_meter
from ecojax.testing.proposer import check_proposer
from ecojax.testing.task import check_task

__all__ = ["check_exporter", "check_meter", "check_proposer", "check_task"]
