"""The meter of NVIDIA boards: NVML's total-energy counter, read through nvidia-ml-py."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from typing import Any

from ecojax.energy.meter import Meter, Reading
from ecojax.energy.meters.cuda_order import driver_uuid, visible_uuids
from ecojax.energy.provenance import Provenance, Rank
from ecojax.energy.ticks import next_tick, tick_length
from ecojax.errors import MeterError

SYSTEMATIC_PERCENT = 5.0  # what NVIDIA states for the power readings of its data-centre boards
CALIBRATION_TICKS = 20
MODELED = "use `--meter modeled` for the host's CPU alone"


class NvmlMeter(Meter):
    """Counts the whole board that runs CUDA's visible device `ordinal`, memory and idle power included.

    The counter steps about every 100 ms on data-centre boards, so windows are read on ticks; `tick_s` is found
    by watching twenty of them when first asked for. NVML stays initialised and the handle held until `close`.

    ordinal: as JAX numbers local GPUs (`device.local_hardware_id`).
    details: the board's name, UUID, power limit in watts, and driver version.
    nvml, clock, sleep, cuda_uuid: for tests.

    Raises MeterError where there is no such board or it has no energy counter, saying what it is.
    """

    def __init__(
        self,
        ordinal: int = 0,
        *,
        nvml: Any = None,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
        cuda_uuid: Callable[[int], str | None] = driver_uuid,
    ):
        self._nvml = nvml if nvml is not None else _import_pynvml()
        self._clock, self._sleep = clock, sleep
        self._tick_s: float | None = None
        self._open = False
        try:
            self._nvml.nvmlInit()
        except self._nvml.NVMLError as error:
            raise MeterError(
                f"NVML does not start ({error}): is an NVIDIA driver installed? If not, {MODELED}."
            ) from None
        self._open = True
        try:
            self._handle, uuid = self._find(ordinal, cuda_uuid)
            self.details = self._describe(uuid)
            self.read()
        except BaseException:
            self.close()
            raise

    def _find(self, ordinal: int, cuda_uuid: Callable[[int], str | None]) -> tuple[Any, str]:
        nvml = self._nvml
        try:
            handles = [nvml.nvmlDeviceGetHandleByIndex(k) for k in range(nvml.nvmlDeviceGetCount())]
            boards = {_text(nvml.nvmlDeviceGetUUID(handle)): handle for handle in handles}
            names = {_text(nvml.nvmlDeviceGetName(handle)) for handle in handles}
        except nvml.NVMLError as error:
            raise MeterError(f"NVML does not list this host's GPUs ({error}); {MODELED}.") from None
        known = cuda_uuid(ordinal)
        if known is not None:
            # The driver gives a MIG instance its own UUID, which is no board's.
            uuid = f"GPU-{known}" if f"GPU-{known}" in boards else f"MIG-{known}"
        else:
            visible = visible_uuids(list(boards), os.environ, alike=len(names) < 2)
            if ordinal >= len(visible):
                raise MeterError(
                    f"There is no CUDA device {ordinal}: NVML lists {len(boards)} GPUs, of which "
                    f"CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES', '')!r} shows {len(visible)}."
                )
            uuid = visible[ordinal]
        if uuid.startswith("MIG-") or self._is_split(boards[uuid]):
            raise MeterError(
                f"CUDA device {ordinal} is a MIG instance ({uuid}), and NVML counts energy for whole boards only; "
                f"measure on a board without MIG, or {MODELED}."
            )
        return boards[uuid], uuid

    def _is_split(self, handle: Any) -> bool:
        try:
            return bool(self._nvml.nvmlDeviceGetMigMode(handle)[0] == self._nvml.NVML_DEVICE_MIG_ENABLE)
        except self._nvml.NVMLError:  # a board that knows no MIG
            return False

    def _describe(self, uuid: str) -> dict[str, str | float]:
        nvml = self._nvml
        try:
            details: dict[str, str | float] = {
                "name": _text(nvml.nvmlDeviceGetName(self._handle)),
                "uuid": uuid,
                "driver": _text(nvml.nvmlSystemGetDriverVersion()),
            }
        except nvml.NVMLError as error:
            raise MeterError(f"NVML does not describe {uuid} ({error}); check it with nvidia-smi.") from None
        with suppress(nvml.NVMLError):  # boards without power management have no limit to state
            details["power_limit_w"] = nvml.nvmlDeviceGetEnforcedPowerLimit(self._handle) / 1000
        return details

    @property
    def provenance(self) -> Provenance:
        scope = f"{self.details['name']} {self.details['uuid']}"
        return Provenance("measured", "NVML energy counter", scope, SYSTEMATIC_PERCENT, Rank.ENERGY_COUNTER)

    @property
    def tick_s(self) -> float:
        if self._tick_s is None:
            self._tick_s = tick_length(self.read_on_tick, CALIBRATION_TICKS)
        return self._tick_s

    def read(self) -> Reading:
        board = f"{self.details['name']} ({self.details['uuid']})"
        if not self._open:
            raise MeterError(f"The meter of {board} is closed; open another.")
        try:
            millijoules = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
        except self._nvml.NVMLError as error:
            if getattr(error, "value", None) == self._nvml.NVML_ERROR_NOT_SUPPORTED:
                raise MeterError(f"{board} has no energy counter: {self._why_none()}; {MODELED}.") from None
            raise MeterError(
                f"The energy counter of {board} cannot be read ({error}); check the driver with nvidia-smi."
            ) from None
        return Reading(self._clock(), millijoules / 1000)

    def _why_none(self) -> str:
        nvml = self._nvml
        with suppress(nvml.NVMLError):
            if nvml.nvmlDeviceGetVirtualizationMode(self._handle) == nvml.NVML_GPU_VIRTUALIZATION_MODE_VGPU:
                return "it is a vGPU, a share of a board that only its host can meter"
            if nvml.nvmlDeviceGetArchitecture(self._handle) < nvml.NVML_DEVICE_ARCH_VOLTA:
                return "it is older than Volta, the first architecture with one"
        return "its driver offers none"

    def read_on_tick(self) -> Reading:
        return next_tick(self.read, sleep=self._sleep)

    def close(self) -> None:
        if self._open:
            self._open = False
            with suppress(self._nvml.NVMLError):  # a driver that is gone has nothing left to shut down
                self._nvml.nvmlShutdown()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _import_pynvml() -> Any:
    if shadowed_by := clashing_pynvml():
        raise MeterError(
            f"The obsolete package pynvml {shadowed_by} stands in the way of nvidia-ml-py, which has the same module; "
            "run `pip uninstall pynvml` and then `pip install --force-reinstall nvidia-ml-py`."
        )
    try:
        import pynvml
    except ImportError:
        raise MeterError(
            f"The package nvidia-ml-py is missing; run `pip install nvidia-ml-py`, or {MODELED}."
        ) from None
    return pynvml


def clashing_pynvml(
    distribution: Callable[[str], metadata.Distribution] = metadata.distribution,
) -> str | None:
    """The version of a distribution `pynvml` that brings a module pynvml of its own, as before 12.0; else None.

    Later ones only depend on nvidia-ml-py and are harmless.
    """
    try:
        found = distribution("pynvml")
    except metadata.PackageNotFoundError:
        return None
    files = found.files or []
    return found.version if any(file.parts[0] in ("pynvml", "pynvml.py") for file in files) else None
