"""Choosing a meter by name, or by what this host's JAX runs on. What cannot be metered is said, never guessed."""

from typing import Any

from ecojax.energy.meter import Meter
from ecojax.energy.meters.modeled import ModeledMeter
from ecojax.energy.meters.nvml import NvmlMeter
from ecojax.errors import InputError, MeterError

METERS = ("auto", "nvml", "modeled")


def open_meter(
    spec: str | Meter | None = "auto", *, device: Any = None, watts_per_core: float | None = None
) -> Meter:
    """The meter that `spec` names, for `device`; to be closed by the caller.

    spec: "nvml" (an NVIDIA board's energy counter), "modeled" (CPU time × watts per core), "auto" or None (the
        first on a GPU, the second on a CPU), or a meter, which is handed back as it is.
    device: a JAX device; by default the first local one of JAX's default backend.
    watts_per_core: for the modeled meter.

    Raises InputError on an unknown name or impossible watts, MeterError where the device cannot be metered: a GPU's
    energy is never silently replaced by that of its host's CPU.
    """
    if spec is not None and not isinstance(spec, str):
        return spec
    spec = spec or "auto"
    if spec not in METERS:
        raise InputError(f"There is no meter {spec!r}; --meter takes {', '.join(METERS)}.")
    if spec == "nvml" and watts_per_core is not None:
        raise InputError(
            "--watts-per-core belongs to `--meter modeled`; `--meter nvml` reads the board instead."
        )
    if device is None:
        import jax

        device = jax.local_devices()[0]
    platform = device.platform
    if spec == "modeled" or (spec == "auto" and platform == "cpu"):
        scope = (
            "this process" if platform == "cpu" else f"the host's CPU only, not the {platform} that computes"
        )
        return ModeledMeter(watts_per_core, scope=scope)
    if platform != "gpu":
        raise MeterError(
            f"JAX computes on {platform} here, which NVML cannot meter; use `--meter modeled`"
            + (", or install `ecojax[cuda]` on a host with an NVIDIA GPU." if platform == "cpu" else
               ", which covers the host's CPU only.")
        )  # fmt: skip
    return NvmlMeter(device.local_hardware_id)
