"""Which board CUDA's device k is. NVML counts boards by PCI bus, CUDA by speed, and the environment hides some.

The CUDA driver is asked first, as it knows; the environment's rules are followed where it cannot be loaded.
"""

import ctypes
from collections.abc import Mapping, Sequence

from ecojax.errors import MeterError


def driver_uuid(ordinal: int) -> str | None:
    """The UUID (no prefix) of CUDA's visible device `ordinal`, or None where no CUDA driver answers.

    For a MIG instance it is the instance's own (cuDeviceGetUuid_v2).
    """
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
        device, uuid = ctypes.c_int(), (ctypes.c_ubyte * 16)()
        if cuda.cuInit(0) or cuda.cuDeviceGet(ctypes.byref(device), ctypes.c_int(ordinal)):
            return None
        if cuda.cuDeviceGetUuid_v2(ctypes.byref(uuid), device):
            return None
    except (OSError, AttributeError):  # no library, or one older than the function
        return None
    text = bytes(uuid).hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def visible_uuids(boards: Sequence[str], environment: Mapping[str, str], *, alike: bool) -> list[str]:
    """UUIDs of the devices that CUDA shows, in CUDA's order, from `CUDA_VISIBLE_DEVICES`.

    boards: UUIDs ("GPU-…") of all boards in PCI order. alike: whether they are all of one model.
    Entries are indices, UUIDs (also abbreviated, where only one board begins so), or MIG ids, kept as they are; CUDA
    ignores everything from the first entry on that names no board.
    Raises MeterError where indices are used, boards differ, and CUDA_DEVICE_ORDER is not PCI_BUS_ID: the order
    is then CUDA's secret.
    """
    value = environment.get("CUDA_VISIBLE_DEVICES")
    entries = [str(k) for k in range(len(boards))] if value is None else [e.strip() for e in value.split(",")]
    visible: list[str] = []
    for entry in entries:
        if entry.startswith("MIG-"):
            visible.append(entry)
            continue
        if entry.isdecimal():
            if not alike and environment.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
                raise MeterError(
                    "This host's GPUs differ, and CUDA numbers them by speed where NVML numbers them by PCI bus; set "
                    "CUDA_DEVICE_ORDER=PCI_BUS_ID, or name the GPU by its UUID in CUDA_VISIBLE_DEVICES."
                )
            matches = [board for k, board in enumerate(boards) if k == int(entry)]
        else:
            matches = [board for board in boards if entry.startswith("GPU-") and board.startswith(entry)]
        if len(matches) != 1:
            break
        visible += matches
    return visible
