"""The measuring protocol: warm-up, gates, windows until the interval is narrow enough. A failed gate is no number."""

import math
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ecojax.energy.figure import Energy
from ecojax.energy.loop import InferenceLoop, compile_loop
from ecojax.energy.meter import Meter
from ecojax.energy.ticks import TickTrace
from ecojax.energy.window import Window, half_width_95
from ecojax.errors import InputError, MeterError

MIN_WINDOWS = 3
WARM_UP_RUNS = 3
RATIO_TOLERANCE = 0.05
RATIO_ATTEMPTS = 12  # over runs that double in length, up to the longest
RATIO_LONGEST = 8  # times the first length
RATIO_REPEATS = 3


class Sample(NamedTuple):
    """One window: joules and wall seconds per call, and seconds metered."""

    call_j: float
    call_s: float
    seconds: float


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
) -> Energy:
    """Joules per inference of `fn`, measured on its device over real, different batches.

    fn: `fn(state, batch)` gives a pytree of arrays; pure, traceable, inference only.
    state: pytree of arrays, traced (parameters, statistics).
    ring: pytree of arrays [ring, batch, ...] with ring >= 2: different batches as `fn` takes them.
    batch_size: samples in a batch; what joules are divided by.
    confidence_target: 95 % half width to reach, as a share of the mean; 0.05 for ranking, 0.02 for final figures.
    window_s: seconds a window; by default 0.15 for a continuous meter, and for one that ticks a second or ten ticks.
    warm_up_s: seconds of load before windows; by default two for a meter that ticks (boards warm up), else none.
    max_windows, max_seconds: stop there, target met or not (`converged` says which); three windows at least.
    flops: floating point operations of *one call*, all `batch_size` samples. peak_flops: the device's, per second.

    A meter that ticks is read by a thread at ticks within steady load: joules are its slope times the wall time per
    call. A continuous meter is read at both ends of the work.

    Raises MeterError where a gate fails or the meter does; InputError where the arguments do not fit together.
    """
    opened = meter.read()
    ring, state, device = _placed(ring, state, batch_size)
    on_cpu = device.platform == "cpu"
    # A pass must dwarf its dispatch (85 µs), and on an accelerator the question to the host after each pass.
    loop = compile_loop(fn, state, ring, pass_s=0.02 if on_cpu else 0.1)
    # On a shared CPU the wall clock counts the neighbours too: with three busy processes on two cores, runs of one
    # loop scattered by a factor of 4 in wall time and by 3 % in CPU time of this process.
    clock = time.process_time if on_cpu else time.perf_counter

    gates = {"checksum_error": _checksum_gate(loop)}
    # Runs of growing length warm up, and end with one of the length that the gate starts from.
    passes, run_s = _enough_passes(lambda n: _timed(loop, n, clock), 0.025 if on_cpu else 0.05)
    gates["time_ratio"] = ratio_gate(lambda n: _timed(loop, n, clock), passes=passes)
    pass_s = run_s / passes

    ticking = meter.tick_s > 0
    window_s = (max(1.0, 10 * meter.tick_s) if ticking else 0.15) if window_s is None else window_s
    warm_up_s = (2.0 if ticking else 0.0) if warm_up_s is None else warm_up_s
    # A continuous window is one run; one between ticks is several, for it ends with the first run after enough ticks.
    passes = max(1, math.ceil((window_s / 5 if ticking else window_s) / pass_s))
    end = time.perf_counter() + warm_up_s
    while time.perf_counter() < end:
        loop.run(passes)

    samples: list[Sample] = []
    began = time.perf_counter()
    while True:
        samples.append(
            _ticking_window(meter, loop, passes, window_s)
            if ticking
            else _continuous_window(meter, loop, passes)
        )
        calls_j = [sample.call_j for sample in samples]
        mean_j, ci95_j = statistics.fmean(calls_j), half_width_95(calls_j)
        converged = len(samples) >= MIN_WINDOWS and ci95_j <= confidence_target * mean_j
        spent = len(samples) >= max_windows or time.perf_counter() - began >= max_seconds
        if converged or (spent and len(samples) >= MIN_WINDOWS):
            break
    if not mean_j > 0:
        raise MeterError(
            f"The meter, {meter.provenance}, counted {mean_j:g} J while the device worked; it cannot be right. "
            "Use a longer window or another --meter."
        )

    latency_s = statistics.median(sample.call_s for sample in samples)
    if flops is not None and peak_flops is not None:
        gates["roofline"] = roofline_gate(latency_s, flops, peak_flops)
    return Energy(
        per_sample_j=mean_j / batch_size,
        ci95_j=ci95_j / batch_size,
        latency_s=latency_s,
        batch_size=batch_size,
        windows=len(samples),
        seconds=math.fsum(sample.seconds for sample in samples),
        spent_j=Window(opened, meter.read()).joules,
        compile_s=loop.compile_s,
        provenance=meter.provenance,
        gates=gates,
        precision=loop.precision,
        device=_cpu_name() if on_cpu else device.device_kind,
        converged=converged,
    )


