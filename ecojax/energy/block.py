"""Metering a block of code: `with measure() as window`."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from ecojax.energy.meter import Meter
from ecojax.energy.provenance import Provenance
from ecojax.energy.readings import Reading
from ecojax.energy.window import Window
from ecojax.errors import InputError, MeterError
from ecojax.jax_devices import local_devices

T = TypeVar("T")


class BlockWindow:
    """What a metered block cost: `joules` and `seconds`, once it has ended, and their `provenance`.

    Where several devices were metered, `joules` is their sum, `devices` has a window for each by what it was of (its
    provenance's scope), and `provenances` says where each is from.
    """

    def __init__(self, provenances: Sequence[Provenance]):
        self.provenances = tuple(provenances)
        self._windows: list[Window] | None = None

    def _close(self, starts: Sequence[Reading], ends: Sequence[Reading]) -> None:
        self._windows = [Window(start, end) for start, end in zip(starts, ends, strict=True)]

    @property
    def windows(self) -> list[Window]:
        if self._windows is None:
            raise MeterError("This window has no figure yet; read it after its `with` block has ended.")
        return self._windows

    @property
    def devices(self) -> dict[str, Window]:
        """A window for each device, with `joules`, `seconds` and `power_w`, by the device's name."""
        return {
            provenance.scope: window
            for provenance, window in zip(self.provenances, self.windows, strict=True)
        }

    @property
    def provenance(self) -> Provenance:
        """Of `joules`. Raises MeterError where several devices were metered by unequal means."""
        first = self.provenances[0]
        if len(self.provenances) == 1:
            return first
        kinds = {(one.kind, one.by, one.systematic_percent) for one in self.provenances}
        if len(kinds) > 1:
            raise MeterError(
                "These devices were metered by unequal means, and their joules have no provenance in common; read "
                "`provenances` and `devices`."
            )
        scope = "; ".join(one.scope for one in self.provenances)
        return Provenance(first.kind, first.by, scope, first.systematic_percent)

    @property
    def window(self) -> Window:
        """The only device's. Raises MeterError where there are several."""
        if len(self.windows) > 1:
            raise MeterError(f"{len(self.windows)} devices were metered; read `devices`.")
        return self.windows[0]

    @property
    def joules(self) -> float:
        return sum(window.joules for window in self.windows)

    @property
    def seconds(self) -> float:
        """Of the longest window, where there are several."""
        return max(window.seconds for window in self.windows)

    def sync(self, arrays: T) -> T:
        """Wait until every array of the pytree `arrays` is computed, and hand it back."""
        import jax

        return jax.block_until_ready(arrays)


@contextmanager
def measure(meter: Meter | Sequence[Meter] | None = None) -> Iterator[BlockWindow]:
    """Meter a block: `with measure() as window: params = window.sync(train(params))`.

    JAX returns before the device has finished, so a block must end with `window.sync(results)` (or its own
    `jax.block_until_ready`) on all it computed, or it measures dispatch. With a meter that ticks, the window
    opens and closes on an observed tick: `seconds` may exceed the block's by one tick, whose energy is in
    `joules`. A block that raises has a figure too, of what it cost until then.

    meter: as from `open_meter`, left open, or several; None opens the automatic one of every local device of JAX's
        default backend, for this block alone.
    Raises MeterError where a meter cannot be read, stalls, or runs backwards.
    """
    with ExitStack() as stack:
        if meter is None:
            meters = [stack.enter_context(one) for one in _of_every_device()]
        else:
            meters = list(meter) if isinstance(meter, Sequence) else [meter]
        if not meters:
            raise InputError("There is no meter in the list given; give one, or None for the automatic one.")
        block = BlockWindow([one.provenance for one in meters])
        starts = [one.read_on_tick() for one in meters]
        try:
            yield block
        except BaseException as error:
            try:
                block._close(starts, [one.read() for one in meters])
            except MeterError as unread:
                error.add_note(f"Its energy is unknown: {unread}")
            raise
        block._close(starts, [one.read_on_tick() for one in meters])


def _of_every_device() -> Iterator[Meter]:
    from ecojax.energy.meters.choose import open_meter

    devices = local_devices()
    if devices[0].platform == "cpu":
        devices = devices[:1]  # CPU devices share one process, which is what can be metered
    for device in devices:
        yield open_meter("auto", device=device)
