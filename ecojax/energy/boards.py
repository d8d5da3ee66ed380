"""NVIDIA's boards that this process may open. NVML counts those of other jobs and lost ones, too; CUDA does not."""

from typing import Any, NamedTuple


class Board(NamedTuple):
    """A board by its `handle` in NVML, with its `uuid` ("GPU-…") and the `name` of its model."""

    handle: Any
    uuid: str
    name: str


def open_boards(nvml: Any) -> tuple[list[Board], list[str]]:
    """The boards that answer, in PCI order, and for each of the others which it is and what NVML says of it.

    A job that was given some of a host's GPUs may not open the rest (NVML_ERROR_NO_PERMISSION), and one that fell off
    its bus is lost until the host restarts. CUDA shows neither, so its numbers count the boards that answer.

    nvml: the module pynvml, initialised. Raises nvml.NVMLError where the boards cannot even be counted.
    """
    boards, closed = [], []
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid, name = nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle)
        except nvml.NVMLError as error:
            closed.append(f"NVML's GPU {index} does not answer ({error})")
        else:
            boards.append(Board(handle, _text(uuid), _text(name)))
    return boards, closed


def closed_boards(nvml: Any = None) -> list[str]:
    """The second half of `open_boards`; empty where there is no driver, too."""
    if nvml is None:
        import pynvml

        nvml = pynvml
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return []
    try:
        return open_boards(nvml)[1]
    except nvml.NVMLError:
        return []
    finally:
        nvml.nvmlShutdown()


def besides(closed: list[str]) -> str:
    """`closed` as the end of a message; nothing where it is empty."""
    return "".join(f"; {one}" for one in closed)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
