"""What can be metered on this host, by what and how well, and what to do to get better. Nothing here raises."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ecojax.energy.boards import closed_boards
from ecojax.energy.meter import Meter
from ecojax.energy.meters.amd import AmdMeter
from ecojax.energy.meters.choose import is_amd
from ecojax.energy.meters.hwmon import HwmonMeter
from ecojax.energy.meters.modeled import ModeledMeter
from ecojax.energy.meters.nvml import NvmlMeter
from ecojax.energy.meters.rapl import RaplMeter
from ecojax.energy.meters.tpu import TpuMeter
from ecojax.energy.provenance import Rank
from ecojax.errors import EcojaxError
from ecojax.install import how_to_install
from ecojax.jax_devices import kind_of

REMEDIES = {
    "nvml": f"NVIDIA's driver, and {how_to_install('cuda')} for JAX to compute on the GPU",
    "amd": f"ROCm, and {how_to_install('amd')}, in the version of this host's ROCm",
    "hwmon": "nothing to do where there are no such sensors; else load the drivers ina3221 or acpi_power_meter",
    "rapl": "sudo chmod o+r /sys/class/powercap/*/energy_uj, or sudo sysctl kernel.perf_event_paranoid=0; virtual "
    "machines have none",
    "tpu": "--meter external:FILE, with a log of the plug's power",
    "external": "--meter external:FILE, a growing CSV of `time` and `watts` or `joules`",
    "modeled": "--watts-per-core, where you know your chip",
}
ANOTHER_JOBS = (
    "if it is to be this job's, ask for it (--gres=gpu:… of Slurm); if it is lost, restart the host"
)


@dataclass(frozen=True)
class Finding:
    """One meter on this host.

    name: for --meter. available: whether it can be read now. scope: what it counts.
    rank: of its figures among all, as `Provenance.rank`. tick_s: seconds between two updates, 0 where it is continuous,
    None where not found. systematic_percent: bound on what repeating does not average out. reason: why it is not
    available, or by what it reads. remedy: what to do to have it, or to have it better.
    """

    name: str
    available: bool
    scope: str
    rank: Rank
    tick_s: float | None
    systematic_percent: float | None
    reason: str
    remedy: str


def probe(devices: Sequence[Any] = (), *, ticks: bool = True) -> list[Finding]:
    """Every meter there is, those that can be read here first, the best of them first.

    devices: JAX's, to find each GPU's and TPU's own meter; without any, the first GPU is looked for.
    ticks: whether to find counters' ticks by watching them, which takes two seconds a board.
    """
    found = [_finding(name, rank, opener, ticks) for name, rank, opener in _candidates(devices)]
    found += [
        Finding("nvml", False, "", Rank.ENERGY_COUNTER, None, None, reason, ANOTHER_JOBS)
        for reason in closed_boards()
    ]
    reason = "it reads a log that another program writes, where one is named"
    scope = "whatever is plugged in there"
    found.append(Finding("external", False, scope, Rank.SENSOR, None, None, reason, REMEDIES["external"]))
    return sorted(found, key=lambda finding: (not finding.available, finding.rank))


def _candidates(devices: Sequence[Any]) -> Iterator[tuple[str, Rank, Callable[[], Meter]]]:
    gpus = [device for device in devices if kind_of(device) == "gpu"]
    boards = {
        name: [device.local_hardware_id for device in gpus if is_amd(device) is amd] or [0]
        for name, amd in (("nvml", False), ("amd", True))
    }
    for board in boards["nvml"]:
        yield "nvml", Rank.ENERGY_COUNTER, lambda board=board: NvmlMeter(board)  # type: ignore[misc]
    for board in boards["amd"]:
        yield "amd", Rank.ENERGY_COUNTER, lambda board=board: AmdMeter(board)  # type: ignore[misc]
    yield "hwmon", Rank.SENSOR, HwmonMeter
    yield "rapl", Rank.CPU_PACKAGE, RaplMeter
    for device in devices:
        if kind_of(device) == "tpu":
            yield "tpu", Rank.CHIP_POWER_DUTY, lambda device=device: TpuMeter.of(device)  # type: ignore[misc]
    yield "modeled", Rank.WATTS_PER_CORE, ModeledMeter


def _finding(name: str, rank: Rank, opener: Callable[[], Meter], ticks: bool) -> Finding:
    try:
        with opener() as meter:
            meter.read()
            by = meter.provenance
            tick_s = meter.tick_s if ticks else None
    except EcojaxError as error:
        return Finding(name, False, "", rank, None, None, str(error), REMEDIES[name])
    except Exception as error:  # a library that is broken must not hide the others
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return Finding(name, False, "", rank, None, None, text, REMEDIES[name])
    remedy = REMEDIES[name] if by.kind == "modeled" else ""
    return Finding(name, True, by.scope, by.rank or rank, tick_s, by.systematic_percent, by.by, remedy)
