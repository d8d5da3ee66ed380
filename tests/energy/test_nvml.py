"""The NVML meter on a fake host: which board, what it says of boards it cannot read, and reading on ticks."""

import os
import statistics
import threading
import time
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest
from fake_nvml import (
    EPOCH_S,
    NVML_ERROR_GPU_IS_LOST,
    NVML_ERROR_NO_PERMISSION,
    NVML_ERROR_NOT_FOUND,
    NVML_ERROR_NOT_SUPPORTED,
    Board,
    FakeNvml,
    meter_on,
)

from ecojax.energy.meters.cuda_order import visible_uuids
from ecojax.energy.meters.nvml import (
    ENERGY_FIELDS,
    INSTANT_POWER_FIELD,
    NOT_OFFERED,
    NvmlMeter,
    _number,
    clashing_pynvml,
)
from ecojax.energy.meters.nvml_conditions import THROTTLE_REASONS, others
from ecojax.energy.provenance import Rank
from ecojax.energy.window import Window
from ecojax.errors import MeterError

A, B, C = "GPU-aaaa1111-22", "GPU-aaaa3333-44", "GPU-bbbb5555-66"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, [A, B, C]),
        ("", []),
        ("-1", []),
        ("1", [B]),
        ("2,0", [C, A]),
        (" 2 , 1 ", [C, B]),
        ("0,9,1", [A]),  # an entry that names no board ends the list
        (f"{C},{A}", [C, A]),
        ("GPU-bbbb", [C]),
        ("GPU-aaaa", []),  # two boards begin so
        ("GPU-aaaa1", [A]),
        ("MIG-1234", ["MIG-1234"]),
        ("no-such", []),
    ],
)
def test_cuda_visible_devices(value, shown):
    environment = {} if value is None else {"CUDA_VISIBLE_DEVICES": value}
    assert visible_uuids([A, B, C], environment, alike=True) == shown


