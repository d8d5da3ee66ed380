"""Where trainings are cut and judged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecojax.trial.cuts import cuts
from ecojax.trial.rungs import rungs

NINTHS = 1 / 9, 1 / 3, 2 / 3


@pytest.mark.parametrize(
    ("passes", "after"),
    [
        (1, NINTHS),
        (2, (1 / 9, 1 / 3, 1 / 2)),
        (3, (1 / 9, 1 / 3, 2 / 3)),
        (8, (1 / 9, 2 / 8, 5 / 8)),
        (9, NINTHS),
        (10, (0.1, 0.3, 0.6)),
        (27, NINTHS),
        (90, NINTHS),
    ],
)
@pytest.mark.parametrize("pass_steps", [9, 18, 900])
def test_rungs_are_a_ninth_a_third_and_two_thirds_in_whole_passes_from_the_first_on(
    passes, after, pass_steps
) -> None:
    found = rungs(passes * pass_steps, pass_steps)
    assert list(found.values()) == pytest.approx(after, abs=1e-6)
    for step, share in found.items():
        assert step == pytest.approx(share * passes * pass_steps, abs=0.5)
        assert step < pass_steps or step % pass_steps == 0


@given(st.integers(1, 40), st.integers(1, 200))
def test_the_parts_are_every_step_once_and_end_at_passes_and_rungs(passes, pass_steps) -> None:
    steps = passes * pass_steps
    places = rungs(steps, pass_steps)
    taken, reached, ends = [], [], []
    for first, end, rung in cuts(steps, pass_steps, places):
        assert first < end
        taken += range(first, end)
        ends.append(end)
        if rung is not None:
            reached.append(rung)
            assert places[end] == rung
    assert taken == list(range(steps))
    assert reached == list(places.values())
    assert set(ends) >= set(range(pass_steps, steps + 1, pass_steps))


@given(st.integers(1, 40), st.integers(1, 50), st.integers(1, 50))
def test_shares_do_not_depend_on_the_batch_size(passes, one, other) -> None:
    """Curves of trainings of so many passes are comparable; where there is a step for each rung."""
    a, b = rungs(9 * one * passes, 9 * one), rungs(9 * other * passes, 9 * other)
    assert list(a.values()) == list(b.values())
