"""Probing a host: everything is looked at, nothing raises, and the best that can be read comes first."""

from types import SimpleNamespace

import pytest
from fake_nvml import NVML_ERROR_NO_PERMISSION, Board, FakeNvml, meter_on

from ecojax.energy.boards import closed_boards
from ecojax.energy.meters import probe as room
from ecojax.energy.meters import shelf
from ecojax.energy.meters.probe import probe
from ecojax.energy.provenance import Rank
from ecojax.errors import MeterError

GPUS = [SimpleNamespace(platform="gpu", local_hardware_id=k) for k in (0, 1)]


def none_here(*_, **__):
    raise MeterError("there is none here")


@pytest.fixture
def bare(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    for name in ("NvmlMeter", "AmdMeter", "HwmonMeter", "RaplMeter"):
        monkeypatch.setattr(shelf, name, none_here)
    return lambda name, opener: monkeypatch.setattr(shelf, name, opener)


def test_a_bare_host_has_a_model_and_a_remedy_for_everything_else(bare):
    found = probe()
    assert [finding.name for finding in found if finding.available] == ["modeled"]
    assert {finding.name for finding in found} == {"nvml", "amd", "hwmon", "rapl", "modeled", "external"}
    for finding in found:
        assert finding.reason
        assert finding.remedy
    assert found[0].tick_s == 0


def test_each_board_is_found_with_its_tick_and_given_back(bare):
    nvml = FakeNvml([Board("GPU-a", tick_s=0.1), Board("GPU-b", name="NVIDIA L4", tick_s=0.02)])
    bare("NvmlMeter", lambda ordinal: meter_on(nvml, ordinal))
    found = [finding for finding in probe(GPUS) if finding.name == "nvml"]
    assert [finding.scope for finding in found] == ["NVIDIA H200 GPU-a", "NVIDIA L4 GPU-b"]
    assert [finding.tick_s for finding in found] == [pytest.approx(t, abs=0.0015) for t in (0.1, 0.02)]
    assert all(finding.rank is Rank.ENERGY_COUNTER for finding in found)
    assert nvml.open == 0
    assert probe(GPUS)[0].name == "nvml"


def test_one_board_that_fails_hides_no_other(bare):
    nvml = FakeNvml([Board("GPU-a", mig=True), Board("GPU-b")])
    bare("NvmlMeter", lambda ordinal: meter_on(nvml, ordinal))
    by_state = {finding.available: finding for finding in probe(GPUS, ticks=False) if finding.name == "nvml"}
    assert "GPU-b" in by_state[True].scope
    assert by_state[True].tick_s is None
    assert "MIG" in by_state[False].reason


def test_a_board_of_another_job_is_a_finding(bare, monkeypatch):
    nvml = FakeNvml([Board("GPU-a", handle_error=NVML_ERROR_NO_PERMISSION), Board("GPU-b")])
    bare("NvmlMeter", lambda ordinal: meter_on(nvml, ordinal))
    monkeypatch.setattr(room, "closed_boards", lambda: closed_boards(nvml))
    by_state = {
        finding.available: finding for finding in probe(GPUS[:1], ticks=False) if finding.name == "nvml"
    }
    assert "GPU-b" in by_state[True].scope
    assert by_state[False].reason == "NVML's GPU 0 does not answer (NVML error 4)"
    assert nvml.open == 0


def test_a_library_that_is_broken_is_a_finding(bare):
    bare("AmdMeter", lambda ordinal: 1 / 0)
    (amd,) = (finding for finding in probe() if finding.name == "amd")
    assert not amd.available
    assert "ZeroDivisionError" in amd.reason


@pytest.mark.parametrize(("kind", "available"), [("TPU v4", True), ("TPU v6 lite", False)])
def test_a_tpu_is_modeled_where_its_power_is_published(bare, kind, available):
    device = SimpleNamespace(platform="tpu", device_kind=kind, local_hardware_id=0)
    (tpu,) = (finding for finding in probe([device]) if finding.name == "tpu")
    assert tpu.available is available
    assert tpu.rank is Rank.CHIP_POWER_DUTY
