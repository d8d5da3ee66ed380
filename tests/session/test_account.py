"""The account of time: nothing is counted twice, nothing is lost, and the shares are a whole."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecojax.session.account import REST, Stopwatch, account, in_words
from ecojax.study import Status, Trial


def trial(number: int, **seconds: float) -> Trial:
    metrics = {f"{part}_seconds": value for part, value in seconds.items()}
    return Trial(number, Status.COMPLETE, {}, "default", 0, metrics)


def test_parts_of_trials_and_what_was_between_them_make_the_whole() -> None:
    trials = [trial(0, train=5.0, metering=2.0, compile=1.0, validation=0.5, trial=9.0), trial(1, trial=4.0)]
    found = account(trials, {"proposing": 1.5, "waiting for compilation": 2.0, REST: 0.25})
    assert found == {
        "training": 5.0,
        "waiting for compilation": 3.0,
        "metering": 2.0,
        "proposing": 1.5,
        "validating": 0.5,
        REST: 0.25 + 0.5 + 4.0,
    }
    assert next(iter(found)) == "training"
    assert list(found)[-1] == REST  # last, however long
    assert sum(found.values()) == pytest.approx(9.0 + 4.0 + 1.5 + 2.0 + 0.25)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=9))
def test_printed_shares_sum_to_a_hundred(parts) -> None:
    text = in_words({f"part{i}": seconds for i, seconds in enumerate(parts)})
    shares = [int(share) for share in re.findall(r" (\d+) %", text)]
    assert sum(shares) == (100 if sum(parts) > 0 else 0)


def test_shares_are_rounded_by_their_remainders() -> None:
    assert in_words({"a": 1, "b": 1, "c": 1}) == "a 34 %, b 33 %, c 33 %"
    assert in_words({"a": 996, "b": 4}) == "a 100 %"
    assert in_words({}) == ""


def test_a_span_that_raises_is_counted() -> None:
    stopwatch = Stopwatch()
    for _ in range(2):
        with pytest.raises(KeyError), stopwatch.span("proposing"):
            raise KeyError
    assert 0 < stopwatch.seconds["proposing"] < 1
