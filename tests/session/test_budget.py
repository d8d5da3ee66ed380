import math

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ecojax.budget import Budget
from ecojax.errors import InputError

SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 24 * 3600}
JOULES = {"J": 1, "kJ": 1000, "MJ": 10**6, "Wh": 3600, "kWh": 3_600_000}


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    st.integers(1, 10**6) | st.floats(1e-3, 1e6),
    st.sampled_from([*SECONDS, *JOULES]),
    st.sampled_from(["", " "]),
)
def test_what_a_person_writes_is_what_they_get(amount, unit, space) -> None:
    budget = Budget.of(5, f"{space}{amount}{space}{unit}{space}")
    assert budget.evaluations == 5
    if unit in SECONDS:
        assert (budget.seconds, budget.joules) == (pytest.approx(amount * SECONDS[unit]), None)
    else:
        assert (budget.seconds, budget.joules) == (None, pytest.approx(amount * JOULES[unit]))


def test_no_text_leaves_only_the_count() -> None:
    assert Budget.of(1) == Budget(1, None, None)


@pytest.mark.parametrize("evaluations", [0, -1, -(10**9)])
def test_no_evaluations_are_refused(evaluations) -> None:
    with pytest.raises(InputError, match=f"evaluations={evaluations} leaves nothing to do"):
        Budget.of(evaluations)


WITHOUT_UNIT_OR_NUMBER = ["2", "h", "", "two hours", "1.2.3h", ".h", "1,5 h", "2h30min", "0x10s", "½h"]
OF_UNKNOWN_UNITS = ["2 weeks", "2H", "2j", "2kwh"]
NOT_POSITIVE = ["0h", "-2h", "-0.0s", "1e-400s", "nanh", "infh", "inf J"]
ENDLESS = ["1e999h", "1e400 kWh"]


@pytest.mark.parametrize("text", [*WITHOUT_UNIT_OR_NUMBER, *OF_UNKNOWN_UNITS, *NOT_POSITIVE, *ENDLESS])
def test_what_is_no_positive_time_or_energy_is_refused(text) -> None:
    with pytest.raises(InputError, match="is no positive time or energy; write for instance"):
        Budget.of(5, text)


def test_each_part_is_spent_at_its_bound_and_says_so() -> None:
    budget = Budget(10, seconds=60.0, joules=1000.0)
    used = {"evaluations": 9, "seconds": 59.9, "joules": 999.0}
    assert budget.spent(**used) is None
    assert budget.spent(**{**used, "evaluations": 10}) == "10 evaluations"
    assert budget.spent(**{**used, "seconds": 60.0}) == "60 s"
    assert budget.spent(**{**used, "joules": 1000.5}) == "1000 J"
    assert Budget(10).spent(evaluations=9, seconds=math.inf, joules=math.inf) is None
