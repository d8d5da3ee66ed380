"""The devices that JAX has in this process, and in one sentence why it has none."""

import os
from typing import Any

from ecojax.errors import InputError

ACCELERATORS = ("cuda", "rocm", "gpu", "tpu")


def local_devices() -> list[Any]:
    """This process's devices of JAX's default backend.

    Raises InputError, in JAX's words, where it does not start or has not what `JAX_PLATFORMS` asks for. JAX itself says
    nothing where "cuda,cpu" finds no GPU, and computes on the CPU.
    """
    import jax

    try:
        found = jax.local_devices()
    except (RuntimeError, AssertionError) as error:  # the latter where "cuda" finds no GPU
        raise _refusal(str(error)) from error
    if _asked().split(",")[0] in ACCELERATORS and found[0].platform == "cpu":
        raise _refusal("")
    return found


def cpu_device() -> Any:
    """The host's CPU as a device of JAX, or None where `JAX_PLATFORMS` leaves it out.

    Raises InputError where JAX does not start.
    """
    import jax

    try:
        return jax.local_devices(backend="cpu")[0]
    except (RuntimeError, AssertionError):
        local_devices()
        return None


def kind_of(device: Any) -> str:
    """What a JAX device is: "cpu", "gpu", "tpu", or another platform's name; a GPU's may be "gpu", "cuda" or "rocm"."""
    name = device if isinstance(device, str) else str(device.platform)
    return {"cuda": "gpu", "rocm": "gpu"}.get(name.lower(), name)


def failed_accelerator() -> str:
    """Why JAX computes on the CPU of a host whose GPU it knows and cannot start, in its words; "" elsewhere."""
    import jax

    for name in ("cuda", "rocm"):
        try:
            jax.local_devices(backend=name)
        except RuntimeError as error:
            if "failed to initialize" in str(error):
                return _sentence(str(error))
    return ""


def platform() -> str:
    """Of the device that this thread's programs are compiled for unless told otherwise: "cpu", "gpu" or "tpu".

    Raises InputError where JAX does not start.
    """
    import jax

    device: Any = jax.config.values["jax_default_device"]
    return kind_of(local_devices()[0] if device is None else device)


def initialised() -> bool:
    """Whether JAX holds this process's devices already: which those are cannot be chosen any more."""
    from jax._src import xla_bridge  # no public way asks without an answer that starts it

    return bool(xla_bridge.backends_are_initialized())


def setting() -> str:
    """What this process asks JAX to compute on, as in "JAX_PLATFORMS=cuda"; "" where JAX chooses."""
    asked = _asked()
    name = "JAX_PLATFORMS" if _platforms() else "JAX_PLATFORM_NAME"
    return f"{name}={asked}" if asked else ""


def _asked() -> str:
    return _platforms() or os.environ.get("JAX_PLATFORM_NAME", "").lower()


def _platforms() -> str:
    import jax

    return jax.config.values["jax_platforms"] or ""


def _refusal(said: str) -> InputError:
    said = _sentence(said).partition(" (set JAX_PLATFORMS")[0]
    says = f"says '{said}'" if said else "finds no such device"
    asked = setting()
    name = asked.partition("=")[0]
    return InputError(
        f"{asked or 'JAX'} cannot be used here: JAX {says}; "
        + (f"unset {name} or correct it, " if asked else "")
        + "look at nvidia-smi and CUDA_VISIBLE_DEVICES where a GPU should be, or set JAX_PLATFORMS=cpu"
    )


def _sentence(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
