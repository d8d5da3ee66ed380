"""What share of their time workers were busy, from when each of their trials began and ended."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Utilisation:
    """Shares of the workers' time.

    supplied: from the first beginning to the last one. Until then there was work for everyone, so every idle moment
        is the fault of who hands it out; afterwards there is none for those that end.
    whole: from the first beginning to the last end.
    """

    supplied: float
    whole: float


def utilisation(trials: Sequence[tuple[float, float]], workers: int) -> Utilisation:
    """Of `trials`' beginnings and ends, in seconds of one clock.

    Raises ValueError where all began at once: then nothing was ever handed to a worker that had become free.
    """
    first, last = min(began for began, _ in trials), max(began for began, _ in trials)
    if first == last:
        raise ValueError(f"All {len(trials)} trials began at {first} s; take more of them than workers.")

    def until(end: float) -> float:
        busy = sum(min(ended, end) - began for began, ended in trials)
        return busy / (workers * (end - first))

    return Utilisation(until(last), until(max(ended for _, ended in trials)))
