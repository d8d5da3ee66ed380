"""A CSV of a wall meter or PDU, read as it grows: rows of time and watts or joules, as one cumulative counter."""

import csv
import math
import statistics
from bisect import bisect_left
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ecojax.errors import InputError, MeterError
from ecojax.wording import option

EXAMPLE = "time,watts\\n2026-11-22T10:00:00+00:00,61.5"


class Row(NamedTuple):
    """One line: seconds since 1970, watts (NaN in a log of joules), and joules since the first row."""

    time_s: float
    watts: float
    energy_j: float


class PowerLog:
    """The rows of `path` so far; `refresh` adds what was appended since. A last line without its end is not yet there.

    The first line names columns: `time` (seconds since 1970, or ISO 8601 with its offset from UTC) and either `watts`
    (joined by straight lines) or `joules` (a counter's state). Other columns are ignored. Times must increase and
    joules must not fall.

    max_gap_s: longest time between two rows of watts that a straight line may bridge; by default ten times the usual
    one, five seconds at least. Only gaps that end after `since_s` matter.

    Raises InputError on a file that is none of this, naming the line; `refresh` MeterError on one that ceases to be,
    is gone, or was cut.
    """

    def __init__(self, path: Path, *, since_s: float = -math.inf, max_gap_s: float | None = None):
        self.path = path
        self.rows: list[Row] = []
        self._since_s, self._max_gap_s = since_s, max_gap_s
        self._offset = self._line = 0
        self._time_column = self._value_column = 0
        self.unit = ""
        try:
            self.refresh()
        except MeterError as error:
            raise InputError(
                f"{error} {option('meter', 'external:FILE')} takes a CSV such as '{EXAMPLE}'."
            ) from None

    def refresh(self) -> None:
        try:
            if self.path.exists() and not (self.path.is_file() or self.path.is_dir()):
                raise MeterError(f"{self.path} is no ordinary file, and cannot be read as it grows.")
            with self.path.open("rb") as file:
                if file.seek(0, 2) < self._offset:
                    raise MeterError(f"{self.path} has become shorter; was the log rotated? Start again.")
                file.seek(self._offset)
                text = file.read()
        except OSError as error:
            raise MeterError(
                f"{self.path} cannot be read ({error.strerror}); is the logger still running?"
            ) from None
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            self._line += 1
            self._add(line.decode("utf-8", errors="replace").lstrip("\ufeff").strip())

    def _add(self, line: str) -> None:
        if not line:
            return
        try:
            cells = [cell.strip() for cell in next(csv.reader([line]))]
        except csv.Error as error:
            raise self._refuse(f"cannot be understood ({error})", line) from None
        if not self.unit:
            self._read_header(cells)
            return
        try:
            time_s = _seconds(cells[self._time_column])
            value = float(cells[self._value_column])
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{self.unit} is {value:g}")
        except (ValueError, IndexError, OverflowError) as error:
            raise self._refuse(f"cannot be understood ({error})", line) from None
        last = self.rows[-1] if self.rows else None
        if last is not None and time_s <= last.time_s:
            raise self._refuse("is not later than the one before", line)
        if self.unit == "joules":
            if last is not None and value < last.energy_j:
                raise self._refuse(f"counts less than the one before, {last.energy_j:g} J", line)
            self.rows.append(Row(time_s, math.nan, value))
            return
        energy_j = 0.0
        if last is not None:
            if time_s > self._since_s and time_s - last.time_s > self._longest_gap_s():
                raise self._refuse(
                    f"comes {time_s - last.time_s:.3g} s after the one before, a gap in the log", line
                )
            energy_j = last.energy_j + (time_s - last.time_s) * (last.watts + value) / 2
        self.rows.append(Row(time_s, value, energy_j))

    def _read_header(self, cells: list[str]) -> None:
        names = [cell.lower() for cell in cells]
        units = [name for name in names if name in ("watts", "joules")]
        if "time" not in names or len(units) != 1:
            raise MeterError(
                f"{self.path}, line {self._line}: the columns are {', '.join(cells)}; there must be `time` and either "
                "`watts` or `joules`."
            )
        self.unit = units[0]
        self._time_column, self._value_column = names.index("time"), names.index(self.unit)

    def _refuse(self, fault: str, line: str) -> MeterError:
        return MeterError(f"{self.path}, line {self._line}: {line[:60]!r} {fault}. Correct or remove it.")

    def _longest_gap_s(self) -> float:
        if self._max_gap_s is not None:
            return self._max_gap_s
        return max(5.0, 10 * (self.interval_s or 0.0))

    @property
    def interval_s(self) -> float | None:
        """Seconds between two rows: the median over the last twenty; None before there are two."""
        times = [row.time_s for row in self.rows[-21:]]
        return (
            statistics.median(after - before for before, after in pairwise(times)) if len(times) > 1 else None
        )

    def at(self, time_s: float) -> float:
        """Joules at `time_s`, which must lie within the rows: power is taken to run straight between two."""
        # a rounding error beyond the last row is within it
        k = min(max(1, bisect_left(self.rows, time_s, key=lambda row: row.time_s)), len(self.rows) - 1)
        before, after = self.rows[k - 1], self.rows[k]
        passed, whole = time_s - before.time_s, after.time_s - before.time_s
        if self.unit == "joules":
            return before.energy_j + (after.energy_j - before.energy_j) * passed / whole
        return before.energy_j + passed * (before.watts + (after.watts - before.watts) * passed / whole / 2)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        stamp = datetime.fromisoformat(text)
        if stamp.tzinfo is None:
            raise ValueError("its time has no offset from UTC, such as Z or +01:00") from None
        return stamp.timestamp()
    if not math.isfinite(seconds):
        raise ValueError(f"time is {text}")
    return seconds
