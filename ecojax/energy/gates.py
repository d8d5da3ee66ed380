"""The gates that a loop must pass before its time and joules are an inference's. A failed gate is no number."""

import math
from collections.abc import Callable

from ecojax.energy.loop import InferenceLoop
from ecojax.errors import MeterError

WARM_UP_RUNS = 3
RATIO_TOLERANCE = 0.05
RATIO_ATTEMPTS = 12  # over runs that double in length, up to the longest
RATIO_LONGEST = 8  # times the first length
RATIO_REPEATS = 3
MOST_PASSES = 2**28  # of 32-bit counting, with room for the ratio gate's longest run


def ratio_gate(timed: Callable[[int], float], *, passes: int) -> float:
    """time(2N) / time(N), which must be 2 ± 0.05. `timed(n)` runs n passes and gives the seconds they took.

    The least of interleaved runs, since what disturbs a run only adds to it: of up to three pairs, and tried again
    over longer ones where the host is noisy, or what a run costs beside its passes still shows. Raises MeterError.
    """
    ratio, longest = math.nan, RATIO_LONGEST * passes
    for _ in range(RATIO_ATTEMPTS):
        once = twice = math.inf
        for _ in range(RATIO_REPEATS):
            once, twice = min(once, timed(passes)), min(twice, timed(2 * passes))
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


def checksum_gate(loop: InferenceLoop) -> float:
    """The relative difference between the loop's checksum and the plain calls'. Raises MeterError."""
    found, expected = loop.run(1), loop.expected_checksum
    error = abs(found - expected) / expected if expected else abs(found)
    if not error <= loop.tolerance:  # NaN fails too
        raise MeterError(
            f"The loop's checksum over {loop.steps} calls is {found:g} where the plain calls' is {expected:g}: they "
            "did not compute the same, or an output is not finite. Check the function for NaN, overflow or randomness."
        )
    return error


def enough_passes(timed: Callable[[int], float], wanted_s: float) -> tuple[int, float]:
    """The passes that take `wanted_s` seconds or more, and their seconds, after `WARM_UP_RUNS` runs at least.

    Found by growing: the time of a short run is that of its dispatch. Raises MeterError where no number of passes
    that can be counted takes as long.
    """
    passes, runs = 1, 0
    while True:
        run_s = timed(passes)
        runs += 1
        if run_s >= wanted_s and runs >= WARM_UP_RUNS:
            return passes, run_s
        if run_s < wanted_s:
            if passes >= MOST_PASSES:
                raise MeterError(
                    f"{passes:,} passes over the function took {run_s:.3g} s: it is faster than can be timed. "
                    "Measure a larger batch, or a function that does more."
                )
            growth = min(10.0, max(1.5, wanted_s / max(run_s, 1e-9)))
            passes = min(MOST_PASSES, math.ceil(passes * growth))
