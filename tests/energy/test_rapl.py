"""RAPL on recorded sysfs trees: which counters are added, wrap-around, permissions, perf where powercap is closed."""

import os
import threading
import time

import pytest
from fake_nvml import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from ecojax.energy.meters.perf_power import PerfCounter, perf_event_open
from ecojax.energy.meters.powercap import read_text
from ecojax.energy.meters.rapl import MAX_POWER_W, RaplMeter, Unwrapped
from ecojax.energy.provenance import Rank
from ecojax.energy.window import Window
from ecojax.errors import MeterError

RANGE_UJ = 262143328850  # of an Intel package
DRAM_RANGE_UJ = 65712999613

# Two sockets of a Xeon, with what must not be added: parts of the package, the platform, the same once more.
ZONES = {
    "intel-rapl:0": ("package-0", RANGE_UJ),
    "intel-rapl:0:0": ("core", RANGE_UJ),
    "intel-rapl:0:1": ("dram", DRAM_RANGE_UJ),
    "intel-rapl:0:2": ("uncore", RANGE_UJ),
    "intel-rapl:1": ("package-1", RANGE_UJ),
    "intel-rapl:1:0": ("dram", DRAM_RANGE_UJ),
    "intel-rapl:2": ("psys", RANGE_UJ),
    "intel-rapl-mmio:0": ("package-0", RANGE_UJ),
}
COUNTED = ("intel-rapl:0", "intel-rapl:0:1", "intel-rapl:1", "intel-rapl:1:0")


@pytest.fixture
def tree(tmp_path):
    for zone, (name, range_uj) in ZONES.items():
        folder = tmp_path / "class" / "powercap" / zone
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
        (folder / "energy_uj").write_text("1000000\n")
    return tmp_path


@pytest.fixture
def power_pmu(tmp_path):
    pmu = tmp_path / "bus" / "event_source" / "devices" / "power"
    (pmu / "events").mkdir(parents=True)
    (pmu / "type").write_text("32\n")
    (pmu / "cpumask").write_text("0,28\n")
    for event, code in (("cores", "0x01"), ("pkg", "0x02"), ("ram", "0x03"), ("psys", "0x05")):
        (pmu / "events" / f"energy-{event}").write_text(f"event={code}\n")
        (pmu / "events" / f"energy-{event}.scale").write_text("2.3283064365386962890625e-10\n")
        (pmu / "events" / f"energy-{event}.unit").write_text("Joules\n")
    return tmp_path


def set_uj(tree, zone, microjoules):
    file = tree / "class" / "powercap" / zone / "energy_uj"
    (tree / "new").write_text(f"{microjoules}\n")
    (tree / "new").replace(file)  # at once, as a thread may read it meanwhile


def forbid(path):
    if path.name == "energy_uj":
        raise PermissionError(13, "Permission denied", str(path))
    return read_text(path)


def test_packages_and_memory_are_added_and_nothing_else(tree):
    clock = FakeClock()
    with RaplMeter(root=tree, clock=clock) as meter:
        start = meter.read()
        clock.sleep(2.0)
        for zone in ZONES:
            set_uj(tree, zone, 1_000_000 + 25_000_000)
        window = Window(start, meter.read())
    assert window.joules == pytest.approx(25 * len(COUNTED))
    assert str(meter.provenance) == "measured (RAPL, 2 packages with memory of this host, ±10 %)"
    assert meter.provenance.rank is Rank.CPU_PACKAGE


def test_a_counter_that_wraps_around(tree):
    clock = FakeClock()
    set_uj(tree, "intel-rapl:0", RANGE_UJ - 10_000_000)
    with RaplMeter(root=tree, clock=clock) as meter:
        start = meter.read()
        clock.sleep(1.0)
        set_uj(tree, "intel-rapl:0", 20_000_000)
        assert Window(start, meter.read()).joules == pytest.approx(30.0)


@given(
    st.floats(0, 1),
    st.lists(st.tuples(st.floats(1e-3, 30.0), st.floats(0, 0.99 * MAX_POWER_W)), min_size=1, max_size=40),
)
def test_wrap_arithmetic(phase, steps):
    """Whatever the power, up to the limit, and however it is read, up to a range a reading, no joule is lost."""
    range_j = DRAM_RANGE_UJ / 1e6
    truth_j, time_s = phase * range_j, 0.0
    counter = Unwrapped(range_j, "dram")
    assert counter.add(0.0, truth_j % range_j) == 0
    for seconds, watts in steps:
        time_s += seconds
        truth_j += seconds * watts
        assert counter.add(time_s, truth_j % range_j) == pytest.approx(truth_j - phase * range_j, abs=1e-6)


def test_a_reset_is_no_wrap_around(tree):
    clock = FakeClock()
    set_uj(tree, "intel-rapl:1", 5_000_000_000)
    with RaplMeter(root=tree, clock=clock) as meter:
        meter.read()
        clock.sleep(1.0)
        set_uj(tree, "intel-rapl:1", 0)
        with pytest.raises(MeterError, match=r"package-1 went from 5000 J to 0 J in 1 s.*reset"):
            meter.read()
        clock.sleep(1000.0)  # by when it could have wrapped around
        with pytest.raises(MeterError, match="reset"):
            meter.read()


