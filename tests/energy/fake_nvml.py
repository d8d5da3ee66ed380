"""A host of NVIDIA boards without one: the part of pynvml that the meter uses, on a clock that tests wind."""

# ruff: noqa: N802 (the names are pynvml's)

from dataclasses import dataclass, field

from ecojax.energy.meters.nvml import NvmlMeter

NVML_ERROR_NOT_SUPPORTED = 3
NVML_ERROR_GPU_IS_LOST = 15


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

    def nvmlInit(self):
        if self.init_error is not None:
            raise self.NVMLError(self.init_error)
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1

    def nvmlDeviceGetCount(self):
        return len(self.boards)

    def nvmlDeviceGetHandleByIndex(self, index):
        return self.boards[index]

    def nvmlDeviceGetUUID(self, board):
        return board.uuid

    def nvmlDeviceGetName(self, board):
        return board.name

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
        ticks = int((self.clock() + 1e-9) / board.tick_s)
        return round(1000 * (board.offset_j + board.power_w * board.tick_s * ticks))


def meter_on(nvml, ordinal=0, cuda_uuid=lambda ordinal: None):
    """The meter on this host, whose CUDA driver says nothing unless told to."""
    return NvmlMeter(ordinal, nvml=nvml, clock=nvml.clock, sleep=nvml.clock.sleep, cuda_uuid=cuda_uuid)
