"""The meter of AMD's GPUs: amdsmi's energy accumulator, or its socket power where there is none."""

import ctypes
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ecojax.energy.boards import besides
from ecojax.energy.meter import Meter
from ecojax.energy.meters.instead import modeled_instead
from ecojax.energy.meters.sampled import SampledMeter
from ecojax.energy.provenance import Provenance, Rank
from ecojax.energy.readings import PowerReading, Reading
from ecojax.energy.ticks import next_tick, tick_length
from ecojax.errors import MeterError
from ecojax.install import how_to_install

SYSTEMATIC_PERCENT, SAMPLED_PERCENT = 5.0, 10.0
CALIBRATION_TICKS = 20
POWER_TICK_S = 0.02
VISIBLE = ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")


def driver_bus_id(ordinal: int) -> str | None:
    """The PCI address of HIP's visible device `ordinal`, as in "0000:c1:00.0"; None where no HIP runtime answers."""
    try:
        hip = ctypes.CDLL("libamdhip64.so")
        text = ctypes.create_string_buffer(64)
        return None if hip.hipDeviceGetPCIBusId(text, 64, ordinal) else text.value.decode().lower()
    except (OSError, AttributeError):
        return None


def visible(count: int, environment: Mapping[str, str]) -> list[int]:
    """Which of `count` boards HIP shows, in its order: by ROCR_VISIBLE_DEVICES, and of those by HIP's or else CUDA's.

    Raises MeterError where a variable holds anything but numbers.
    """
    shown = list(range(count))
    hip = next((name for name in VISIBLE[1:] if name in environment), None)
    for name in (VISIBLE[0], hip):
        if name is None or name not in environment:
            continue
        chosen = []
        for entry in environment[name].split(","):
            if not entry.strip().isdecimal():
                raise MeterError(
                    f"{name}={environment[name]!r} holds more than numbers, and no HIP runtime answers that could tell "
                    "which GPU is meant; name GPUs by their numbers."
                )
            if int(entry) >= len(shown):
                break
            chosen.append(shown[int(entry)])
        shown = chosen
    return shown


