"""Choosing a meter by name, or by what this host's JAX runs on. What cannot be metered is said, never guessed."""

from collections.abc import Callable
from typing import Any

from ecojax.energy.meter import Meter
from ecojax.energy.meters.amd import AmdMeter
from ecojax.energy.meters.external import ExternalMeter
from ecojax.energy.meters.hwmon import HwmonMeter
from ecojax.energy.meters.modeled import ModeledMeter
from ecojax.energy.meters.nvml import NvmlMeter
from ecojax.energy.meters.rapl import RaplMeter
from ecojax.energy.meters.tpu import TpuMeter
from ecojax.errors import InputError, MeterError
from ecojax.install import how_to_install
from ecojax.jax_devices import kind_of, local_devices
from ecojax.wording import option

METERS = ("auto", "nvml", "amd", "hwmon", "rapl", "tpu", "modeled", "external:FILE")


def open_meter(
    spec: str | Meter | None = "auto", *, device: Any = None, watts_per_core: float | None = None
) -> Meter:
    """The meter that `spec` names, for `device`; to be closed by the caller.

    spec: one of METERS, or a meter, which is handed back as it is. "auto" or None is the best that sees `device`:
        the counter of its board (nvml, amd) or else its module's rails (hwmon) on a GPU; rapl, hwmon or else modeled
        on a CPU; the model of its chip on a TPU.
    device: a JAX device; by default the first local one of JAX's default backend.
    watts_per_core: for the modeled meter, which "auto" then is on a CPU.

    Raises InputError on an unknown name or impossible watts, MeterError where the device cannot be metered: a GPU's
    energy is never silently replaced by that of its host's CPU.
    """
    if spec is not None and not isinstance(spec, str):
        return spec
    name, _, file = (spec or "auto").partition(":")
    if (name + ":FILE" if name == "external" else spec or "auto") not in METERS:
        raise InputError(f"There is no meter {spec!r}; {option('meter')} takes {', '.join(METERS)}.")
    if name not in ("auto", "modeled") and watts_per_core is not None:
        raise InputError(
            f"{option('watts_per_core')} belongs to {option('meter', 'modeled')}; "
            f"{option('meter', name)} reads an instrument instead."
        )
    if name == "external":
        if not file:
            raise InputError(f"{option('meter', 'external')} needs the log's name, as in external:watts.csv.")
        return ExternalMeter(file)
    if device is None:
        device = local_devices()[0]
    if name == "auto":
        return _automatic(device, watts_per_core)
    if name == "modeled":
        return _modeled(device, watts_per_core)
    _require_seen(name, device)
    return _named(name, device)


def _automatic(device: Any, watts_per_core: float | None) -> Meter:
    if device.platform == "cpu" and watts_per_core is not None:
        return _modeled(device, watts_per_core)
    unread: list[MeterError] = []
    for name in meters_of(device):
        try:
            return _named(name, device)
        except MeterError as error:
            unread.append(error)
    if device.platform == "cpu":
        return _modeled(device, watts_per_core)
    if unread:
        raise unread[0]
    raise MeterError(
        f"JAX computes on {device.platform} here, which no meter reads; use "
        f"{option('meter', 'modeled')}, which covers the host's CPU only, or {option('meter', 'external:FILE')}."
    )


def meters_of(device: Any) -> tuple[str, ...]:
    """Names of the meters that could see a JAX device, the best first; "modeled" is not among them."""
    if kind_of(device) == "gpu":
        return ("amd" if is_amd(device) else "nvml", "hwmon")
    return {"cpu": ("rapl", "hwmon"), "tpu": ("tpu",)}.get(kind_of(device), ())


def is_amd(device: Any) -> bool:
    """Whether a JAX device that is a GPU is AMD's, by its platform or the name that its runtime gives itself."""
    runtime = getattr(getattr(device, "client", None), "platform_version", "")
    return "rocm" in f"{device.platform} {runtime}".lower()


def _require_seen(name: str, device: Any) -> None:
    """A meter of what JAX does not compute on would give figures of something else."""
    if name in meters_of(device):
        return
    kinds = {"nvml": "NVML", "amd": "amdsmi", "hwmon": "hwmon", "rapl": "RAPL", "tpu": "the TPU model"}
    kind = kind_of(device)
    on = f"an AMD {kind}" if kind == "gpu" and is_amd(device) else kind
    raise MeterError(
        f"JAX computes on {on} here, which {kinds[name]} cannot meter; use {option('meter', 'modeled')}"
        + (f", or on a host with an NVIDIA GPU run {how_to_install('cuda')}." if name == "nvml" and on == "cpu" else
           "." if on == "cpu" else ", which covers the host's CPU only.")
    )  # fmt: skip


def _named(name: str, device: Any) -> Meter:
    openers: dict[str, Callable[[], Meter]] = {
        "nvml": lambda: NvmlMeter(device.local_hardware_id),
        "amd": lambda: AmdMeter(device.local_hardware_id),
        "hwmon": HwmonMeter,
        "rapl": RaplMeter,
        "tpu": lambda: TpuMeter.of(device),
    }
    return openers[name]()


def _modeled(device: Any, watts_per_core: float | None) -> Meter:
    on = device.platform
    scope = "this process" if on == "cpu" else f"the host's CPU only, not the {on} that computes"
    return ModeledMeter(watts_per_core, scope=scope)