def test_a_counter_without_a_range_that_goes_backwards():
    counter = Unwrapped(None, "package")
    counter.add(0.0, 10.0)
    with pytest.raises(MeterError, match="backwards"):
        counter.add(1.0, 9.0)


def test_a_thread_reads_before_two_wraps_and_ends(tree):
    clock = FakeClock()
    meter = RaplMeter(root=tree, clock=clock)
    range_j = DRAM_RANGE_UJ / 1e6
    assert meter.reread_s == pytest.approx(range_j / MAX_POWER_W)  # half a minute
    meter.reread_s = 0.01
    assert not threads()
    set_uj(tree, "intel-rapl:0:1", 0)
    start = meter.read()
    for share in (0.4, 0.8, 0.2, 0.6):  # of the range, of which there are 1.6 in all
        clock.sleep(30.0)
        set_uj(tree, "intel-rapl:0:1", round(share * DRAM_RANGE_UJ))
        wait_until_reread(meter, share * range_j)
    assert meter.read().energy_j == pytest.approx(1.6 * range_j)
    assert len(threads()) == 1
    assert start.energy_j == 0
    meter.close()
    meter.close()
    assert not threads()
    with pytest.raises(MeterError, match="closed"):
        meter.read()


def wait_until_reread(meter, joules):
    memory = next(u for u, c in zip(meter._unwrapped, meter._counters, strict=True) if c.name == "dram")
    for _ in range(1000):
        if memory._last[1] == pytest.approx(joules):
            return
        time.sleep(0.005)
    pytest.fail("nobody read the counter again")


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "ecojax-rapl"]


def test_the_permission_problem_is_explained(tree):
    with pytest.raises(MeterError, match=r"root only.*chmod o\+r .*energy_uj.*udev.*meter='modeled'"):
        RaplMeter(root=tree, read_text=forbid)


def test_a_host_without_rapl(tmp_path):
    with pytest.raises(MeterError, match=r"no RAPL package.*virtual machines.*modprobe.*no perf events"):
        RaplMeter(root=tmp_path)


@pytest.mark.parametrize("damage", ["", "forty-two", None])
def test_a_driver_that_vanishes_or_speaks_nonsense(tree, damage):
    with RaplMeter(root=tree) as meter:
        file = tree / "class" / "powercap" / "intel-rapl:0" / "energy_uj"
        file.unlink() if damage is None else file.write_text(damage)
        with pytest.raises(MeterError, match=r"intel-rapl:0/energy_uj cannot be read"):
            meter.read()


class FakePerf:
    """Counters behind pipes that hold one value a reading."""

    def __init__(self):
        self.opened, self.pipes = [], []

    def open(self, pmu, event, cpu):
        self.opened.append((pmu, event, cpu))
        end, start = os.pipe()
        self.pipes.append(start)
        return end

    def count(self, values):
        for pipe, value in zip(self.pipes, values, strict=True):
            os.write(pipe, value.to_bytes(8, "little"))

    def close(self):
        for pipe in self.pipes:
            os.close(pipe)


def test_perf_where_powercap_is_closed(tree, power_pmu):
    perf, clock = FakePerf(), FakeClock()
    with RaplMeter(root=tree, read_text=forbid, open_event=perf.open, clock=clock) as meter:
        assert perf.opened == [(32, 2, 0), (32, 2, 28), (32, 3, 0), (32, 3, 28)]
        assert (
            str(meter.provenance)
            == "measured (RAPL through perf, 2 packages with memory of this host, ±10 %)"
        )
        assert meter.reread_s is None  # 64 bits do not wrap
        perf.count([0, 0, 0, 0])
        start = meter.read()
        clock.sleep(1.0)
        perf.count([2**32, 2 * 2**32, 2**31, 0])  # 2^-32 J a count
        assert Window(start, meter.read()).joules == pytest.approx(3.5)
    for descriptor in (counter.descriptor for counter in meter._counters):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
    perf.close()


def test_perf_that_is_closed_too(tree, power_pmu):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    with pytest.raises(MeterError, match=r"chmod o\+r.*perf_event_paranoid=0"):
        RaplMeter(root=tree, read_text=forbid, open_event=refuse)


def test_a_package_without_a_counter_of_its_memory(power_pmu):
    (power_pmu / "bus/event_source/devices/power/events/energy-ram").unlink()
    perf = FakePerf()
    with RaplMeter(root=power_pmu, open_event=perf.open) as meter:
        assert meter.provenance.scope == "2 packages of this host"
    perf.close()


def test_the_system_call_counts():
    """On the kernel's own CPU clock, which runs a second a second on any host: type 1, event 0, in nanoseconds."""
    try:
        descriptor = perf_event_open(1, 0, 0)
    except OSError as error:
        pytest.skip(f"perf events are closed here: {error}")
    counter = PerfCounter("the CPU clock", descriptor, 1e-9)
    start, began = counter.read_j(), time.perf_counter()
    time.sleep(0.2)
    assert counter.read_j() - start == pytest.approx(time.perf_counter() - began, rel=0.05)
    counter.close()
    with pytest.raises(MeterError, match="the CPU clock cannot be read"):
        counter.read_j()