def ratio_gate(timed: Callable[[int], float], *, passes: int) -> float:
    """time(2N) / time(N), which must be 2 ± 0.05. `timed(n)` runs n passes and gives the seconds they took.

    The least of interleaved runs, since what disturbs a run only adds to it; tried again over longer ones where
    the host is noisy, or what a run costs beside its passes still shows. Raises MeterError.
    """
    ratio, longest = math.nan, RATIO_LONGEST * passes
    for _ in range(RATIO_ATTEMPTS):
        pairs = [(timed(passes), timed(2 * passes)) for _ in range(RATIO_REPEATS)]
        once, twice = (min(times) for times in zip(*pairs, strict=True))
        ratio = twice / once if once > 0 else math.nan
        if abs(ratio - 2) <= RATIO_TOLERANCE:
            return ratio
        passes = min(2 * passes, longest)
    raise MeterError(
        f"Twice the inferences took {ratio:.3g} times as long, not 2 ± {RATIO_TOLERANCE:g}: either the compiler "
        "removed work from the loop or the machine is too busy to measure on. Free it and measure again."
    )


def roofline_gate(call_s: float, flops: float, peak_flops: float) -> float:
    """The share of the device's peak that was reached. Raises MeterError above 1: work is missing."""
    share = flops / (call_s * peak_flops)
    if share > 1:
        raise MeterError(
            f"A call of {flops:g} FLOPs took {call_s:g} s, {share:.3g} times as fast as the device's peak of "
            f"{peak_flops:g} FLOP/s allows: work is missing from the loop, or one of the two figures is wrong."
        )
    return share


def _checksum_gate(loop: InferenceLoop) -> float:
    """The relative difference between the loop's checksum and the plain calls'. Raises MeterError."""
    found, expected = loop.run(1), loop.expected_checksum
    error = abs(found - expected) / expected if expected else abs(found)
    if not error <= loop.tolerance:  # NaN fails too
        raise MeterError(
            f"The loop's checksum over {loop.steps} calls is {found:g} where the plain calls' is {expected:g}: they "
            "did not compute the same, or an output is not finite. Check the function for NaN, overflow or randomness."
        )
    return error


def _timed(loop: InferenceLoop, passes: int, clock: Callable[[], float]) -> float:
    began = clock()
    loop.run(passes)
    return clock() - began


def _enough_passes(timed: Callable[[int], float], wanted_s: float) -> tuple[int, float]:
    """The passes that take `wanted_s` seconds or more, and their seconds, after `WARM_UP_RUNS` runs at least.

    Found by growing: the time of a short run is that of its dispatch.
    """
    passes, runs = 1, 0
    while True:
        run_s = timed(passes)
        runs += 1
        if run_s >= wanted_s and runs >= WARM_UP_RUNS:
            return passes, run_s
        if run_s < wanted_s:
            passes = math.ceil(passes * min(10.0, max(1.5, wanted_s / max(run_s, 1e-9))))


def _continuous_window(meter: Meter, loop: InferenceLoop, passes: int) -> Sample:
    start = meter.read()
    loop.run(passes)
    window, calls = Window(start, meter.read()), passes * loop.steps
    return Sample(window.joules / calls, window.seconds / calls, window.seconds)


def _ticking_window(meter: Meter, loop: InferenceLoop, passes: int, window_s: float) -> Sample:
    loop.run(passes)  # the load is steady before the first tick is noted
    with TickTrace(meter) as trace:
        began, runs = time.perf_counter(), 0
        while True:
            loop.run(passes)
            runs += 1
            ticks = trace.readings()  # all of them under load
            if len(ticks) >= 2 and ticks[-1].time_s - ticks[0].time_s >= window_s:
                break
        call_s = (time.perf_counter() - began) / (runs * passes * loop.steps)
    window = Window(ticks[0], ticks[-1])
    return Sample(window.power_w * call_s, call_s, window.seconds)


def _placed(ring: Any, state: Any, batch_size: int) -> tuple[Any, Any, Any]:
    """Ring and state on one device, with that device. Raises InputError on a ring that is none."""
    import jax

    leaves = jax.tree.leaves(ring)
    shapes = [tuple(getattr(leaf, "shape", ())) for leaf in leaves]
    if not leaves or any(len(shape) < 2 or shape[:2] != shapes[0][:2] for shape in shapes):
        raise InputError(
            f"A ring is arrays [ring, batch, ...] that agree in their first two sizes; these are {shapes}."
        )
    if shapes[0][0] < 2:
        raise InputError(
            "A ring of one batch lets the compiler reuse its result; give two or more different batches."
        )
    if shapes[0][1] != batch_size:
        raise InputError(
            f"The ring's batches hold {shapes[0][1]} samples where batch_size says {batch_size}."
        )
    devices = {device for leaf in leaves if isinstance(leaf, jax.Array) for device in leaf.devices()}
    if len(devices) > 1:
        raise InputError(
            f"The ring lies on {len(devices)} devices; a figure is of one. Put it on one of them."
        )
    device = devices.pop() if devices else jax.local_devices()[0]
    return jax.device_put(ring, device), jax.device_put(state, device), device


def _cpu_name() -> str:
    """The processor's own name; JAX calls every one of them "cpu"."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, None) or platform.processor() or platform.machine()
