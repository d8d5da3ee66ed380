"""A host of NVIDIA boards without one: the part of pynvml that the meter uses, on a clock that tests wind."""

# ruff: noqa: N802 (the names are pynvml's)

from dataclasses import dataclass, field
from types import SimpleNamespace

from ecojax.energy.meters.nvml import NvmlMeter

NVML_ERROR_NOT_SUPPORTED = 3
NVML_ERROR_NO_PERMISSION = 4
NVML_ERROR_NOT_FOUND = 6
NVML_ERROR_GPU_IS_LOST = 15
EPOCH_S = 1.7e9  # the wall clock's time when a FakeClock stands at zero


class FakeClock:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self, now_s=0.0):
        self.now_s = now_s

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


@dataclass
class Board:
    uuid: str
    name: str = "NVIDIA H200"
    power_w: float = 300.0
    tick_s: float = 0.1
    architecture: int = 9
    virtualization: int = 0
    mig: bool | None = None  # None: a board that knows no MIG
    energy_error: int | None = None
    offset_j: float = 0.0
    energy_fields: tuple[int, ...] = ()  # fields that tell the energy, whether or not the function does
    power_field: bool = False  # whether there is instant power, in watts as `power_w`
    field_error: int | None = None
    pids: tuple[int, ...] = ()
    reasons: int = 0
    state_error: int | None = None  # of everything around the counter
    old_driver: bool = False  # older than the listing of processes
    handle_error: int | None = None  # of a board of another job, which is counted all the same
    name_error: int | None = None  # of one that has a handle and nothing else


@dataclass
class FakeNvml:
    boards: list[Board]
    clock: FakeClock = field(default_factory=FakeClock)
    init_error: int | None = None
    open: int = 0

    NVML_ERROR_NOT_SUPPORTED = NVML_ERROR_NOT_SUPPORTED
    NVML_DEVICE_MIG_ENABLE = 1
    NVML_DEVICE_ARCH_VOLTA = 5
    NVML_GPU_VIRTUALIZATION_MODE_VGPU = 2

    class NVMLError(Exception):
        def __init__(self, value):
            super().__init__(f"NVML error {value}")
            self.value = value

    class NVMLLibraryMismatchError(Exception):
        pass

    def nvmlInit(self):
        if self.init_error is not None:
            raise self.NVMLError(self.init_error)
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1

    def nvmlDeviceGetCount(self):
        return len(self.boards)

    def nvmlDeviceGetHandleByIndex(self, index):
        return self._or_error(self.boards[index], self.boards[index].handle_error)

    def _or_error(self, answer, error):
        if error is not None:
            raise self.NVMLError(error)
        return answer

    def nvmlDeviceGetUUID(self, board):
        return board.uuid

    def nvmlDeviceGetName(self, board):
        return self._or_error(board.name, board.name_error)

    def nvmlSystemGetDriverVersion(self):
        return "580.65.06"

    def nvmlDeviceGetEnforcedPowerLimit(self, board):
        return 700_000

    def nvmlDeviceGetMigMode(self, board):
        if board.mig is None:
            raise self.NVMLError(NVML_ERROR_NOT_SUPPORTED)
        return [int(board.mig), int(board.mig)]

    def nvmlDeviceGetVirtualizationMode(self, board):
        return board.virtualization

    def nvmlDeviceGetArchitecture(self, board):
        return board.architecture

    def nvmlDeviceGetTotalEnergyConsumption(self, board):
        if board.energy_error is not None:
            raise self.NVMLError(board.energy_error)
        return self._millijoules(board)

    def _ticks(self, board):
        return int((self.clock() + 1e-9) / board.tick_s)

    def _millijoules(self, board):
        return round(1000 * (board.offset_j + board.power_w * board.tick_s * self._ticks(board)))

    def nvmlDeviceGetFieldValues(self, board, fields):
        return [self._field(board, number) for number in fields]

    def _field(self, board, number):
        value = SimpleNamespace(nvmlReturn=0, valueType=3, timestamp=0, value=SimpleNamespace(ullVal=0))
        if board.field_error is not None:
            value.nvmlReturn = board.field_error
        elif number in board.energy_fields:
            value.value.ullVal = self._millijoules(board)
        elif number == 186 and board.power_field:
            value.valueType, value.value = 1, SimpleNamespace(uiVal=round(1000 * board.power_w), ullVal=-1)
            value.timestamp = round(1e6 * (EPOCH_S + board.tick_s * self._ticks(board)))
        else:
            value.nvmlReturn = NVML_ERROR_NOT_SUPPORTED
        return value

    def _state(self, board, answer):
        if board.state_error is not None:
            raise self.NVMLError(board.state_error)
        return answer

    def nvmlDeviceGetCurrentClocksEventReasons(self, board):
        return self._state(board, board.reasons)

    def nvmlDeviceGetComputeRunningProcesses(self, board):
        if board.old_driver:
            raise self.NVMLLibraryMismatchError
        return self._state(board, [SimpleNamespace(pid=pid) for pid in board.pids])

    def nvmlDeviceGetClockInfo(self, board, kind):
        return self._state(board, {1: 1980}[kind])

    def nvmlDeviceGetTemperature(self, board, sensor):
        return self._state(board, {0: 41}[sensor])


def meter_on(nvml, ordinal=0, cuda_uuid=lambda ordinal: None):
    """The meter on this host, whose CUDA driver says nothing unless told to."""
    return NvmlMeter(
        ordinal,
        nvml=nvml,
        clock=nvml.clock,
        wall=lambda: EPOCH_S + nvml.clock(),
        sleep=nvml.clock.sleep,
        cuda_uuid=cuda_uuid,
    )
