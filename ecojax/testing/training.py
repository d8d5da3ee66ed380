"""The first steps of a training, as a worker takes them."""

import math
from itertools import pairwise
from typing import Any

from ecojax.tasks.task import Training
from ecojax.testing.claim import require

SEED, STEPS = 5, 2


def compiled(training: Training) -> None:
    """Compiles the programs of a training that has any, and hands them over."""
    if training.program is not None:
        training.use({name: lowered.compile() for name, lowered in training.lowered().items()})


def begun(training: Training, *, cut: bool = False) -> Any:
    """The state of a compiled training after its first two steps, taken at once or one by one."""
    last = min(STEPS, training.steps)
    state = training.start(SEED)
    for first, end in pairwise(range(last + 1) if cut else (0, last)):
        state, loss = training.advance(state, first, end)
        require(
            math.isfinite(loss), f"advance() gives the loss {loss!r} after step {end}; give a finite mean"
        )
    return state