class AmdMeter(Meter):
    """Counts the socket of HIP's visible device `ordinal`, memory and idle power included.

    The accumulator is off on some boards (an MI100's was seen to be), hence `read_power` beside it. Where there is
    none, socket power is integrated.

    ordinal: as JAX numbers local GPUs (`device.local_hardware_id`). amdsmi, clock, sleep, bus_id: for tests.
    Raises MeterError where amdsmi, the driver, or such a board is missing, or it tells neither energy nor power.
    """

    def __init__(
        self,
        ordinal: int = 0,
        *,
        amdsmi: Any = None,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
        bus_id: Callable[[int], str | None] = driver_bus_id,
    ):
        self._smi = _import_amdsmi() if amdsmi is None else amdsmi
        self._clock, self._sleep = clock, sleep
        self._tick_s: float | None = None
        self._power: SampledMeter | None = None
        self._open = False
        self._board = "AMD's GPU"
        self._ask("amdsmi_init")
        self._open = True
        try:
            self._handle = self._find(ordinal, bus_id)
            if not self._tells(self._joules):
                if not self._tells(self._socket_power):
                    raise MeterError(
                        f"{self._board} tells neither energy nor power, as in virtual machines; {modeled_instead()}."
                    )
                self._power = SampledMeter(
                    self._socket_power,
                    provenance=self._provenance(
                        "amdsmi socket power, integrated", SAMPLED_PERCENT, Rank.SAMPLED_POWER
                    ),
                    tick_s=POWER_TICK_S,
                    poll_s=POWER_TICK_S,
                    name=f"The power sensor of {self._board}",
                    clock=clock,
                )
        except BaseException:
            self.close()
            raise

    def _ask(self, function: str, *arguments: Any) -> Any:
        try:
            return getattr(self._smi, function)(*arguments)
        except self._smi.AmdSmiException as error:
            text = " ".join(str(error).split())
            raise MeterError(
                f"{self._board} cannot be read ({function}: {text}); check the driver with `amd-smi list`."
            ) from None

    def _find(self, ordinal: int, bus_id: Callable[[int], str | None]) -> Any:
        handles: list[Any] = []
        addresses, closed = [], []
        for index, handle in enumerate(self._ask("amdsmi_get_processor_handles")):
            try:
                addresses.append(str(self._ask("amdsmi_get_gpu_device_bdf", handle)).lower())
                handles.append(handle)
            except MeterError as error:  # another job's, or lost: HIP does not count it either
                closed.append(f"amdsmi's GPU {index} does not answer ({str(error).rstrip('.')})")
        known = bus_id(ordinal)
        if known in addresses:
            index = addresses.index(known)
        else:
            shown = visible(len(handles), os.environ)
            if ordinal >= len(shown):
                raise MeterError(
                    f"There is no HIP device {ordinal}: amdsmi lists {len(handles)} GPUs, of which {len(shown)} are "
                    f"visible (see {', '.join(VISIBLE)}){besides(closed)}."
                )
            index = shown[ordinal]
        name = self._ask("amdsmi_get_gpu_asic_info", handles[index]).get("market_name", "AMD GPU")
        self._board = f"{name} {addresses[index]}"
        return handles[index]

    def _tells(self, read: Callable[[], Any]) -> bool:
        try:
            read()
        except MeterError:
            return False
        return True

    def _joules(self) -> float:
        count = self._ask("amdsmi_get_energy_count", self._handle)
        accumulated = count.get("energy_accumulator", count.get("power"))  # its name until amdsmi 6.2
        microjoules = _number(accumulated) * _number(count.get("counter_resolution"))
        if not microjoules > 0:
            raise MeterError(
                f"The energy accumulator of {self._board} stands at {accumulated!r}; it does not work."
            )
        return microjoules / 1e6

    def _socket_power(self) -> PowerReading:
        power = self._ask("amdsmi_get_power_info", self._handle)
        for name in ("current_socket_power", "average_socket_power"):  # boards have one or the other
            watts = _number(power.get(name))
            if watts > 0:
                return PowerReading(self._clock(), watts)
        raise MeterError(
            f"{self._board} tells no socket power ({power!r}); check it with `amd-smi metric --power`."
        )

    def _provenance(self, by: str, percent: float, rank: Rank) -> Provenance:
        return Provenance("measured", by, self._board, percent, rank)

    @property
    def provenance(self) -> Provenance:
        if self._power is not None:
            return self._power.provenance
        return self._provenance("amdsmi energy accumulator", SYSTEMATIC_PERCENT, Rank.ENERGY_COUNTER)

    @property
    def tick_s(self) -> float:
        if self._tick_s is None:
            self._tick_s = (
                self._power.tick_s if self._power else tick_length(self.read_on_tick, CALIBRATION_TICKS)
            )
        return self._tick_s

    def read(self) -> Reading:
        if not self._open:
            raise MeterError(f"The meter of {self._board} is closed; open another.")
        return self._power.read() if self._power else Reading(self._clock(), self._joules())

    def read_on_tick(self) -> Reading:
        return self._power.read_on_tick() if self._power else next_tick(self.read, sleep=self._sleep)

    def read_power(self) -> PowerReading | None:
        """Socket power beside the accumulator; None where it is all there is, or the board does not tell it."""
        return self._socket_power() if self._power is None and self._tells(self._socket_power) else None

    def close(self) -> None:
        if self._open:
            self._open = False
            if self._power is not None:
                self._power.close()
            with suppress(MeterError):  # a driver that is gone has nothing left to shut down
                self._ask("amdsmi_shut_down")


def _number(value: Any) -> float:
    """amdsmi writes "N/A" for what a board does not have: no number."""
    return float(value) if isinstance(value, int | float) else float("nan")


def _import_amdsmi() -> Any:
    try:
        import amdsmi
    except ImportError:
        raise MeterError(
            f"The package amdsmi is missing; run {how_to_install('amd')}, in the version of this host's ROCm, "
            f"or {modeled_instead()}."
        ) from None
    except Exception as error:  # it raises what it likes where its library is missing
        raise MeterError(
            f"The package amdsmi does not load ({error}): is ROCm installed? If not, {modeled_instead()}."
        ) from None
    return amdsmi
