"""A wall meter's CSV as a counter: closed forms, both units and clocks, growth, and every way it can be malformed."""

import math
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from fake_nvml import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from ecojax.energy.meters.external import ExternalMeter
from ecojax.energy.meters.power_log import PowerLog
from ecojax.energy.provenance import Rank
from ecojax.energy.window import Window
from ecojax.errors import InputError, MeterError

T0 = 1_800_000_000.0


class Logger:
    """A meter that writes a row each `interval_s` of a clock that passes while somebody sleeps, `lag_s` late."""

    def __init__(self, path, watts, *, unit="watts", interval_s=1.0, lag_s=0.0, ahead_s=0.0):
        self.path, self.watts, self.unit = path, watts, unit
        self.interval_s, self.lag_s, self.ahead_s = interval_s, lag_s, ahead_s
        self.clock = FakeClock(T0)
        self.running, self.rows, self.joules = True, 0, 0.0
        path.write_text(f"time,{unit}\n")
        self.clock.sleep(3 * interval_s + lag_s)
        self.write()

    def write(self):
        with self.path.open("a") as file:
            while self.running and T0 + self.rows * self.interval_s + self.lag_s <= self.clock():
                at = self.rows * self.interval_s
                value = self.watts(at) if self.unit == "watts" else self.watts(0) * at
                file.write(f"{T0 + at + self.ahead_s!r},{value!r}\n")
                self.rows += 1

    def sleep(self, seconds):
        self.clock.sleep(seconds)
        self.write()

    def meter(self, **options):
        return ExternalMeter(self.path, wall=self.clock, sleep=self.sleep, **options)


@pytest.mark.parametrize("unit", ["watts", "joules"])
@pytest.mark.parametrize("lag_s", [0.0, 2.5])
def test_constant_power_in_either_unit_and_however_late(tmp_path, unit, lag_s):
    logger = Logger(tmp_path / "wall.csv", lambda t: 61.5, unit=unit, lag_s=lag_s)
    with logger.meter() as meter:
        assert meter.tick_s == 1.0
        start = meter.read()
        logger.sleep(2.3)
        window = Window(start, meter.read())
        assert window.power_w == pytest.approx(61.5)
        on_ticks = Window(meter.read_on_tick(), meter.read_on_tick())
        assert on_ticks.power_w == pytest.approx(61.5)
        assert on_ticks.seconds == pytest.approx(round(on_ticks.seconds))  # from row to row
        assert meter.provenance.rank is Rank.SENSOR
        assert meter.provenance.scope == "what wall.csv records"
    with pytest.raises(MeterError, match="closed"):
        meter.read()


def test_power_that_rises_evenly_is_exact_between_rows(tmp_path):
    logger = Logger(tmp_path / "wall.csv", lambda t: 10 + 4 * t)
    with logger.meter() as meter:
        start = meter.read()
        logger.sleep(3.7)
        end = meter.read()
        energy = [10 * t + 2 * t * t for t in (start.time_s - T0, end.time_s - T0)]
        assert Window(start, end).joules == pytest.approx(energy[1] - energy[0])


def test_a_tick_is_never_older_than_the_question(tmp_path):
    logger = Logger(tmp_path / "wall.csv", lambda t: 50.0, lag_s=2.0)
    with logger.meter() as meter:
        asked = logger.clock()
        assert meter.read_on_tick().time_s >= asked


def test_a_row_is_one_tick_and_not_two(tmp_path):
    """Even where the logger's clock is a little ahead, so that the row of a later time is there already."""
    logger = Logger(tmp_path / "wall.csv", lambda t: 50.0, ahead_s=1.5)
    with logger.meter() as meter:
        ticks = [meter.read_on_tick() for _ in range(4)]
    assert [after.time_s - before.time_s for before, after in pairwise(ticks)] == [1.0, 1.0, 1.0]


