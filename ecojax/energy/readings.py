"""What a meter answers: energy since an origin, or power at an instant."""

from typing import NamedTuple


class Reading(NamedTuple):
    """A meter's answer: `energy_j` joules since an arbitrary origin, at `time_s` on the meter's own clock."""

    time_s: float
    energy_j: float


class PowerReading(NamedTuple):
    """An instant's power: `watts` as the instrument took them at `time_s` on the meter's own clock."""

    time_s: float
    watts: float
