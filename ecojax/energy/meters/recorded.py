"""Traces of a meter as files: what a counter really did, kept for the tests and for whoever doubts a figure.

JSON holds everything (format `ecojax-trace`, version 1); CSV, the readings alone under `time_s,energy_j`.
"""

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from ecojax.energy.conditions import Conditions
from ecojax.energy.meter import Meter
from ecojax.energy.meters.replay import ReplayMeter
from ecojax.energy.provenance import Provenance
from ecojax.energy.readings import PowerReading, Reading
from ecojax.errors import InputError

FORMAT, VERSION = "ecojax-trace", 1
COLUMNS = ["time_s", "energy_j"]


@dataclass(frozen=True)
class Trace:
    """Readings of one meter, oldest first, with the instant power beside them where there was some.

    tick_s: the counter's, 0 where it was continuous. details: driver, versions, what ran.
    """

    readings: Sequence[Reading]
    provenance: Provenance
    tick_s: float = 0.0
    powers: Sequence[PowerReading] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def meter(self) -> ReplayMeter:
        """A meter that gives these readings one after another."""
        return ReplayMeter(self.readings, tick_s=self.tick_s, provenance=self.provenance)

    def save(self, path: Path | str) -> None:
        """Writes it to a .json file, or the readings alone to a .csv file. Raises InputError for another name."""
        path = Path(path)
        if path.suffix == ".csv":
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(COLUMNS)
                writer.writerows(self.readings)
            return
        if path.suffix != ".json":
            raise InputError(f"A trace is written to .json or .csv, not to '{path}'.")
        record = {
            "format": FORMAT,
            "version": VERSION,
            "provenance": self.provenance.to_dict(),
            "tick_s": self.tick_s,
            "details": self.details,
            "readings": [list(reading) for reading in self.readings],
            "powers": [list(reading) for reading in self.powers],
        }
        path.write_text(json.dumps(record) + "\n", encoding="utf-8")


def load_trace(path: Path | str) -> Trace:
    """The trace in a .json or .csv file. Raises InputError naming file and fault."""
    path = Path(path)
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise OSError("it is no ordinary file")
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the trace '{path}': {error}") from None
    try:
        if path.suffix == ".csv":
            rows = list(csv.reader(text.splitlines()))
            if not rows or rows[0] != COLUMNS:
                raise InputError(f"'{path}' is no trace; its first line should be {','.join(COLUMNS)}")
            readings = _numbers(rows[1:])
            unknown = Provenance("modeled", "replayed readings", str(path), None)
            return Trace([Reading(*row) for row in readings], unknown)
        record = json.loads(text)
        if not isinstance(record, dict) or record.get("format") != FORMAT or record.get("version") != VERSION:
            raise InputError(f"'{path}' is no {FORMAT} of version {VERSION}; record it again")
        return Trace(
            [Reading(*row) for row in _numbers(record["readings"])],
            Provenance.from_dict(record["provenance"]),
            float(record["tick_s"]),
            [PowerReading(*row) for row in _numbers(record["powers"])],
            dict(record["details"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, csv.Error) as error:
        raise InputError(f"'{path}' is a damaged trace ({error}); record it again") from None


def _numbers(rows: Sequence[Sequence[Any]]) -> list[tuple[float, float]]:
    numbers = [(float(time_s), float(value)) for time_s, value in rows]
    if not all(map(math.isfinite, (number for row in numbers for number in row))):
        raise ValueError("a reading is not finite")
    if any(after[0] < before[0] for before, after in pairwise(numbers)):
        raise ValueError("time runs backwards in it")
    return numbers


class RecordingMeter(Meter):
    """Passes everything through to `meter` and keeps each reading that differs from the one before."""

    def __init__(self, meter: Meter):
        self._meter = meter
        self._readings: list[Reading] = []
        self._powers: list[PowerReading] = []

    @property
    def provenance(self) -> Provenance:
        return self._meter.provenance

    @property
    def tick_s(self) -> float:
        return self._meter.tick_s

    def read(self) -> Reading:
        return self._keep(self._meter.read())

    def read_on_tick(self) -> Reading:
        return self._keep(self._meter.read_on_tick())

    def read_power(self) -> PowerReading | None:
        reading = self._meter.read_power()
        if reading is not None and (not self._powers or reading.time_s > self._powers[-1].time_s):
            self._powers.append(reading)
        return reading

    def conditions(self) -> Conditions:
        return self._meter.conditions()

    def close(self) -> None:
        self._meter.close()

    def trace(self, **details: Any) -> Trace:
        """What was read so far. details: to be kept with it."""
        return Trace(list(self._readings), self.provenance, self.tick_s, list(self._powers), details)

    def _keep(self, reading: Reading) -> Reading:
        if not self._readings or reading.energy_j != self._readings[-1].energy_j:
            self._readings.append(reading)
        return reading
