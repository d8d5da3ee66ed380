"""A meter that reads from a script: the fake on which the protocol is tested, and a recorded trace replayed."""

from collections.abc import Iterable

from ecojax.energy.meter import Meter
from ecojax.energy.provenance import Provenance
from ecojax.energy.readings import Reading
from ecojax.errors import MeterError

REPLAYED = Provenance("modeled", "replayed readings", "a script", None)


class ReplayMeter(Meter):
    """Gives the readings (time_s, energy_j) of `script` one after another; an exception in it is raised.

    The clock is the script's: nothing waits. Reading beyond the end, or after closing, raises MeterError.
    """

    def __init__(
        self,
        script: Iterable[tuple[float, float] | Exception],
        *,
        tick_s: float = 0.0,
        provenance: Provenance = REPLAYED,
    ):
        self._script = iter(script)
        self._tick_s, self._provenance = tick_s, provenance

    @property
    def provenance(self) -> Provenance:
        return self._provenance

    @property
    def tick_s(self) -> float:
        return self._tick_s

    def read(self) -> Reading:
        item = next(self._script, None)
        if item is None:
            raise MeterError("The replayed trace is at its end; record a longer one.")
        if isinstance(item, Exception):
            raise item
        return Reading(*item)

    def close(self) -> None:
        self._script = iter(())
