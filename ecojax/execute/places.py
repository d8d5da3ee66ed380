"""Where workers go: the environment variables that give each a device of its own."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ecojax.errors import InputError
from ecojax.install import CUDA_PLUGINS, clashing_cuda, how_to_install
from ecojax.wording import option

if TYPE_CHECKING:
    from ecojax.energy.boards import Board

ROCM_PLUGINS = ("jax_rocm60_plugin", "jax_rocm7_plugin")
TPU_LIBRARIES = ("libtpu",)


def places(device: str, workers: int | None, *, nvml: Any = None) -> list[dict[str, str]]:
    """An environment for each worker on this host, in the order of CUDA's devices where they are GPUs.

    device: "cpu", "gpu", "tpu", or "auto": whatever JAX would take, the CPU where there is nothing else.
    workers: None is one for each NVIDIA GPU that CUDA_VISIBLE_DEVICES shows, else one. On a CPU they share its
        cores; on anything else a worker has its device to itself, or its energy could not be told.
    nvml: for tests.

    Raises InputError where there is no such device, or fewer than workers.
    """
    from ecojax.energy.boards import besides

    if workers is not None and workers < 1:
        raise InputError(f"{option('workers', workers)} makes no sense; ask for at least 1.")
    older = os.environ.get("JAX_PLATFORM_NAME", "").lower()
    chosen = (os.environ.get("JAX_PLATFORMS") or older).split(",")[0]
    if device == "cpu" or (device == "auto" and chosen == "cpu"):
        return [{"JAX_PLATFORMS": "cpu"} for _ in range(workers or 1)]
    nvidia = device == "gpu" or (device == "auto" and chosen in ("", "cuda", "gpu"))
    if nvidia and _installed(CUDA_PLUGINS):
        boards, unopened = _visible(nvml, os.environ)
        if boards:
            if clash := clashing_cuda():
                raise InputError(f"{clash}; or compute on the CPU with {option('device', 'cpu')}.")
            if workers is not None and workers > len(boards):
                raise _too_many(
                    workers, f"{len(boards)} visible GPU{'s' * (len(boards) > 1)}{besides(unopened)}"
                )
            # The CPU stays a backend beside it; named, a GPU that fails is an error, not a fall to the CPU.
            return [
                {
                    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
                    "CUDA_VISIBLE_DEVICES": board,
                    "JAX_PLATFORMS": "cuda,cpu",
                }
                for board in boards[:workers]
            ]
        if unopened and device == "gpu":
            raise InputError(
                f"{option('device', 'gpu')} was asked for, but CUDA shows no GPU that this process may "
                f"open{besides(unopened)}; ask for one in its job, and look at CUDA_VISIBLE_DEVICES and nvidia-smi."
            )
    others = {"gpu": ROCM_PLUGINS, "tpu": TPU_LIBRARIES, "auto": ROCM_PLUGINS + TPU_LIBRARIES}
    if _installed(others[device]):  # these JAX finds by itself
        if workers is not None and workers > 1:
            raise _too_many(workers, "one worker on TPUs and AMD GPUs")
        return [{}]
    if device == "auto" and chosen:  # asked for: a worker says, in JAX's words, why it cannot be had
        return [{}]
    if device == "auto":
        return places("cpu", workers)
    remedy = (
        f"where an NVIDIA driver is, run {how_to_install('cuda')}, and look at CUDA_VISIBLE_DEVICES and nvidia-smi"
        if device == "gpu"
        else "run where there is one, with jax[tpu] installed"
    )
    raise InputError(
        f"{option('device', device)} was asked for, but there is none that JAX can use here; {remedy}."
    )


def closed() -> list[str]:
    """NVIDIA's boards that do not answer, as `closed_boards`; none where JAX could not use them."""
    from ecojax.energy.boards import closed_boards

    return closed_boards() if _installed(CUDA_PLUGINS) else []


def accelerator_installed() -> bool:
    """Whether JAX has anything here with which it could use a GPU or TPU."""
    return _installed(CUDA_PLUGINS + ROCM_PLUGINS + TPU_LIBRARIES)


def _too_many(workers: int, have: str) -> InputError:
    return InputError(
        f"{option('workers', workers)} is more than a device for each: there is room for {have}. Metering needs a "
        "device to itself; ask for fewer, or add hosts with Ray."
    )


def _installed(modules: tuple[str, ...]) -> bool:
    return any(find_spec(module) is not None for module in modules)


def _visible(nvml: Any, environment: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """What to write into CUDA_VISIBLE_DEVICES for each device that it shows now: the UUID of a board, or a MIG id.

    And the boards that do not answer, as `open_boards` says it.
    """
    boards, unopened = _boards(nvml)
    value = environment.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return [board.uuid for board in boards], unopened
    visible: list[str] = []
    for entry in (entry.strip() for entry in value.split(",")):
        if entry.startswith("MIG-"):
            visible.append(entry)
            continue
        if entry.isdecimal():
            if (
                len({board.name for board in boards}) > 1
                and environment.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID"
            ):
                raise InputError(
                    f"CUDA_VISIBLE_DEVICES={value!r} counts GPUs, which differ on this host, by speed; set "
                    "CUDA_DEVICE_ORDER=PCI_BUS_ID, or name them by UUID."
                )
            matches = [board.uuid for board in boards][int(entry) : int(entry) + 1]
        else:
            matches = [b.uuid for b in boards if entry.startswith("GPU-") and b.uuid.startswith(entry)]
        if len(matches) != 1:  # CUDA ignores everything from here on
            break
        visible += matches
    return visible, unopened


def _boards(nvml: Any) -> "tuple[list[Board], list[str]]":
    """`open_boards`; none where there is no driver."""
    from ecojax.energy.boards import open_boards

    if nvml is None:
        import pynvml

        nvml = pynvml
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return [], []
    try:
        return open_boards(nvml)
    except nvml.NVMLError as error:
        raise InputError(
            f"NVML does not list this host's GPUs ({error}); check them with nvidia-smi."
        ) from None
    finally:
        nvml.nvmlShutdown()
