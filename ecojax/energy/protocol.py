"""The measuring protocol: preflight, gates, warm-up, windows until the interval is narrow enough.

A failed gate is no number.
"""

from collections.abc import Callable
from typing import Any

from ecojax.energy.calibration import Calibration
from ecojax.energy.figure import Energy
from ecojax.energy.gates import roofline_gate
from ecojax.energy.host import REAL, Host
from ecojax.energy.meter import Meter
from ecojax.energy.prepare import Prepared, passes_of, prepare
from ecojax.energy.readings import Reading
from ecojax.energy.rejection import preflight_notes, reference_conditions
from ecojax.energy.sampling import Samples, sample
from ecojax.energy.window import Window, half_width_95
from ecojax.errors import MeterError

MEASURING_LIMIT = 0.01
FINAL_TARGET = 0.02


def per_inference(
    fn: Callable[[Any, Any], Any],
    state: Any,
    ring: Any,
    *,
    meter: Meter,
    batch_size: int,
    confidence_target: float = 0.05,
    window_s: float | None = None,
    warm_up_s: float | None = None,
    max_windows: int = 20,
    max_seconds: float = 30.0,
    flops: float | None = None,
    peak_flops: float | None = None,
    calibration: Calibration | None = None,
) -> Energy:
    """Joules per inference of `fn`, measured on its device over real, different batches.

    fn: `fn(state, batch)` gives a pytree of arrays; pure, traceable, inference only.
    state: pytree of arrays, traced (parameters, statistics).
    ring: pytree of arrays [ring, batch, ...] with ring >= 2: different batches as `fn` takes them.
    batch_size: samples in a batch; what joules are divided by.
    confidence_target: 95 % half width to reach, as a share of the mean; 0.05 for ranking, 0.02 for final figures.
    window_s: seconds a window; by default 0.05 for a continuous meter; for one that ticks a second or ten ticks; for a
        target of 2 % or less three and five times as long.
    warm_up_s: seconds of load before windows; by default two for a meter that ticks (boards warm up), else none.
    max_windows, max_seconds: stop there, target met or not (`converged` says which); three windows at least.
    flops: floating point operations of *one call*, all `batch_size` samples. peak_flops: the device's, per second.
    calibration: as from `calibrate`, for idle power and the net figure.

    A meter that ticks is read by a thread at ticks within steady load: joules are its slope times the wall time per
    call. A continuous meter is read at both ends of the work. Windows in which the clock was throttled or shifted,
    another process appeared or the counter failed are thrown away, and the figure says how many and why.

    Raises MeterError where a gate fails, the meter does, or too many windows are rejected; InputError where the
    arguments do not fit together.
    """
    opened = meter.read()
    prepared = prepare(fn, state, ring, batch_size=batch_size, flops=flops, peak_flops=peak_flops)
    return measure_prepared(
        prepared,
        meter,
        opened=opened,
        confidence_target=confidence_target,
        window_s=window_s,
        warm_up_s=warm_up_s,
        max_windows=max_windows,
        max_seconds=max_seconds,
        calibration=calibration,
    )


def measure_prepared(
    prepared: Prepared,
    meter: Meter,
    *,
    opened: Reading | None = None,
    confidence_target: float = 0.05,
    window_s: float | None = None,
    warm_up_s: float | None = None,
    max_windows: int = 20,
    max_seconds: float = 30.0,
    calibration: Calibration | None = None,
    host: Host = REAL,
) -> Energy:
    """The figure of a load that has passed its gates. opened: a reading from before everything, for `spent_j`."""
    opened = meter.read() if opened is None else opened
    preflight = meter.conditions()
    window_s = default_window_s(meter, confidence_target) if window_s is None else window_s
    passes = passes_a_run(prepared, meter, window_s)
    warm_up(prepared, meter, passes, warm_up_s, host)
    samples = sample(
        meter,
        prepared.loop,
        passes=passes,
        window_s=window_s,
        target=confidence_target,
        max_windows=max_windows,
        max_seconds=max_seconds,
        reference=reference_conditions(preflight, meter.conditions()),
        host=host,
    )
    return as_figure(prepared, meter, samples, opened, calibration, preflight_notes(preflight))


def default_window_s(meter: Meter, confidence_target: float) -> float:
    """A second or ten ticks of a meter that ticks, else 0.05 s; for a target of 2 % or less five and three times that.

    Short windows are enough to rank by: where they scatter too much for the target, there are more of them.
    """
    final = confidence_target <= FINAL_TARGET
    if not meter.tick_s > 0:
        return 0.15 if final else 0.05
    return max(1.0, 10 * meter.tick_s) * (5 if final else 1)


def passes_a_run(prepared: Prepared, meter: Meter, window_s: float) -> int:
    """A continuous window is one run; one between ticks is several: it ends with the first run after enough ticks."""
    return passes_of(prepared, window_s / 5 if meter.tick_s > 0 else window_s)


def warm_up(prepared: Prepared, meter: Meter, passes: int, seconds: float | None, host: Host = REAL) -> None:
    """Load for `seconds`: by default two for a meter that ticks, none for one that does not."""
    end = host.clock() + ((2.0 if meter.tick_s > 0 else 0.0) if seconds is None else seconds)
    while host.clock() < end:
        prepared.loop.run(passes)


def as_figure(
    prepared: Prepared,
    meter: Meter,
    samples: Samples,
    opened: Reading,
    calibration: Calibration | None = None,
    notes: tuple[str, ...] = (),
) -> Energy:
    """Samples with everything that belongs to them. Raises MeterError where the roofline gate fails."""
    call_j, half_width_j, converged, _ = samples.verdict
    gates = dict(prepared.gates)
    if prepared.flops is not None and prepared.peak_flops is not None:
        gates["roofline"] = roofline_gate(samples.call_s, prepared.flops, prepared.peak_flops)
    notes = prepared.notes + notes
    try:
        spent_j = Window(opened, meter.read()).joules
    except MeterError:  # the counter began again in between
        spent_j = sum(window.call_j / window.call_s * window.seconds for window in samples.windows)
        notes += ("spent_j is of the windows alone, since the counter failed in between",)
    idle_w = net_j = share = None
    if calibration is not None:
        idle_w = calibration.idle_w
        net_j = (call_j - idle_w * samples.call_s) / prepared.batch_size
        if net_j <= 0:
            net_j = None
            notes += ("idle power is not below that under load, so there is no net figure",)
        share = calibration.measuring_share(call_j / samples.call_s, samples.seconds / len(samples.windows))
        if share > MEASURING_LIMIT:
            notes += (f"reading the meter takes {share:.1%} of the power",)
        if calibration.counter_over_integral is not None:
            gates["counter_over_integral"] = calibration.counter_over_integral
        notes += calibration.notes
    return Energy(
        per_sample_j=call_j / prepared.batch_size,
        per_sample_ci95_j=half_width_j / prepared.batch_size,
        latency_s=samples.call_s,
        batch_size=prepared.batch_size,
        windows=len(samples.windows),
        seconds=samples.seconds,
        spent_j=spent_j,
        compile_s=prepared.loop.compile_s,
        provenance=meter.provenance,
        gates=gates,
        precision=prepared.loop.precision,
        device=prepared.device,
        converged=converged,
        latency_ci95_s=half_width_95([window.call_s for window in samples.windows]),
        input_shape=prepared.input_shape,
        idle_w=idle_w,
        net_per_sample_j=net_j,
        measuring_share=share,
        rejected=samples.rejected,
        notes=notes,
    )
