"""The unbeaten rows of a table that grows and changes, against comparing all with all."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from ecojax.engine.dominance import is_non_dominated
from ecojax.engine.unbeaten import Unbeaten

# few values, so that rows tie and copies abound
changes = st.lists(
    st.tuples(st.floats(0, 1), st.lists(st.integers(0, 5), min_size=3, max_size=3), st.booleans()),
    max_size=90,
)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 3), changes)
def test_the_members_are_the_non_dominated_rows_that_count(columns, changes) -> None:
    table, points, counts = Unbeaten(columns), list[list[int]](), list[bool]()
    for where, values, counted in changes:
        row = min(int(where * 1.3 * (len(points) + 1)), len(points))
        points[row : row + 1], counts[row : row + 1] = [values[:columns]], [counted]
        table.put(row, np.array(values[:columns], float), counted)
        that_count = np.flatnonzero(counts)
        F = np.array(points, float)[that_count]
        expected = that_count[np.asarray(is_non_dominated(F))] if len(F) else that_count
        assert table.members.tolist() == expected.tolist()
    np.testing.assert_array_equal(table.table, np.array(points, float).reshape(-1, columns))
