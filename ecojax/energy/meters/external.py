"""The meter of whatever logs power elsewhere: a wall meter's or PDU's growing CSV, aligned by the wall clock."""

import math
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

from ecojax.energy.meter import Meter
from ecojax.energy.meters.power_log import PowerLog, Row
from ecojax.energy.provenance import Provenance, Rank
from ecojax.energy.readings import Reading
from ecojax.errors import MeterError

AHEAD_S = 2.0  # a row from further in the future is of a clock that is wrong, and so would be every window
POLL_S = 0.02


class ExternalMeter(Meter):
    """Joules by a log that another program writes while this one works; what it covers is what is plugged in there.

    `read` gives the counter at this instant, and so waits for the log's next row; `read_on_tick` gives it at that row
    itself, which is exact, hence `tick_s` is the time between rows. Times are seconds since 1970.

    path: see `PowerLog`. wait_s: how long to wait for the next row; by default three rows' time, five seconds at least.
    wall, sleep: for tests.

    Raises InputError on what is no log; MeterError where a row is malformed, late, or ahead of this host's clock.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        wait_s: float | None = None,
        max_gap_s: float | None = None,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._wall, self._sleep = wall, sleep
        self._path, self._stated_wait_s = Path(path), wait_s
        self._open, self._lock = True, threading.Lock()
        self._log = PowerLog(self._path, since_s=wall(), max_gap_s=max_gap_s)
        self._given_s = -math.inf  # time of the row that the last tick was
        self._wait(lambda: len(self._log.rows) > 1)

    @property
    def provenance(self) -> Provenance:
        by = f"external meter, {'watts, integrated' if self._log.unit == 'watts' else 'joules'}"
        return Provenance("measured", by, f"what {self._path.name} records", None, Rank.SENSOR)

    @property
    def tick_s(self) -> float:
        return self._log.interval_s or 0.0

    def read(self) -> Reading:
        now = self._wall()
        row = self._row_from(now)
        if self._log.rows[0].time_s > now:
            raise MeterError(
                f"{self._path} begins {self._log.rows[0].time_s - now:.3g} s after now; {self._clocks()}"
            )
        return Reading(now, row.energy_j if row.time_s == now else self._log.at(now))

    def read_on_tick(self) -> Reading:
        # Where the log's clock is a little ahead, the row after the last one given is that of this instant already.
        row = self._row_from(max(self._wall(), math.nextafter(self._given_s, math.inf)))
        self._given_s = row.time_s
        return Reading(row.time_s, row.energy_j)

    def _row_from(self, time_s: float) -> Row:
        """The first row at or after `time_s`, waiting for it."""
        if not self._open:
            raise MeterError(f"The meter that reads {self._path} is closed; open another.")
        self._wait(lambda: self._log.rows[-1].time_s >= time_s)
        ahead_s = self._log.rows[-1].time_s - self._wall()
        if ahead_s > AHEAD_S:
            raise MeterError(f"{self._path} is {ahead_s:.3g} s ahead of this host's clock; {self._clocks()}")
        return self._log.rows[bisect_left(self._log.rows, time_s, key=lambda row: row.time_s)]

    def _wait(self, there: Callable[[], bool]) -> None:
        wait_s = self._stated_wait_s if self._stated_wait_s is not None else max(5.0, 3 * self.tick_s)
        began = self._wall()
        self._refresh()
        while not there():
            if self._wall() - began > wait_s:
                rows = self._log.rows
                latest = (
                    f"its latest row is {self._wall() - rows[-1].time_s:.3g} s old"
                    if rows
                    else "it has no row"
                )
                raise MeterError(f"{self._path} did not grow in {wait_s:g} s; {latest}. {self._clocks()}")
            self._sleep(POLL_S)
            self._refresh()

    def _refresh(self) -> None:
        with self._lock:  # a thread may trace ticks while another reads
            self._log.refresh()

    def _clocks(self) -> str:
        return "Is its logger running, and do both clocks agree (`timedatectl`, NTP)?"

    def close(self) -> None:
        self._open = False
