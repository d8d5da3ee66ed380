"""The meter of boards that measure their own supply rails: Jetson modules and Grace superchips, by sysfs hwmon."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecojax.energy.meters.sampled import SampledMeter
from ecojax.energy.provenance import Provenance, Rank
from ecojax.energy.readings import PowerReading
from ecojax.errors import MeterError
from ecojax.wording import option

TICK_S = 0.05  # what Grace averages over; an INA3221 converts its three channels in some milliseconds
# A whole module's supply: where one is there, every other rail is inside it. Grace's own names; Jetson's since the TX1.
WHOLE = (r"Module Power Socket \d+", r"VDD_IN|POM_5V_IN|VDD_MUX", r"Grace Power Socket \d+")
# A sum of rails leaves out what is fed by another: Grace's CPU and SysIO, and the AGX Orin's 1.8 V from its 5 V.
WITHIN = re.compile(r"(CPU|SysIO) Power Socket \d+|VDDQ_VDD2_1V8AO|NC|")
GRACE = re.compile(
    r"(Module|Grace|CPU|SysIO) Power Socket \d+"
)  # and no fan, battery, drive or graphics card
WHOLE_PERCENT, SUM_PERCENT = 5.0, 10.0


@dataclass(frozen=True)
class Rail:
    """One supply: its name, and the file or files whose product is its power. `scale` makes that watts."""

    name: str
    files: tuple[Path, ...]
    scale: float

    def read_w(self) -> float:
        watts = self.scale
        for file in self.files:
            try:
                watts *= int(file.read_text(encoding="ascii"))
            except (OSError, ValueError) as error:
                raise MeterError(
                    f"The power sensor of {self.name}, {file}, cannot be read ({error}); is it for root only, or its "
                    f"driver gone? See its permissions, or use another {option('meter')}."
                ) from None
        return watts


def rails(root: Path = Path("/sys")) -> list[Rail]:
    """Every supply rail under `root` that says what it is: INA3221 channels (mV × mA), and Grace's meters (µW)."""
    found = []
    for folder in sorted((root / "class" / "hwmon").glob("hwmon*")):
        if _text(folder / "name") == "ina3221":
            for channel in (1, 2, 3):  # beyond these are shunts and sums
                files = (folder / f"in{channel}_input", folder / f"curr{channel}_input")
                name = _text(folder / f"in{channel}_label")
                if name and all(file.exists() for file in files):
                    found.append(Rail(name, files, 1e-6))
            continue
        for place in (folder, folder / "device"):  # ACPI's meters keep their files with the device
            for kind in ("average", "input"):
                for file in sorted(place.glob(f"power*_{kind}")):
                    stem = file.name.removesuffix(kind)
                    name = _text(place / f"{stem}oem_info") or _text(place / f"{stem}label")
                    if GRACE.fullmatch(name) and name not in [rail.name for rail in found]:
                        found.append(Rail(name, (file,), 1e-6))
    return found


def supplies(found: Sequence[Rail]) -> list[Rail]:
    """Those of the rails that add up to the module, none of them twice."""
    for pattern in WHOLE:
        whole = [rail for rail in found if re.fullmatch(pattern, rail.name)]
        if whole:
            return whole
    return [rail for rail in found if not WITHIN.fullmatch(rail.name)]


class HwmonMeter(SampledMeter):
    """Integrates the power of the supply rails: of the whole module, CPU, GPU and memory, whoever uses them.

    root: of the sysfs tree. clock: for tests. Raises MeterError where there is no labelled rail, or it may not be read.
    """

    def __init__(self, *, root: Path = Path("/sys"), clock: Callable[[], float] = time.perf_counter):
        counted = supplies(rails(root))
        if not counted:
            raise MeterError(
                f"No labelled power rail is under {root / 'class' / 'hwmon'}: this is neither a Jetson module nor a "
                "Grace superchip, or its drivers (ina3221, acpi_power_meter) are not loaded; use another "
                f"{option('meter')}."
            )

        def power() -> PowerReading:
            return PowerReading(clock(), sum(rail.read_w() for rail in counted))

        power()
        whole = any(re.fullmatch(pattern, counted[0].name) for pattern in WHOLE)
        super().__init__(
            power,
            provenance=Provenance(
                "measured",
                "power sensors, integrated",
                " + ".join(rail.name for rail in counted),
                WHOLE_PERCENT if whole else SUM_PERCENT,
                Rank.SENSOR,
            ),
            tick_s=TICK_S,
            poll_s=TICK_S,  # every reading is a new one: these sensors do not say when they took it
            name="The power rail sensor",
            clock=clock,
        )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