def test_indices_on_unlike_boards_need_the_pci_order():
    with pytest.raises(MeterError, match="CUDA_DEVICE_ORDER=PCI_BUS_ID"):
        visible_uuids([A, B], {}, alike=False)
    assert visible_uuids([A, B], {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, alike=False) == [A, B]
    assert visible_uuids([A, B], {"CUDA_VISIBLE_DEVICES": B}, alike=False) == [B]


def test_the_cuda_driver_outranks_the_environment(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", A)
    nvml = FakeNvml([Board(A), Board(B, name="NVIDIA L4")])
    assert meter_on(nvml).details["name"] == "NVIDIA H200"
    assert meter_on(nvml, cuda_uuid=lambda ordinal: B.removeprefix("GPU-")).details["name"] == "NVIDIA L4"


def test_a_board_is_described():
    with meter_on(FakeNvml([Board(A)])) as meter:
        assert meter.details == {
            "name": "NVIDIA H200",
            "uuid": A,
            "driver": "580.65.06",
            "power_limit_w": 700.0,
        }
        assert str(meter.provenance) == f"measured (NVML energy counter, NVIDIA H200 {A}, ±5 %)"


@pytest.mark.parametrize(
    ("board", "said"),
    [
        (Board(A, energy_error=NVML_ERROR_NOT_SUPPORTED, architecture=3), "older than Volta"),
        (Board(A, energy_error=NVML_ERROR_NOT_SUPPORTED, virtualization=2), "vGPU"),
        (Board(A, energy_error=NVML_ERROR_NOT_SUPPORTED), "its driver offers none"),
        (Board(A, mig=True), "MIG instance"),
        (Board(A, energy_error=NVML_ERROR_GPU_IS_LOST), "cannot be read"),
    ],
)
def test_a_board_that_cannot_be_metered_says_what_it_is(board, said):
    nvml = FakeNvml([board])
    with pytest.raises(MeterError, match=said):
        meter_on(nvml)
    assert nvml.open == 0


def test_a_mig_instance_is_known_by_its_own_uuid():
    with pytest.raises(MeterError, match="MIG-cccc"):
        meter_on(FakeNvml([Board(A)]), cuda_uuid=lambda ordinal: "cccc")


def test_no_such_device_and_no_driver(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with pytest.raises(MeterError, match=r"no CUDA device 1: NVML lists 2 GPUs.*'1' shows 1"):
        meter_on(FakeNvml([Board(A), Board(B)]), ordinal=1)
    with pytest.raises(MeterError, match="meter='modeled'"):
        meter_on(FakeNvml([], init_error=12))


def test_init_and_shutdown_are_paired():
    nvml = FakeNvml([Board(A)])
    with meter_on(nvml) as meter:
        assert nvml.open == 1
    meter.close()
    assert nvml.open == 0
    with pytest.raises(MeterError, match="closed"):
        meter.read()


@pytest.mark.parametrize("tick_s", [0.02, 0.1, 0.5])
def test_the_tick_is_found(tick_s):
    meter = meter_on(FakeNvml([Board(A, tick_s=tick_s)]))
    assert meter.tick_s == pytest.approx(tick_s, abs=0.0015)


def test_windows_between_ticks_are_exact_where_naive_ones_are_not():
    nvml = FakeNvml([Board(A)])
    meter = meter_on(nvml)
    naive, aligned = [], []
    for k in range(40):
        nvml.clock.sleep(0.0137 * k % 0.1)  # any phase
        start = meter.read()
        nvml.clock.sleep(1.0 + 0.0071 * k % 0.1)
        naive.append(Window(start, meter.read()).power_w / 300)
        start = meter.read_on_tick()
        nvml.clock.sleep(1.0)
        aligned.append(Window(start, meter.read_on_tick()).power_w / 300)
    assert statistics.stdev(naive) > 0.02
    assert max(abs(share - 1) for share in aligned) < 0.002


def test_a_counter_that_stalls_or_runs_backwards():
    nvml = FakeNvml([Board(A, power_w=0.0)])
    meter = meter_on(nvml)
    with pytest.raises(MeterError, match="stalls"):
        meter.read_on_tick()
    wind = nvml.clock.sleep
    meter._sleep = lambda seconds: (wind(seconds), setattr(nvml.boards[0], "offset_j", -1.0))
    with pytest.raises(MeterError, match="backwards"):
        meter.read_on_tick()


def test_a_driver_that_vanishes():
    nvml = FakeNvml([Board(A)])
    meter = meter_on(nvml)
    nvml.boards[0].energy_error = NVML_ERROR_GPU_IS_LOST
    with pytest.raises(MeterError, match="nvidia-smi"):
        meter.read_on_tick()


def test_the_obsolete_package_is_recognised():
    def has(*files, version):
        paths = [SimpleNamespace(parts=tuple(file.split("/"))) for file in files]
        return clashing_pynvml(lambda name: SimpleNamespace(version=version, files=paths))

    def has_none(name):
        raise PackageNotFoundError(name)

    assert has("pynvml/__init__.py", "pynvml-11.5.0.dist-info/RECORD", version="11.5.0") == "11.5.0"
    assert has("pynvml.py", version="8.0.4") == "8.0.4"
    assert has("pynvml_utils/__init__.py", version="12.0.0") is None
    assert clashing_pynvml(has_none) is None


NO_COUNTER = {"energy_error": NVML_ERROR_NOT_SUPPORTED}


@pytest.mark.parametrize("fields", [(83, 191), (191,)])
def test_the_counter_is_found_behind_a_field(fields):
    nvml = FakeNvml([Board(A, **NO_COUNTER, energy_fields=fields)])
    meter = meter_on(nvml)
    start = meter.read_on_tick()
    nvml.clock.sleep(1.0)
    assert Window(start, meter.read_on_tick()).power_w == pytest.approx(300, rel=0.002)
    assert meter.provenance.rank is Rank.ENERGY_COUNTER


def test_a_board_without_counter_is_sampled():
    """In real time: its thread knows no other. Samples are stamped by the driver, on the wall clock."""
    nvml = FakeNvml([Board(A, **NO_COUNTER, power_field=True, power_w=75.0)], clock=time.perf_counter)
    with NvmlMeter(nvml=nvml, wall=lambda: EPOCH_S + nvml.clock(), cuda_uuid=lambda ordinal: None) as meter:
        assert meter.provenance.rank is Rank.SAMPLED_POWER
        assert "integrated" in str(meter.provenance)
        assert meter.tick_s == 0.1
        assert meter.read_power() is None  # it is the first channel, and the only one
        start = meter.read_on_tick()
        window = Window(start, meter.read_on_tick())
        assert window.seconds > 0
        assert window.seconds / 0.1 == pytest.approx(
            round(window.seconds / 0.1), abs=1e-3
        )  # from sample to sample
        assert window.power_w == pytest.approx(75.0)
        nvml.boards[0].field_error = NVML_ERROR_GPU_IS_LOST
        with pytest.raises(MeterError, match="nvidia-smi"):
            _read_on_ticks(meter, 50)
    assert nvml.open == 0
    with pytest.raises(MeterError, match="closed"):
        meter.read()
    assert not [thread for thread in threading.enumerate() if thread.name == "ecojax-power"]


def _read_on_ticks(meter, count):
    for _ in range(count):
        meter.read_on_tick()


def test_instant_power_stands_beside_the_counter():
    nvml = FakeNvml([Board(A, power_field=True)])
    meter = meter_on(nvml)
    nvml.clock.sleep(0.15)
    sample = meter.read_power()
    assert sample == (pytest.approx(0.1, abs=1e-6), 300.0)  # the driver's time of it, on the meter's clock
    assert meter.read_power() is sample
    nvml.clock.sleep(0.1)
    assert meter.read_power().time_s == pytest.approx(0.2)
    assert meter_on(FakeNvml([Board(A)])).read_power() is None
    nvml.boards[0].field_error = NVML_ERROR_GPU_IS_LOST
    with pytest.raises(MeterError, match="nvidia-smi"):
        meter.read_power()


def test_what_surrounds_a_board():
    board = Board(A, pids=(os.getpid(), 1 << 30), reasons=0x1 | 0x2 | 0x4 | 0x40)
    seen = meter_on(FakeNvml([board])).conditions()
    assert seen.processes == {1 << 30}
    assert seen.throttled == {"software power cap", "hardware thermal slowdown"}
    assert (seen.clock_mhz, seen.temperature_c, seen.power_limit_w) == (1980, 41, 700)
    assert seen.details["driver"] == "580.65.06"


def test_a_driver_older_than_its_binding():
    seen = meter_on(FakeNvml([Board(A, old_driver=True, pids=(9,))])).conditions()
    assert (seen.processes, seen.clock_mhz) == (set(), 1980)


def test_the_fake_has_the_names_of_the_real_one():
    real = pytest.importorskip("pynvml")
    for name in dir(FakeNvml):
        if name.lower().startswith("nvml"):
            assert hasattr(real, name), name
    assert (real.NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION, real.NVML_FI_DEV_ENERGY) == ENERGY_FIELDS
    assert real.NVML_FI_DEV_POWER_INSTANT == INSTANT_POWER_FIELD
    assert {real.NVML_ERROR_NOT_SUPPORTED, real.NVML_ERROR_INVALID_ARGUMENT} < set(NOT_OFFERED)
    assert real.NVML_ERROR_FUNCTION_NOT_FOUND in NOT_OFFERED
    held_down = {
        getattr(real, name)
        for name in dir(real)
        if name.startswith("nvmlClocksThrottleReason")
        and not name.endswith(("All", "None", "GpuIdle", "Setting", "UserDefinedClocks"))
    }
    assert held_down == set(THROTTLE_REASONS)
    value = real.c_nvmlFieldValue_t(valueType=real.NVML_VALUE_TYPE_UNSIGNED_INT)
    value.value.uiVal = 61_500
    assert _number(value) == 61_500


def test_a_state_that_is_not_told_is_unknown_and_a_lost_board_is_an_error():
    nvml = FakeNvml([Board(A, state_error=NVML_ERROR_NOT_SUPPORTED)])
    seen = meter_on(nvml).conditions()
    assert (seen.processes, seen.throttled, seen.clock_mhz) == (set(), set(), None)
    nvml.boards[0].state_error = NVML_ERROR_GPU_IS_LOST
    with pytest.raises(MeterError, match="no longer tells its state"):
        meter_on(nvml).conditions()


@pytest.mark.parametrize(
    ("listed", "namespace", "expected"),
    [
        ([7], "initial", set()),
        ([7, 9], "initial", {9}),
        ([9], "initial", {9}),  # no context of ours is open
        ([9001], "other", set()),  # ours, by the host's count
        ([9001, 9002], "other", {9002}),
        ([9], "other", {9}),  # visible here, hence no alias of ours
        ([7, 9001], "other", {9001}),
        ([], "other", set()),
    ],
)
def test_other_processes_within_and_without_a_container(tmp_path, listed, namespace, expected):
    for pid in (7, 9):
        (tmp_path / str(pid)).mkdir()
    (tmp_path / "self" / "ns").mkdir(parents=True)
    number = {"initial": 4026531836, "other": 4026532999}[namespace]
    (tmp_path / "self" / "ns" / "pid").symlink_to(f"pid:[{number}]")
    assert others(listed, own=7, proc=tmp_path) == expected


def test_each_board_has_its_own_figure():
    nvml = FakeNvml([Board(A, power_w=100.0), Board(B, power_w=700.0)])
    meters = [meter_on(nvml, ordinal) for ordinal in (0, 1)]
    starts = [meter.read_on_tick() for meter in meters]
    nvml.clock.sleep(2.0)
    powers = [
        Window(start, meter.read_on_tick()).power_w for start, meter in zip(starts, meters, strict=True)
    ]
    assert powers == pytest.approx([100, 700], rel=0.002)
    assert nvml.open == 2
    for meter in meters:
        meter.close()
    assert nvml.open == 0


CLOSED = {
    "another job's": {"handle_error": NVML_ERROR_NO_PERMISSION},
    "lost": {"handle_error": NVML_ERROR_GPU_IS_LOST},
    "not found": {"handle_error": NVML_ERROR_NOT_FOUND},
    "lost after its handle": {"name_error": NVML_ERROR_GPU_IS_LOST},
}


@pytest.mark.parametrize("closed", CLOSED.values(), ids=CLOSED.keys())
def test_a_board_that_does_not_answer_is_skipped_and_not_counted(monkeypatch, closed):
    nvml = FakeNvml([Board(A, **closed), Board(B), Board(C, **closed)])
    for visible in (None, "0", B):  # CUDA counts from the first board that it may open
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        with meter_on(nvml) as meter:
            assert meter.details["uuid"] == B
        with pytest.raises(
            MeterError, match=r"no CUDA device 1.*GPU 0 does not answer.*GPU 2 does not answer"
        ):
            meter_on(nvml, ordinal=1)
    assert nvml.open == 0


@pytest.mark.parametrize("closed", CLOSED.values(), ids=CLOSED.keys())
def test_where_no_board_answers_each_is_named(closed):
    with pytest.raises(MeterError, match=r"may open no GPU; NVML's GPU 0 does not answer \(NVML error \d+\)"):
        meter_on(FakeNvml([Board(A, **closed)]))


def test_a_board_that_cuda_opens_and_nvml_does_not_is_no_mig_instance():
    nvml = FakeNvml([Board(A, handle_error=NVML_ERROR_GPU_IS_LOST), Board(B)])
    with pytest.raises(MeterError, match="whole boards that NVML opens; NVML's GPU 0 does not answer"):
        meter_on(nvml, cuda_uuid=lambda ordinal: A.removeprefix("GPU-"))


def test_boards_that_differ_only_by_one_that_is_closed_need_no_order():
    nvml = FakeNvml([Board(A), Board(B, name="NVIDIA L4", handle_error=NVML_ERROR_NO_PERMISSION)])
    with meter_on(nvml) as meter:
        assert meter.details["uuid"] == A
