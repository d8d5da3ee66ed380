"""The meter of NVIDIA boards: NVML's total-energy counter, or its instant power where there is none."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from importlib import metadata
from typing import Any, TypeVar

from ecojax.energy.boards import besides, open_boards
from ecojax.energy.conditions import Conditions
from ecojax.energy.meter import Meter
from ecojax.energy.meters.cuda_order import driver_uuid, visible_uuids
from ecojax.energy.meters.instead import modeled_instead
from ecojax.energy.meters.nvml_conditions import conditions
from ecojax.energy.meters.sampled import SampledMeter
from ecojax.energy.provenance import Provenance, Rank
from ecojax.energy.readings import PowerReading, Reading
from ecojax.energy.ticks import next_tick, tick_length
from ecojax.errors import MeterError
from ecojax.install import how_to_install

SYSTEMATIC_PERCENT = 5.0  # what NVIDIA states for the power readings of its data-centre boards
# The same, and as much again for what happens while the sensor does not look (arXiv 2312.02741).
SAMPLED_PERCENT = 10.0
POWER_TICK_S = 0.1  # of instant power on A100 and H100; a window of 25 ms in each
ENERGY_FIELDS = (83, 191)  # total energy in mJ, twice: the second since Hopper
INSTANT_POWER_FIELD = 186  # in mW
STALE_S = 5.0  # a sample's time further from now than this is a time of something else
CALIBRATION_TICKS = 20
# NVML's codes for what a board or its driver does not have: not supported, unknown field, unknown function.
NOT_OFFERED = (3, 2, 13)
# nvmlValueType: the union's member that holds it.
_MEMBERS = dict(enumerate(("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal")))


T = TypeVar("T")


class _NotOfferedError(MeterError):
    """The board has no such reading, and never will."""


class NvmlMeter(Meter):
    """Counts the whole board that runs CUDA's visible device `ordinal`, memory and idle power included.

    The counter steps about every 100 ms on data-centre boards, so windows are read on ticks; `tick_s` is found
    by watching twenty of them when first asked for. A board without counter is sampled: its instant power,
    integrated (never the one-second average that nvidia-smi shows). NVML stays initialised and the handle held
    until `close`.

    ordinal: as JAX numbers local GPUs (`device.local_hardware_id`).
    details: the board's name, UUID, power limit in watts, and driver version.
    nvml, clock, wall, sleep, cuda_uuid: for tests.

    Raises MeterError where there is no such board or it tells neither energy nor power, saying what it is.
    """

    def __init__(
        self,
        ordinal: int = 0,
        *,
        nvml: Any = None,
        clock: Callable[[], float] = time.perf_counter,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        cuda_uuid: Callable[[int], str | None] = driver_uuid,
    ):
        self._nvml = nvml if nvml is not None else _import_pynvml()
        self._clock, self._wall, self._sleep = clock, wall, sleep
        self._tick_s: float | None = None
        self._open = False
        self._count: Callable[[], float] | None = None
        self._power: SampledMeter | None = None
        self._sample: tuple[int, PowerReading] | None = None  # the driver's own time of it, and what it was
        try:
            self._nvml.nvmlInit()
        except self._nvml.NVMLError as error:
            raise MeterError(
                f"NVML does not start ({error}): is an NVIDIA driver installed? If not, {modeled_instead()}."
            ) from None
        self._open = True
        try:
            self._handle, uuid = self._find(ordinal, cuda_uuid)
            self.details = self._describe(uuid)
            self._count = self._find_counter()
        except BaseException:
            self.close()
            raise

    def _find(self, ordinal: int, cuda_uuid: Callable[[int], str | None]) -> tuple[Any, str]:
        nvml = self._nvml
        try:
            found, closed = open_boards(nvml)
        except nvml.NVMLError as error:
            raise MeterError(f"NVML does not list this host's GPUs ({error}); {modeled_instead()}.") from None
        if closed and not found:
            raise MeterError(
                f"This process may open no GPU{besides(closed)}; ask for one in its job, or {modeled_instead()}."
            )
        boards = {board.uuid: board.handle for board in found}
        names = {board.name for board in found}
        known = cuda_uuid(ordinal)
        if known is not None:
            # The driver gives a MIG instance its own UUID, which is no board's.
            uuid = f"GPU-{known}" if f"GPU-{known}" in boards else f"MIG-{known}"
            if uuid not in boards and closed:
                raise MeterError(
                    f"CUDA device {ordinal} ({known}) is none of the {len(boards)} whole boards that NVML opens"
                    f"{besides(closed)}; check it with nvidia-smi, or {modeled_instead()}."
                )
        else:
            visible = visible_uuids(list(boards), os.environ, alike=len(names) < 2)
            if ordinal >= len(visible):
                raise MeterError(
                    f"There is no CUDA device {ordinal}: NVML lists {len(boards)} GPUs, of which "
                    f"CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES', '')!r} shows {len(visible)}"
                    f"{besides(closed)}."
                )
            uuid = visible[ordinal]
        if uuid.startswith("MIG-") or self._is_split(boards[uuid]):
            raise MeterError(
                f"CUDA device {ordinal} is a MIG instance ({uuid}), and NVML counts energy for whole boards only; "
                f"measure on a board without MIG, or {modeled_instead()}."
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

    def _find_counter(self) -> Callable[[], float] | None:
        """Of the ways to ask for joules, the first that answers; None where instant power stands in for them."""
        ways: list[Callable[[], float]] = [
            lambda: self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1000,
            *(partial(self._field_joules, number) for number in ENERGY_FIELDS),
        ]
        for way in ways:
            if self._offered(way):
                return way
        if not self._offered(self._instant_power):
            raise MeterError(
                f"{self._board} tells neither energy nor instant power: {self._why_none()}; {modeled_instead()}."
            )
        self._power = SampledMeter(
            self._instant_power,
            provenance=self.provenance,
            tick_s=POWER_TICK_S,
            name=f"The power sensor of {self._board}",
            clock=self._clock,
        )
        return None

    def _offered(self, way: Callable[[], object]) -> bool:
        """Whether the driver offers it at all; MeterError where it does, and fails."""
        try:
            self._answer(way)
        except _NotOfferedError:
            return False
        return True

    def _answer(self, way: Callable[[], T]) -> T:
        try:
            return way()
        except self._nvml.NVMLError as error:
            kind = _NotOfferedError if getattr(error, "value", None) in NOT_OFFERED else MeterError
            raise kind(f"{self._board} cannot be read ({error}); check the driver with nvidia-smi.") from None

    def _field(self, number: int) -> Any:
        value = self._nvml.nvmlDeviceGetFieldValues(self._handle, [number])[0]
        if value.nvmlReturn != 0:
            raise self._nvml.NVMLError(value.nvmlReturn)
        return value

    def _field_joules(self, number: int) -> float:
        return _number(self._field(number)) / 1000

    def _instant_power(self) -> PowerReading:
        value = self._answer(lambda: self._field(INSTANT_POWER_FIELD))
        if self._sample is not None and self._sample[0] == value.timestamp != 0:
            return self._sample[1]
        age_s, now = self._wall() - value.timestamp / 1e6, self._clock()
        time_s = now - age_s if 0 <= age_s < STALE_S else now  # some drivers leave the time at zero
        self._sample = (value.timestamp, PowerReading(time_s, _number(value) / 1000))
        return self._sample[1]

    @property
    def _board(self) -> str:
        return f"{self.details['name']} ({self.details['uuid']})"

    @property
    def provenance(self) -> Provenance:
        scope = f"{self.details['name']} {self.details['uuid']}"
        if self._count is None:
            by = "NVML instant power, integrated"
            return Provenance("measured", by, scope, SAMPLED_PERCENT, Rank.SAMPLED_POWER)
        return Provenance("measured", "NVML energy counter", scope, SYSTEMATIC_PERCENT, Rank.ENERGY_COUNTER)

    @property
    def tick_s(self) -> float:
        if self._tick_s is None:
            self._tick_s = (
                self._power.tick_s if self._power else tick_length(self.read_on_tick, CALIBRATION_TICKS)
            )
        return self._tick_s

    def read(self) -> Reading:
        self._require_open()
        if self._power is not None:
            return self._power.read()
        assert self._count is not None
        return Reading(self._clock(), self._answer(self._count))

    def read_power(self) -> PowerReading | None:
        """Instant power, beside the counter; None where it is all there is, or the driver does not tell it."""
        self._require_open()
        if self._power is not None or not self._tells_power:
            return None
        return self._instant_power()

    @cached_property
    def _tells_power(self) -> bool:
        return self._offered(self._instant_power)

    def conditions(self) -> Conditions:
        self._require_open()
        return conditions(self._nvml, self._handle, self.details)

    def _require_open(self) -> None:
        if not self._open:
            raise MeterError(f"The meter of {self._board} is closed; open another.")

    def _why_none(self) -> str:
        nvml = self._nvml
        with suppress(nvml.NVMLError):
            if nvml.nvmlDeviceGetVirtualizationMode(self._handle) == nvml.NVML_GPU_VIRTUALIZATION_MODE_VGPU:
                return "it is a vGPU, a share of a board that only its host can meter"
            if nvml.nvmlDeviceGetArchitecture(self._handle) < nvml.NVML_DEVICE_ARCH_VOLTA:
                return "it is older than Volta, the first architecture with one"
        return "its driver offers none"

    def read_on_tick(self) -> Reading:
        return self._power.read_on_tick() if self._power else next_tick(self.read, sleep=self._sleep)

    def close(self) -> None:
        if self._open:
            self._open = False
            if self._power is not None:
                self._power.close()
            with suppress(self._nvml.NVMLError):  # a driver that is gone has nothing left to shut down
                self._nvml.nvmlShutdown()


def _number(value: Any) -> float:
    return float(getattr(value.value, _MEMBERS.get(value.valueType, "ullVal")))


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
            f"The package nvidia-ml-py is missing; run {how_to_install()}, or {modeled_instead()}."
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
