"""The modeled and the replayed meter, choosing one, metering a block, provenance."""

import json
import math
import subprocess
import sys
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest
from fake_nvml import Board, FakeNvml, meter_on

from ecojax.energy import ModeledMeter, Provenance, Rank, ReplayMeter, measure, open_meter
from ecojax.errors import InputError, MeterError

CPU = SimpleNamespace(platform="cpu")
GPU = SimpleNamespace(platform="gpu", local_hardware_id=0)
RADEON = SimpleNamespace(
    platform="gpu", local_hardware_id=0, client=SimpleNamespace(platform_version="PJRT C API\nrocm 60300")
)
# the names that JAX's plugins give themselves
CUDA, ROCM = (SimpleNamespace(platform=name, local_hardware_id=0) for name in ("cuda", "rocm"))
TPU = SimpleNamespace(platform="tpu", device_kind="TPU v5 lite", local_hardware_id=0)
TPU_V4 = SimpleNamespace(platform="tpu", device_kind="TPU v4", local_hardware_id=0)
METAL = SimpleNamespace(platform="METAL", local_hardware_id=0)


def test_importing_loads_neither_jax_nor_nvml():
    code = "import sys, ecojax.energy; print([m for m in ('jax', 'pynvml', 'numpy', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_modeled_joules_are_cpu_seconds_times_watts():
    wall, cpu = iter([0.0, 2.0]), iter([1.0, 4.0])
    with measure(ModeledMeter(7.5, clock=lambda: next(wall), cpu_clock=lambda: next(cpu))) as window:
        pass
    assert (window.joules, window.seconds) == (22.5, 2.0)
    assert str(window.provenance) == "modeled (CPU time × 7.5 W per core, this process, ±30 %)"


@pytest.mark.parametrize("watts", [0, -1.0, math.nan, math.inf])
def test_impossible_watts_are_refused(watts):
    with pytest.raises(InputError, match="watts_per_core"):
        ModeledMeter(watts)


def no_such(*_, **__):
    raise MeterError("there is none here")


@pytest.fixture
def bare(monkeypatch):
    """A host without instruments, whatever this one has; returns a function that gives it one."""
    meters = "ecojax.energy.meters.shelf"
    for name in ("NvmlMeter", "AmdMeter", "HwmonMeter", "RaplMeter"):
        monkeypatch.setattr(f"{meters}.{name}", no_such)
    return lambda name, opener: monkeypatch.setattr(f"{meters}.{name}", opener)


def test_auto_models_on_a_cpu_that_tells_nothing(bare):
    assert isinstance(open_meter(None, device=CPU), ModeledMeter)


@pytest.mark.parametrize(
    ("device", "meter"),
    [
        (CPU, "RaplMeter"),
        (CPU, "HwmonMeter"),
        (GPU, "NvmlMeter"),
        (CUDA, "NvmlMeter"),
        (ROCM, "AmdMeter"),
        (GPU, "HwmonMeter"),
        (RADEON, "AmdMeter"),
    ],
)
def test_auto_takes_the_instrument_that_sees_the_device(bare, device, meter):
    instrument = ReplayMeter([])
    bare(meter, lambda *ordinal: instrument)
    assert open_meter("auto", device=device) is instrument


@pytest.mark.parametrize(("device", "meter"), [(RADEON, "NvmlMeter"), (GPU, "AmdMeter"), (GPU, "RaplMeter")])
def test_auto_takes_no_instrument_of_something_else(bare, device, meter):
    bare(meter, lambda *ordinal: ReplayMeter([]))
    with pytest.raises(MeterError, match="there is none here"):
        open_meter("auto", device=device)


def test_auto_measures_a_board(bare):
    bare("NvmlMeter", lambda ordinal: meter_on(FakeNvml([Board("GPU-a")]), ordinal))
    assert open_meter("auto", device=GPU).provenance.kind == "measured"


def test_stated_watts_are_of_the_model_where_there_is_an_instrument_too(bare):
    bare("RaplMeter", lambda: ReplayMeter([]))
    assert open_meter("auto", device=CPU, watts_per_core=6.0).watts_per_core == 6.0


def test_auto_models_a_tpu_whose_power_is_published():
    assert open_meter("auto", device=TPU_V4).provenance.rank is Rank.CHIP_POWER_DUTY


def test_a_gpu_that_cannot_be_read_is_an_error_and_not_cpu_time(monkeypatch):
    driverless = FakeNvml([], init_error=12)
    monkeypatch.setattr("ecojax.energy.meters.nvml._import_pynvml", lambda: driverless)
    with pytest.raises(MeterError, match=r"NVML does not start.*meter='modeled'"):
        open_meter("auto", device=GPU)
    assert "host's CPU only, not the gpu" in str(open_meter("modeled", device=GPU).provenance)


