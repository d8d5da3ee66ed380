"""What surrounds an NVIDIA board: who else computes on it, what holds its clock down, how warm it is."""

import os
from pathlib import Path
from typing import Any

from ecojax.energy.conditions import Conditions
from ecojax.errors import MeterError

# Bits of nvmlClocksEventReasons. Left out, as nothing is held down: rest (0x1), chosen clocks (0x2), a display (0x100).
THROTTLE_REASONS = {
    0x004: "software power cap",
    0x008: "hardware slowdown",
    0x010: "sync boost",
    0x020: "software thermal slowdown",
    0x040: "hardware thermal slowdown",
    0x080: "hardware power brake",
    0x200: "board limit",
    0x400: "reliability",
}
CLOCK_SM, TEMPERATURE_GPU = 1, 0
_INITIAL_PID_NAMESPACE = "pid:[4026531836]"  # the kernel's own constant, PROC_PID_INIT_INO
_UNTOLD = (
    "NVML_ERROR_NOT_SUPPORTED",
    "NVML_ERROR_NO_PERMISSION",
    "NVML_ERROR_FUNCTION_NOT_FOUND",
    "NVML_ERROR_ARGUMENT_VERSION_MISMATCH",
)


def conditions(
    nvml: Any, handle: Any, details: dict[str, str | float], *, proc: Path = Path("/proc")
) -> Conditions:
    """The board behind `handle` now; None and empty where its driver does not tell.

    nvml: the module pynvml. details: facts to pass on. Raises MeterError where the board no longer answers.
    """
    untold = {getattr(nvml, name) for name in _UNTOLD if hasattr(nvml, name)}

    def ask(name: str, *arguments: Any) -> Any:
        function = getattr(nvml, name, None)
        if function is None:  # a binding older or newer than the function
            return None
        try:
            return function(handle, *arguments)
        except getattr(
            nvml, "NVMLLibraryMismatchError", ()
        ):  # a driver older than the function, and no NVMLError
            return None
        except nvml.NVMLError as error:
            if getattr(error, "value", None) in untold:
                return None
            raise MeterError(
                f"{details['name']} ({details['uuid']}) no longer tells its state ({error}); check it with nvidia-smi."
            ) from None

    reasons = ask("nvmlDeviceGetCurrentClocksEventReasons")
    if reasons is None:  # drivers before 535
        reasons = ask("nvmlDeviceGetCurrentClocksThrottleReasons") or 0
    listed = [
        process.pid
        for kind in ("Compute", "MPSCompute")
        for process in ask(f"nvmlDeviceGet{kind}RunningProcesses") or ()
    ]
    temperature = ask("nvmlDeviceGetTemperatureV", TEMPERATURE_GPU)
    if temperature is None:
        temperature = ask("nvmlDeviceGetTemperature", TEMPERATURE_GPU)
    limit_mw = ask("nvmlDeviceGetEnforcedPowerLimit")
    return Conditions(
        processes=others(listed, proc=proc),
        throttled=frozenset(words for bit, words in THROTTLE_REASONS.items() if reasons & bit),
        clock_mhz=ask("nvmlDeviceGetClockInfo", CLOCK_SM),
        temperature_c=temperature,
        power_limit_w=None if limit_mw is None else limit_mw / 1000,
        details=dict(details),
    )


def others(listed: list[int], *, own: int | None = None, proc: Path = Path("/proc")) -> frozenset[int]:
    """Process ids in `listed` that are not this process.

    In a container NVML may list the host's ids, among which this process cannot find itself. There, where its own id
    is not listed, one id that no process here bears is taken for it: the count of others is right either way.
    """
    own = os.getpid() if own is None else own
    strangers = frozenset(listed) - {own}
    if own in listed or not strangers or not _contained(proc):
        return strangers
    unseen = sorted(pid for pid in strangers if not (proc / str(pid)).exists())
    return strangers - set(unseen[:1])


def _contained(proc: Path) -> bool:
    try:
        return os.readlink(proc / "self" / "ns" / "pid") != _INITIAL_PID_NAMESPACE
    except OSError:  # no Linux, or a sealed /proc
        return False