@given(
    st.lists(st.tuples(st.floats(0.01, 3), st.floats(0, 900)), min_size=2, max_size=20),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_interpolation_is_monotonic_and_additive(tmp_path_factory, rows, a, b):
    path = tmp_path_factory.mktemp("log") / "wall.csv"
    times = [sum(step for step, _ in rows[: k + 1]) for k in range(len(rows))]
    path.write_text("time,watts\n" + "".join(f"{t!r},{w!r}\n" for t, (_, w) in zip(times, rows, strict=True)))
    log = PowerLog(path)
    first, second = sorted(times[0] + share * (times[-1] - times[0]) for share in (a, b))
    points = [log.at(t) for t in (times[0], first, second, times[-1])]
    assert all(after >= before - 1e-9 for before, after in pairwise(points))
    assert points[0] == 0
    assert points[-1] == pytest.approx(log.rows[-1].energy_j)


def test_iso_times_extra_columns_and_a_byte_order_mark(tmp_path):
    stamp = datetime.fromtimestamp(T0, UTC).isoformat()
    (tmp_path / "pdu.csv").write_text(f'\ufeffOutlet,Watts,Time\n"3, rack 2",10,{stamp}\n\n3,20,{T0 + 1!r}\n')
    log = PowerLog(tmp_path / "pdu.csv")
    assert [row.time_s for row in log.rows] == [T0, T0 + 1]
    assert log.rows[-1].energy_j == 15.0


def test_half_a_line_is_not_yet_there(tmp_path):
    path = tmp_path / "wall.csv"
    path.write_text("time,watts\n1,10\n2,10\n3,1")
    log = PowerLog(path)
    assert len(log.rows) == 2
    with path.open("a") as file:
        file.write("0\n")
    log.refresh()
    assert log.rows[-1] == (3.0, 10.0, 20.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,watts\n1,10\nsoon,10\n", r"line 3: 'soon,10' cannot be understood"),
        ("time,watts\n1,10\n2,ten\n", r"line 3: '2,ten' cannot be understood"),
        ("time,watts\n1,10\n2\n", r"line 3: '2' cannot be understood"),
        ("time,watts\n1,-3\n", r"line 2: '1,-3' cannot be understood \(watts is -3\)"),
        ("time,watts\n1,nan\n", r"line 2.*watts is nan"),
        ("time,watts\nnan,1\n", r"line 2.*time is nan"),
        ("time,watts\n2026-11-22T10:00:00,1\n", r"line 2.*no offset from UTC"),
        ("time,watts\n2,1\n2,1\n", r"line 3.*not later than the one before"),
        ("time,joules\n1,9\n2,8\n", r"line 3.*counts less than the one before, 9 J"),
        ("time,watts\n1,9\n2,9\n19,9\n", r"line 4.*17 s after the one before, a gap"),
        ("when,watts\n1,9\n", r"line 1: the columns are when, watts; there must be `time`"),
        ("time,watts,joules\n", r"line 1.*either `watts` or `joules`"),
        ("\x00\x01\n", "line 1"),
    ],
)
def test_a_malformed_line_is_named_with_its_number(tmp_path, text, said):
    path = tmp_path / "wall.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as raised:
        PowerLog(path)
    assert "wall.csv" in str(raised.value)


def test_gaps_before_we_began_and_gaps_of_a_counter_do_not_matter(tmp_path):
    path = tmp_path / "wall.csv"
    path.write_text("time,watts\n1,9\n2,9\n99,9\n100,9\n")
    assert len(PowerLog(path, since_s=99.5).rows) == 4
    path.write_text("time,joules\n1,9\n2,9\n99,20\n")
    assert len(PowerLog(path).rows) == 3


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv cannot be read.*takes a CSV"):
        ExternalMeter(tmp_path / "nowhere.csv")


def test_a_logger_that_never_began(tmp_path):
    path = tmp_path / "wall.csv"
    path.write_text("time,watts\n1,9\n")
    clock = FakeClock(T0)
    with pytest.raises(MeterError, match=r"did not grow in 5 s; its latest row is 1\.8e\+09 s old"):
        ExternalMeter(path, wall=clock, sleep=clock.sleep)


def test_a_logger_that_stops_is_an_error_and_not_a_zero(tmp_path):
    logger = Logger(tmp_path / "wall.csv", lambda t: 50.0)
    with logger.meter() as meter:
        meter.read_on_tick()
        logger.running = False
        logger.sleep(1.0)
        with pytest.raises(MeterError, match=r"did not grow in 5 s.*logger running.*clocks"):
            meter.read()


def test_a_logger_whose_clock_is_ahead(tmp_path):
    logger = Logger(tmp_path / "wall.csv", lambda t: 50.0, ahead_s=3600)
    with logger.meter() as meter:
        for read in (meter.read, meter.read_on_tick):
            with pytest.raises(MeterError, match=r"3.6e\+03 s ahead of this host's clock"):
                read()


def test_a_log_that_is_cut_or_taken_away(tmp_path):
    logger = Logger(tmp_path / "wall.csv", lambda t: 50.0)
    with logger.meter() as meter:
        logger.path.write_text("time,watts\n")
        with pytest.raises(MeterError, match=r"shorter.*rotated"):
            meter.read()
        logger.path.unlink()
        with pytest.raises(MeterError, match=r"cannot be read \(No such file"):
            meter.read()


def test_a_line_that_becomes_malformed_while_we_measure(tmp_path):
    logger = Logger(tmp_path / "wall.csv", lambda t: 50.0 if t < 5 else math.nan)
    with logger.meter() as meter:
        logger.sleep(3.0)
        with pytest.raises(MeterError, match=r"line 7.*watts is nan"):
            meter.read()
