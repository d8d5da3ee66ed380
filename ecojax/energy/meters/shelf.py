"""The meters that can be asked for by name: one record each. Adding a meter is its file and an entry here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ecojax.energy.meter import Meter
from ecojax.energy.meters.amd import AmdMeter
from ecojax.energy.meters.hwmon import HwmonMeter
from ecojax.energy.meters.modeled import ModeledMeter
from ecojax.energy.meters.nvml import NvmlMeter
from ecojax.energy.meters.rapl import RaplMeter
from ecojax.energy.meters.tpu import TpuMeter
from ecojax.energy.provenance import Rank
from ecojax.install import how_to_install
from ecojax.jax_devices import kind_of


@dataclass(frozen=True)
class Instrument:
    """A meter by its name on the shelf.

    title: in messages. open: the meter for a JAX device, or for the host's first where that is None.
    sees: whether it counts the energy of a JAX device, so that "auto" may take it; "auto" takes the first on the shelf.
    rank: of its figures. remedy: what to do to have it, or to have it better.
    of_a_device: whether there is one for each device, in place of one for the host. needs_device: whether it can only
    be opened for a device that is there.
    """

    title: str
    open: Callable[[Any], Meter]
    sees: Callable[[Any], bool]
    rank: Rank
    remedy: str
    of_a_device: bool = False
    needs_device: bool = False


def is_amd(device: Any) -> bool:
    """Whether a JAX device that is a GPU is AMD's, by its platform or the name that its runtime gives itself."""
    runtime = getattr(getattr(device, "client", None), "platform_version", "")
    return "rocm" in f"{device.platform} {runtime}".lower()


def _board(device: Any) -> int:
    return 0 if device is None else int(device.local_hardware_id)


def modeled(device: Any, watts_per_core: float | None = None) -> Meter:
    """The model of this process's processor time; on another device than a CPU, it says that it counts no more."""
    on = "cpu" if device is None else device.platform
    scope = "this process" if on == "cpu" else f"the host's CPU only, not the {on} that computes"
    return ModeledMeter(watts_per_core, scope=scope)


METERS = {
    "nvml": Instrument(
        "NVML",
        lambda device: NvmlMeter(_board(device)),
        lambda device: kind_of(device) == "gpu" and not is_amd(device),
        Rank.ENERGY_COUNTER,
        f"NVIDIA's driver, and {how_to_install('cuda')} for JAX to compute on the GPU",
        of_a_device=True,
    ),
    "amd": Instrument(
        "amdsmi",
        lambda device: AmdMeter(_board(device)),
        lambda device: kind_of(device) == "gpu" and is_amd(device),
        Rank.ENERGY_COUNTER,
        f"ROCm, and {how_to_install('amd')}, in the version of this host's ROCm",
        of_a_device=True,
    ),
    "rapl": Instrument(
        "RAPL",
        lambda device: RaplMeter(),
        lambda device: kind_of(device) == "cpu",
        Rank.CPU_PACKAGE,
        "sudo chmod o+r /sys/class/powercap/*/energy_uj, or sudo sysctl kernel.perf_event_paranoid=0; virtual machines "
        "have none",
    ),
    "hwmon": Instrument(
        "hwmon",
        lambda device: HwmonMeter(),
        lambda device: kind_of(device) in ("cpu", "gpu"),
        Rank.SENSOR,
        "nothing to do where there are no such sensors; else load the drivers ina3221 or acpi_power_meter",
    ),
    "tpu": Instrument(
        "the TPU model",
        lambda device: TpuMeter.of(device),
        lambda device: kind_of(device) == "tpu",
        Rank.CHIP_POWER_DUTY,
        "--meter external:FILE, with a log of the plug's power",
        of_a_device=True,
        needs_device=True,
    ),
    "modeled": Instrument(
        "the model",
        modeled,
        lambda device: False,  # "auto" takes it last, and only on a CPU
        Rank.WATTS_PER_CORE,
        "--watts-per-core, where you know your chip",
    ),
}
