"""What is modeled: watts per core by processor, memory in its own column, and TPU chips."""

import math
import threading
import time

import pytest
from fake_nvml import FakeClock

from ecojax.energy import ModeledMeter
from ecojax.energy.meters.cpu_watts import CHIPS, cpu_model, find_chip
from ecojax.energy.meters.modeled import WATTS_PER_CORE, resident_gib
from ecojax.energy.meters.tpu import TpuMeter
from ecojax.energy.provenance import Rank
from ecojax.energy.window import Window
from ecojax.errors import InputError, MeterError


@pytest.mark.parametrize(
    ("model", "watts"),
    [
        ("AMD EPYC 7763 64-Core Processor", 280 / 64),
        ("Intel(R) Xeon(R) Platinum 8480+", 350 / 56),
        ("Intel(R) Xeon(R) Platinum 8358 CPU @ 2.60GHz", 250 / 32),
        ("Intel(R) Core(TM) i9-9900K CPU @ 3.60GHz", 95 / 8),
        ("AMD Ryzen 9 7950X 16-Core Processor", 170 / 16),
        ("AMD Ryzen 9 7950X3D 16-Core Processor", None),  # another chip, of 120 W
        ("Intel(R) Xeon(R) Platinum 8480C", None),
        ("AMD EPYC", None),
        ("", None),
    ],
)
def test_watts_per_core_by_processor(model, watts):
    chip = find_chip(model)
    assert (chip and chip.watts_per_core) == watts


def test_the_table_is_in_order_and_of_this_world():
    assert len({chip.name for chip in CHIPS}) == len(CHIPS)
    assert all(2 < chip.watts_per_core < 25 for chip in CHIPS)
    assert 0.7 * WATTS_PER_CORE < sum(c.watts_per_core for c in CHIPS) / len(CHIPS) < 1.3 * WATTS_PER_CORE


def test_what_is_stated_outranks_the_table_and_the_table_the_default():
    assert ModeledMeter(7.0, cpu="AMD EPYC 7763 64-Core Processor").watts_per_core == 7.0
    known = ModeledMeter(cpu="AMD EPYC 7763 64-Core Processor")
    assert str(known.provenance) == "modeled (CPU time × 4.38 W per core of EPYC 7763, this process, ±30 %)"
    unknown = ModeledMeter(cpu="a processor")
    assert str(unknown.provenance) == "modeled (CPU time × 10 W per core, this process, ±30 %)"
    assert unknown.provenance.rank is Rank.WATTS_PER_CORE


def test_the_processor_is_named(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: AMD EPYC 7763 64-Core Processor\nmodel name\t: other\n")
    assert cpu_model(file) == "AMD EPYC 7763 64-Core Processor"
    assert cpu_model(tmp_path / "none")


def test_memory_is_off_and_then_in_its_own_column():
    assert ModeledMeter().read_memory() is None
    clock = FakeClock()
    meter = ModeledMeter(
        10.0, ram_w_per_gib=0.4, clock=clock, cpu_clock=lambda: 0.0, resident_gib=lambda: 5.0
    )
    start = meter.read_memory()
    clock.sleep(10.0)
    assert Window(start, meter.read_memory()).joules == pytest.approx(0.4 * 5 * 10)
    assert meter.read().energy_j == 0  # no CPU time, hence no joules of the processor


def test_resident_memory_is_what_the_process_holds():
    before = resident_gib()
    held = bytearray(b"\1") * 2**27
    assert resident_gib() - before == pytest.approx(0.125, abs=0.02)
    del held


@pytest.mark.parametrize("watts", [0, -1, math.nan, math.inf])
def test_impossible_memory_is_refused(watts):
    with pytest.raises(InputError, match="ram_w_per_gib"):
        ModeledMeter(ram_w_per_gib=watts)


def test_a_tpu_of_unknown_duty_is_busy_at_its_published_mean():
    clock = FakeClock()
    with TpuMeter("TPU v4", clock=clock) as meter:
        start = meter.read()
        clock.sleep(3.0)
        assert Window(start, meter.read()).power_w == pytest.approx(170)
        assert str(meter.provenance) == (
            "modeled (published power of TPU v4 × duty: 170 W, busy throughout, one chip with its memory, ±47 %)"
        )
        assert meter.provenance.rank is Rank.CHIP_POWER_DUTY
    with pytest.raises(MeterError, match="closed"):
        meter.read()


@pytest.mark.parametrize(("duty", "watts"), [(0.0, 123), (1.0, 262), (0.5, 192.5)])
def test_a_tpu_of_known_duty_is_between_its_least_and_greatest(duty, watts, monkeypatch):
    monkeypatch.setattr("ecojax.energy.meters.tpu.DUTY_TICK_S", 0.01)
    with TpuMeter("TPU v3", duty=lambda: duty) as meter:
        start = meter.read_on_tick()
        time.sleep(0.03)
        assert Window(start, meter.read_on_tick()).power_w == pytest.approx(watts)
        assert "123 to 262 W by libtpu's duty cycle" in str(meter.provenance)
    assert not [thread for thread in threading.enumerate() if thread.name == "ecojax-power"]


@pytest.mark.parametrize("kind", ["TPU v2", "TPU v5 lite", "TPU v6 lite", "TPU7x"])
def test_a_tpu_whose_power_is_not_published(kind):
    with pytest.raises(
        MeterError, match=rf"No power is published for {kind}.*external:FILE.*meter='modeled'"
    ):
        TpuMeter(kind)
