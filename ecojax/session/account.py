"""Where the time of a search went: seconds by part, and their shares in words.

Trials record what they spent; what the search spends between them is timed by a `Stopwatch`.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from ecojax.study import Trial

WAITING = "waiting for the device"
# a trial's own parts, by the metric that holds them
OF_TRIALS = {
    "training": "train_seconds",
    "metering": "metering_seconds",
    "waiting for compilation": "compile_seconds",
    "validating": "validation_seconds",
    WAITING: "waiting_seconds",
}
REST = "the rest"


class Stopwatch:
    """Seconds by part, in `seconds`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def span(self, part: str) -> Iterator[None]:
        """Times the block, also where it raises."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(part, time.perf_counter() - began)

    def add(self, part: str, seconds: float) -> None:
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds


def account(trials: Iterable[Trial], between: Mapping[str, float]) -> dict[str, float]:
    """Seconds by part, of all `trials` and of what was spent `between` them, the longest first.

    What trials spent on none of their parts is "the rest", which comes last; the sum is all that was spent.
    """
    total = Stopwatch()
    for part, seconds in between.items():
        total.add(part, seconds)
    for trial in trials:
        parts = {part: trial.metrics[metric] for part, metric in OF_TRIALS.items() if metric in trial.metrics}
        for part, seconds in parts.items():
            total.add(part, seconds)
        whole = trial.metrics.get("trial_seconds", sum(parts.values()))
        total.add(REST, max(0.0, whole - sum(parts.values())))
    return dict(sorted(total.seconds.items(), key=lambda item: (item[0] == REST, -item[1])))


def in_words(seconds: Mapping[str, float]) -> str:
    """`training 61 %, metering 22 %, …`: whole per cents that sum to 100; parts of less than one are left out.

    Empty where nothing was spent. Rounded by the largest remainders (Hamilton).
    """
    total = sum(seconds.values())
    if not total > 0:
        return ""
    exact = {part: 100.0 * spent / total for part, spent in seconds.items()}
    shares = {part: int(share) for part, share in exact.items()}
    by_remainder = sorted(exact, key=lambda part: shares[part] - exact[part])
    for part in by_remainder[: 100 - sum(shares.values())]:
        shares[part] += 1
    return ", ".join(f"{part} {share} %" for part, share in shares.items() if share)
