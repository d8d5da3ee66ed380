"""Metering a block of code: `with measure(meter) as window`."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeVar

from ecojax.energy.meter import Meter, Reading
from ecojax.energy.provenance import Provenance
from ecojax.energy.window import Window
from ecojax.errors import MeterError

T = TypeVar("T")


class BlockWindow:
    """What a metered block cost: `joules` and `seconds`, once it has ended, and their `provenance`."""

    def __init__(self, provenance: Provenance):
        self.provenance = provenance
        self._window: Window | None = None

    def _close(self, start: Reading, end: Reading) -> None:
        self._window = Window(start, end)

    @property
    def window(self) -> Window:
        if self._window is None:
            raise MeterError("This window has no figure yet; read it after its `with` block has ended.")
        return self._window

    @property
    def joules(self) -> float:
        return self.window.joules

    @property
    def seconds(self) -> float:
        return self.window.seconds

    def sync(self, arrays: T) -> T:
        """Wait until every array of the pytree `arrays` is computed, and hand it back."""
        import jax

        return jax.block_until_ready(arrays)


@contextmanager
def measure(meter: Meter | None = None) -> Iterator[BlockWindow]:
    """Meter a block: `with measure(meter) as window: params = window.sync(train(params))`.

    JAX returns before the device has finished, so a block must end with `window.sync(results)` (or its own
    `jax.block_until_ready`) on all it computed, or it measures dispatch. With a meter that ticks, the window
    opens and closes on an observed tick: `seconds` may exceed the block's by one tick, whose energy is in
    `joules`. A block that raises has a figure too, of what it cost until then.

    meter: as from `open_meter`, left open; None opens the automatic one for this block alone.
    Raises MeterError where the meter cannot be read, stalls, or runs backwards.
    """
    from ecojax.energy.meters.choose import open_meter

    with open_meter("auto") if meter is None else nullcontext(meter) as meter:
        block = BlockWindow(meter.provenance)
        start = meter.read_on_tick()
        try:
            yield block
        except BaseException as error:
            try:
                block._close(start, meter.read())
            except MeterError as unread:
                error.add_note(f"Its energy is unknown: {unread}")
            raise
        block._close(start, meter.read_on_tick())
