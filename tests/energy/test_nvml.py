"""The NVML meter on a fake host: which board, what it says of boards it cannot read, and reading on ticks."""

import statistics
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest
from fake_nvml import NVML_ERROR_GPU_IS_LOST, NVML_ERROR_NOT_SUPPORTED, Board, FakeNvml, meter_on

from ecojax.energy.meters.cuda_order import visible_uuids
from ecojax.energy.meters.nvml import clashing_pynvml
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
    with pytest.raises(MeterError, match="--meter modeled"):
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
