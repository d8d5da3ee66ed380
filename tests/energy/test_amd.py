"""AMD's GPUs through a fake amdsmi: which board, accumulator or power, and what it says of boards it cannot read."""

import re
import sys
import threading
import time

import pytest
from fake_nvml import FakeClock

from ecojax.energy.meters.amd import AmdMeter, visible
from ecojax.energy.provenance import Rank
from ecojax.energy.window import Window
from ecojax.errors import MeterError
from ecojax.install import how_to_install

RESOLUTION_UJ = 15.3  # of an MI250


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


class AmdSmiError(Exception):
    pass


class FakeAmdsmi:
    """Boards 0, 1, … draw 100, 200, … W; the accumulator is updated every millisecond."""

    AmdSmiException = AmdSmiError

    def __init__(self, count=2, key="energy_accumulator", clock=None):
        self.count, self.key, self.clock = count, key, clock or FakeClock(1.0)
        self.open = 0
        self.energy = self.power = self.init = None  # an exception to raise

    def amdsmi_init(self):
        if self.init:
            raise self.init
        self.open += 1

    def amdsmi_shut_down(self):
        self.open -= 1

    def amdsmi_get_processor_handles(self):
        return list(range(self.count))

    def amdsmi_get_gpu_device_bdf(self, handle):
        return f"0000:C{handle}:00.0"

    def amdsmi_get_gpu_asic_info(self, handle):
        return {"market_name": "AMD Instinct MI250X"}

    def amdsmi_get_energy_count(self, handle):
        if self.energy:
            raise self.energy
        joules = 100 * (handle + 1) * (self.clock() // 0.001 * 0.001)
        return {
            self.key: round(joules * 1e6 / RESOLUTION_UJ),
            "counter_resolution": RESOLUTION_UJ,
            "timestamp": 0,
        }

    def amdsmi_get_power_info(self, handle):
        if self.power:
            raise self.power
        return {"current_socket_power": "N/A", "average_socket_power": 100 * (handle + 1)}

    def meter(self, ordinal=0, bus_id=lambda ordinal: None):
        options = {"sleep": self.clock.sleep} if isinstance(self.clock, FakeClock) else {}
        return AmdMeter(ordinal, amdsmi=self, clock=self.clock, bus_id=bus_id, **options)


@pytest.mark.parametrize("key", ["energy_accumulator", "power"])
def test_the_accumulator_counts_in_steps_of_its_resolution(key):
    smi = FakeAmdsmi(key=key)
    with smi.meter(1) as meter:
        start = meter.read_on_tick()
        smi.clock.sleep(1.0)
        assert Window(start, meter.read_on_tick()).power_w == pytest.approx(200, rel=0.002)
        assert str(meter.provenance) == (
            "measured (amdsmi energy accumulator, AMD Instinct MI250X 0000:c1:00.0, ±5 %)"
        )
        assert meter.read_power().watts == 200
        assert 0 < meter.tick_s < 0.01
    assert smi.open == 0
    with pytest.raises(MeterError, match="closed"):
        meter.read()


def test_a_board_without_accumulator_is_sampled():
    smi = FakeAmdsmi(clock=time.perf_counter)
    smi.energy = AmdSmiError("AMDSMI_STATUS_NOT_SUPPORTED")
    with smi.meter() as meter:
        assert meter.provenance.rank is Rank.SAMPLED_POWER
        assert meter.read_power() is None
        assert Window(meter.read_on_tick(), meter.read_on_tick()).power_w == pytest.approx(100)
    assert smi.open == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "ecojax-power"]


def test_a_board_that_tells_nothing():
    smi = FakeAmdsmi()
    smi.energy = smi.power = AmdSmiError("AMDSMI_STATUS_NOT_SUPPORTED")
    with pytest.raises(MeterError, match=r"MI250X.*neither energy nor power.*meter='modeled'"):
        smi.meter()
    assert smi.open == 0


def test_a_driver_that_is_not_there_or_vanishes():
    smi = FakeAmdsmi()
    smi.init = AmdSmiError("AMDSMI_STATUS_DRIVER_NOT_LOADED")
    with pytest.raises(MeterError, match=r"DRIVER_NOT_LOADED.*amd-smi list"):
        smi.meter()
    smi.init = None
    with smi.meter() as meter:
        smi.energy = AmdSmiError("AMDSMI_STATUS_FILE_ERROR")
        with pytest.raises(MeterError, match="FILE_ERROR"):
            meter.read()


def test_a_board_that_does_not_answer_is_skipped_and_not_counted(monkeypatch):
    smi = FakeAmdsmi()
    told = smi.amdsmi_get_gpu_device_bdf

    def bdf(handle):
        if handle == smi.amdsmi_get_processor_handles()[0]:
            raise AmdSmiError("AMDSMI_STATUS_NO_PERM")
        return told(handle)

    monkeypatch.setattr(smi, "amdsmi_get_gpu_device_bdf", bdf)
    assert "0000:c1" in smi.meter(0).provenance.scope
    with pytest.raises(MeterError, match=r"lists 1 GPUs.*GPU 0 does not answer .*NO_PERM"):
        smi.meter(1)


def test_the_runtime_outranks_the_environment(monkeypatch):
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "0")
    smi = FakeAmdsmi()
    assert "0000:c1" in smi.meter(0, bus_id=lambda ordinal: "0000:c1:00.0").provenance.scope
    assert "0000:c0" in smi.meter(0).provenance.scope
    with pytest.raises(MeterError, match="no HIP device 1: amdsmi lists 2 GPUs, of which 1 are visible"):
        smi.meter(1)


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({}, [0, 1, 2]),
        ({"HIP_VISIBLE_DEVICES": "2,0"}, [2, 0]),
        ({"ROCR_VISIBLE_DEVICES": "1,2", "HIP_VISIBLE_DEVICES": "1"}, [2]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, [1]),
        ({"HIP_VISIBLE_DEVICES": "0", "CUDA_VISIBLE_DEVICES": "1"}, [0]),
        ({"HIP_VISIBLE_DEVICES": "0,7,1"}, [0]),
    ],
)
def test_visible_devices(environment, shown):
    assert visible(3, environment) == shown


def test_uuids_need_the_runtime():
    with pytest.raises(MeterError, match=r"ROCR_VISIBLE_DEVICES='GPU-1f'.*numbers"):
        visible(3, {"ROCR_VISIBLE_DEVICES": "GPU-1f"})


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "amdsmi", None)
    with pytest.raises(MeterError, match=re.escape(how_to_install("amd"))):
        AmdMeter()
