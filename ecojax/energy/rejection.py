"""Which windows are thrown away, and why: whatever spoils a measurement without showing in the counter."""

from dataclasses import replace

from ecojax.energy.conditions import Conditions
from ecojax.errors import MeterError

CLOCK_SHIFT = 0.02
COUNTER_FAULT = "counter fault"
STEADY = "power cap"  # the working point of a board at its limit, not a passing state


class RejectedWindowError(MeterError):
    """A window that is no measurement. `reason` is short and without numbers, so that equal ones can be counted."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


def require_undisturbed(reference: Conditions, before: Conditions, after: Conditions) -> None:
    """Raises RejectedWindowError where a window was disturbed.

    reference: as after the warm-up, under load, with the processes of before it. before, after: around the window.
    """
    appeared = (before.processes | after.processes) - reference.processes
    if appeared:
        raise RejectedWindowError(
            "another process appeared", f"process {', '.join(map(str, sorted(appeared)))}"
        )
    throttled = {
        reason
        for reason in before.throttled | after.throttled
        if not (STEADY in reason and reason in reference.throttled)
    }
    if throttled:
        reason = ", ".join(sorted(throttled))
        raise RejectedWindowError(f"throttled ({reason})", "the clock was held down")
    for earlier, later in ((reference.clock_mhz, after.clock_mhz), (before.clock_mhz, after.clock_mhz)):
        if earlier and later is not None and abs(later / earlier - 1) > CLOCK_SHIFT:
            raise RejectedWindowError(
                f"clock shift above {CLOCK_SHIFT:.0%}", f"from {earlier:g} MHz to {later:g} MHz"
            )


def reference_conditions(preflight: Conditions, under_load: Conditions) -> Conditions:
    """What windows are held against: the warm device, with the processes that were there before it was warmed."""
    return replace(under_load, processes=preflight.processes)


def preflight_notes(conditions: Conditions) -> tuple[str, ...]:
    """What a reader of the figure must know of the device before anything ran on it."""
    notes = []
    if conditions.processes:
        others = ", ".join(map(str, sorted(conditions.processes)))
        notes.append(
            f"other processes had the device open from the start (process {others}); their energy is counted"
        )
    if conditions.throttled:
        notes.append(
            f"the device was held down before the measurement ({', '.join(sorted(conditions.throttled))})"
        )
    return tuple(notes)
