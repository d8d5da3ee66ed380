"""Which rows of a growing table no other row beats, without comparing all with all at every step."""

from collections.abc import Callable

import numpy as np

Beats = Callable[[np.ndarray, np.ndarray], np.ndarray]  # [..., columns] twice to bool [...]; transitive


def dominates(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """No worse in any objective `[..., objectives]`, minimised, and better in one."""
    return np.asarray((a <= b).all(-1) & (a < b).any(-1))


def joined(members: np.ndarray, table: np.ndarray, row: int, beats: Beats = dominates) -> np.ndarray:
    """The unbeaten rows, ascending, when `row` of `table` `[rows, columns]` joins those that were: `members`."""
    point, others = table[row], table[members]
    if beats(others, point).any():
        return members
    members = members[~beats(point, others)]
    return np.insert(members, members.searchsorted(row), row)


class Unbeaten:
    """A table `[rows, columns]` to which rows are added, or put in place of others, and its unbeaten ones.

    Attributes:
        members: int [k], ascending: the rows that count and that no other row that counts beats.
    """

    def __init__(self, columns: int, beats: Beats = dominates):
        self._beats, self._rows = beats, 0
        self._table, self._counts = np.zeros((64, columns)), np.zeros(64, bool)
        self.members = np.zeros(0, int)

    def __len__(self) -> int:
        return self._rows

    @property
    def table(self) -> np.ndarray:
        return self._table[: self._rows]

    def put(self, row: int, values: np.ndarray, counts: bool) -> None:
        """Sets a row, which is at most one beyond the last."""
        if row == len(self._table):
            self._table = np.concatenate([self._table, np.zeros_like(self._table)])
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
        before = self._table[row].copy()
        self._rows = max(self._rows, row + 1)
        self._table[row], self._counts[row] = values, counts
        if row in self.members:
            self._leave(row, before)
        if counts:
            self.members = joined(self.members, self.table, row, self._beats)

    def _leave(self, row: int, before: np.ndarray) -> None:
        """Whoever was beaten by a member that is gone may now be one."""
        self.members = self.members[self.members != row]
        back = np.flatnonzero(self._counts[: self._rows] & self._beats(before, self.table))
        back = back[back != row]
        for member in self.members:
            back = back[~self._beats(self._table[member], self._table[back])]
        for candidate in back:
            self.members = joined(self.members, self.table, candidate, self._beats)
