"""The training of a pack of candidates: each member's record is that of a training alone, and its cost its share.

    trainings = train(pack, members, quality="accuracy", rungs={9: 0.1, 27: 0.3}, meter=meter)

A member that is beaten or diverges has ended, by its record; the pack trains on for as long as another has not.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ecojax.energy import Meter, measure
from ecojax.tasks.task import Pack
from ecojax.trial.cuts import cuts


class Progress:
    """Decides at rungs whether to go on: never stops. A search's own knows the rivals."""

    def reached(self, share: float, quality: float) -> bool:
        """Told the quality after a share of the training: whether the member ends here."""
        return False


@dataclass(frozen=True)
class Member:
    """A candidate of a pack: its seed, and what stops it."""

    seed: int
    progress: Progress = field(default_factory=Progress)


@dataclass
class Trained:
    """What became of a member after `steps`: `diverged` or `beaten`, or judged and with its weights as `arrays`.

    `rungs` are qualities by share of the training. Energy and seconds are the pack's, divided by its members.
    """

    steps: int = 0
    rungs: dict[float, float] = field(default_factory=dict)
    diverged: str | None = None
    beaten: bool = False
    train_energy_j: float = math.nan
    train_seconds: float = math.nan
    verdict: Mapping[str, float] | None = None
    arrays: dict[str, np.ndarray] | None = None

    @property
    def ended(self) -> bool:
        return self.beaten or self.diverged is not None


def train(
    pack: Pack, members: Sequence[Member], *, quality: str, rungs: Mapping[int, float], meter: Meter
) -> list[Trained]:
    """Trains the `members` of `pack`, and judges those that have not ended. `quality` names the metric of the rungs.

    Raises ValueError unless there are as many members as the pack has room for, and MeterError where the meter fails.
    """
    if len(members) != pack.size:
        raise ValueError(f"a pack of {pack.size} was given {len(members)} members; train the rest alone")
    trained = [Trained() for _ in members]
    state = pack.start([member.seed for member in members])
    with measure(meter) as window:
        for first, end, rung in cuts(pack.steps, pack.pass_steps, rungs):
            state, losses = pack.advance(state, first, end)
            running = [i for i, one in enumerate(trained) if not one.ended]
            for i in running:
                trained[i].steps = end
                if not math.isfinite(losses[i]):
                    trained[i].diverged = diverged_in(losses[i], end, pack.steps)
            if rung is not None:
                verdicts = pack.judge(state)
                for i in running:
                    if not trained[i].ended:
                        trained[i].rungs[rung] = verdicts[i][quality]
                        trained[i].beaten = members[i].progress.reached(rung, verdicts[i][quality])
            if all(one.ended for one in trained):
                break
        window.sync(state)
    for one in trained:
        one.train_energy_j = window.joules / pack.size
        one.train_seconds = window.seconds / pack.size

    if not all(one.ended for one in trained):
        verdicts, arrays = pack.judge(state), pack.arrays(state)
        for i, one in enumerate(trained):
            if not one.ended:
                one.verdict, one.arrays = verdicts[i], arrays[i]
                one.diverged = not_finite(verdicts[i])
    return trained


def diverged_in(loss: float, step: int, steps: int) -> str:
    """A loss that is no finite number, in words."""
    return f"the training loss is {float(loss)} by step {step} of {steps}"


def not_finite(verdict: Mapping[str, float]) -> str | None:
    """The first metric of a verdict that is no finite number, in words; None where all are."""
    for name, value in verdict.items():
        if not math.isfinite(value):
            return f"{name} is not finite"
    return None
