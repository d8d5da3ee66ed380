"""Where a training is cut: at its rungs, and at the end of each pass over the data, where its loss is looked at."""

from collections.abc import Iterator, Mapping


def cuts(steps: int, pass_steps: int, rungs: Mapping[int, float]) -> Iterator[tuple[int, int, float | None]]:
    """The training in parts: first step, the step not to take, and the rung there, as a share of the training."""
    ends = sorted({*range(pass_steps, steps, pass_steps), *rungs, steps})
    first = 0
    for end in ends:
        yield first, end, rungs.get(end)
        first = end
