"""What can be metered on this host, by what and how well, and what to do to get better. Nothing here raises."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ecojax.energy.boards import closed_boards
from ecojax.energy.meters.shelf import METERS, Instrument
from ecojax.energy.provenance import Rank
from ecojax.errors import EcojaxError

EXTERNAL = "--meter external:FILE, a growing CSV of `time` and `watts` or `joules`"
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
    found = [_finding(name, METERS[name], device, ticks) for name, device in _candidates(devices)]
    found += [
        Finding("nvml", False, "", Rank.ENERGY_COUNTER, None, None, reason, ANOTHER_JOBS)
        for reason in closed_boards()
    ]
    reason = "it reads a log that another program writes, where one is named"
    scope = "whatever is plugged in there"
    found.append(Finding("external", False, scope, Rank.SENSOR, None, None, reason, EXTERNAL))
    return sorted(found, key=lambda finding: (not finding.available, finding.rank))


def _candidates(devices: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Names on the shelf, each with the device to open it for."""
    for name, instrument in METERS.items():
        seen = [device for device in devices if instrument.of_a_device and instrument.sees(device)]
        for device in seen or ([] if instrument.needs_device else [None]):
            yield name, device


def _finding(name: str, instrument: Instrument, device: Any, ticks: bool) -> Finding:
    rank, remedy = instrument.rank, instrument.remedy
    try:
        with instrument.open(device) as meter:
            meter.read()
            by = meter.provenance
            tick_s = meter.tick_s if ticks else None
    except EcojaxError as error:
        return Finding(name, False, "", rank, None, None, str(error), remedy)
    except Exception as error:  # a library that is broken must not hide the others
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return Finding(name, False, "", rank, None, None, text, remedy)
    remedy = remedy if by.kind == "modeled" else ""
    return Finding(name, True, by.scope, by.rank or rank, tick_s, by.systematic_percent, by.by, remedy)