@pytest.mark.parametrize(
    ("spec", "device", "error", "said"),
    [
        ("nvml", CPU, MeterError, r"computes on cpu.*meter='modeled'"),
        ("nvml", TPU, MeterError, r"computes on tpu.*meter='modeled'"),
        ("nvml", RADEON, MeterError, r"an AMD gpu.*NVML cannot"),
        ("nvml", ROCM, MeterError, r"an AMD gpu.*NVML cannot"),
        ("amd", GPU, MeterError, r"computes on gpu.*amdsmi cannot"),
        ("rapl", GPU, MeterError, r"computes on gpu.*RAPL cannot.*meter='modeled'"),
        ("auto", TPU, MeterError, r"TPU v5 lite.*meter='modeled'"),
        ("auto", METAL, MeterError, r"computes on METAL.*meter='modeled'.*external:FILE"),
        ("wattmeter", CPU, InputError, r"'wattmeter'.*auto, nvml.*modeled, external:FILE, FILE.py:NAME"),
        ("nvml:0", CPU, InputError, r"'nvml:0'"),
        ("external", CPU, InputError, r"external:watts\.csv"),
        ("external:", CPU, InputError, r"external:watts\.csv"),
        ("external:nowhere.csv", CPU, InputError, r"nowhere\.csv cannot be read"),
    ],
)
def test_what_cannot_be_metered_is_refused_with_a_remedy(spec, device, error, said):
    with pytest.raises(error, match=said):
        open_meter(spec, device=device)


@pytest.mark.parametrize("spec", ["nvml", "amd", "hwmon", "rapl", "tpu", "external:watts.csv"])
def test_watts_do_not_go_with_an_instrument(spec):
    with pytest.raises(InputError, match="watts_per_core"):
        open_meter(spec, device=GPU, watts_per_core=5)


def test_a_meter_is_handed_back_as_it_is():
    meter = ReplayMeter([])
    assert open_meter(meter) is meter


def test_replay_gives_its_script_and_then_refuses():
    meter = ReplayMeter([(0, 1), MeterError("the driver is gone")])
    assert meter.read() == (0, 1)
    with pytest.raises(MeterError, match="driver is gone"):
        meter.read()
    with pytest.raises(MeterError, match="at its end"):
        meter.read()


def test_a_block_between_ticks():
    ticking = ReplayMeter([(0.00, 5), (0.05, 10), (3.00, 40), (3.05, 40), (3.10, 70)], tick_s=0.1)
    with measure(ticking) as window:
        assert window.sync(jnp.arange(3)).shape == (3,)
        with pytest.raises(MeterError, match="after its `with` block"):
            _ = window.joules
    assert (window.joules, window.seconds) == (60, pytest.approx(3.05))


def test_a_block_that_raises_has_its_joules_and_keeps_its_error():
    with pytest.raises(ZeroDivisionError), measure(ReplayMeter([(0, 0), (1, 9)])) as window:
        _ = 1 / 0
    assert window.joules == 9
    with pytest.raises(ZeroDivisionError) as raised, measure(ReplayMeter([(0, 0)])):
        _ = 1 / 0
    assert "at its end" in raised.value.__notes__[0]


def test_a_block_without_a_meter_opens_the_automatic_one(bare):
    if jax.default_backend() != "cpu":
        pytest.skip("the automatic meter is another here")
    with measure() as window:
        sum(range(10_000))
    assert window.joules > 0
    assert window.provenance.kind == "modeled"


@pytest.mark.parametrize(
    "provenance", [Provenance("measured", "a", "b", 5.0), Provenance("modeled", "a", "b", None)]
)
def test_provenance_survives_a_dictionary(provenance):
    assert Provenance.from_dict(provenance.to_dict()) == provenance


def test_what_is_no_provenance_is_refused():
    with pytest.raises(InputError, match="guessed"):
        Provenance("guessed", "me", "all")
    with pytest.raises(InputError, match="not a provenance"):
        Provenance.from_dict({"kind": "measured", "colour": "red"})


def test_the_rank_of_a_provenance():
    old = Provenance.from_dict({"kind": "measured", "by": "a", "scope": "b", "systematic_percent": 5.0})
    assert old.rank is None
    new = Provenance("measured", "a", "b", 5.0, Rank.ENERGY_COUNTER)
    assert new == old  # a study begun before ranks goes on
    stored = json.loads(json.dumps(new.to_dict()))
    assert Provenance.from_dict(stored).rank is Rank.ENERGY_COUNTER
    assert Rank.ENERGY_COUNTER < Rank.SAMPLED_POWER < Rank.CPU_PACKAGE < Rank.WATTS_PER_CORE < Rank.PROXY


@pytest.mark.parametrize(
    ("kind", "rank"), [("modeled", 1), ("measured", 5), ("measured", 0), ("modeled", 99)]
)
def test_a_rank_that_cannot_be(kind, rank):
    with pytest.raises(InputError, match=str(rank)):
        Provenance(kind, "a", "b", None, rank)


def test_a_meter_has_one_channel_unless_it_says_otherwise():
    assert ModeledMeter().read_power() is None
