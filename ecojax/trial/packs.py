"""The training of a pack of candidates: each member's record is that of a training alone, and its cost its share.

    run = lowered(pack, ...).compile() of each            # as the evaluator does with single programs
    trainings = train(pack, run, members, images, labels, validation, epochs=9, rungs=(1, 3), meter=meter)

A member that is beaten or diverges has ended, by its record; the pack trains on for as long as another has not.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ecojax.energy import Meter, measure
from ecojax.train.packing import PackedProgram, stacked_numbers
from ecojax.train.program import Judgement, judgement
from ecojax.trial.compilation import Executables
from ecojax.trial.rungs import parts


class Progress:
    """Decides at rungs whether to go on: never stops. A search's own knows the rivals."""

    def reached(self, epoch: float, accuracy: float) -> bool:
        """Told the validation accuracy after `epoch`: whether the member ends here."""
        return False


@dataclass(frozen=True)
class Member:
    """A candidate of a pack: the `numbers` of its recipe, its seed, and who stops it."""

    numbers: Mapping[str, float]
    seed: int
    progress: Progress = field(default_factory=Progress)


@dataclass
class Training:
    """What became of a member after `epochs`: `diverged` or `beaten`, or judged and with its weights as `arrays`.

    `rungs` are validation accuracies by epoch. Energy and seconds are the pack's, divided by its members.
    """

    epochs: int = 0
    rungs: dict[float, float] = field(default_factory=dict)
    diverged: str | None = None
    beaten: bool = False
    train_energy_j: float = math.nan
    train_seconds: float = math.nan
    verdict: Judgement | None = None
    arrays: dict[str, np.ndarray] | None = None

    @property
    def ended(self) -> bool:
        return self.beaten or self.diverged is not None


def lowered(
    pack: PackedProgram,
    numbers: Collection[str],
    images: jax.Array,
    labels: jax.Array,
    validation: tuple[jax.Array, jax.Array],
) -> Executables:
    """The programs of a pack, lowered for the arguments that `train` calls them with. numbers: their names."""
    states = jax.eval_shape(pack.init, _init_keys([0] * pack.size))
    traced = dict.fromkeys(numbers, jax.ShapeDtypeStruct((pack.size,), jnp.float32))
    scalar, step = (jax.ShapeDtypeStruct((), dtype) for dtype in (jnp.float32, jnp.int32))
    return Executables(
        init=pack.jitted.init.lower(_init_keys([0] * pack.size)),
        epoch=pack.jitted.epoch.lower(
            states, traced, images, labels, scalar, _epoch_keys([0] * pack.size, 0), (step, step)
        ),
        evaluate=pack.jitted.evaluate.lower(states.weights, *validation),
    )


def train(
    pack: PackedProgram,
    run: Any,
    members: Sequence[Member],
    images: jax.Array,
    labels: jax.Array,
    validation: tuple[jax.Array, jax.Array],
    *,
    epochs: int,
    meter: Meter,
    rungs: Collection[float] = (),
) -> list[Training]:
    """Trains the `members` on `images` `[n, ...]`, and judges on `validation` (`padded_batches`) who has not ended.

    run: the compiled programs of the pack, `pack.jitted` too. Raises ValueError unless there are as many members as
    the pack has room for, and MeterError where the meter fails.
    """
    if len(members) != pack.size:
        raise ValueError(f"a pack of {pack.size} was given {len(members)} members; train the rest alone")
    seeds = [member.seed for member in members]
    numbers = stacked_numbers([member.numbers for member in members])
    steps = len(labels) // pack.program.batch_size
    total_steps = jnp.float32(epochs * steps)
    judged = int((np.asarray(validation[1]) >= 0).sum())
    trainings = [Training() for _ in members]
    states = run.init(_init_keys(seeds))
    rungs = [rung for rung in rungs if rung < epochs]
    stretches = [(epoch, *part) for epoch in range(epochs) for part in parts(epoch, steps, rungs)]

    with measure(meter) as window:
        for epoch, first, end, rung in stretches:
            part = jnp.int32(first), jnp.int32(end)
            states, losses = run.epoch(
                states, numbers, images, labels, total_steps, _epoch_keys(seeds, epoch), part
            )
            running = [i for i, training in enumerate(trainings) if not training.ended]
            losses = jax.device_get(losses)
            for i in running:
                trainings[i].epochs = epoch + 1
                if not math.isfinite(losses[i]):
                    where = f"in epoch {epoch + 1} of {epochs}"
                    trainings[i].diverged = f"the training loss is {float(losses[i])} {where}"
            if rung is not None:
                correct, _ = jax.device_get(run.evaluate(states.weights, *validation))
                for i in running:
                    if not trainings[i].ended:
                        trainings[i].rungs[rung] = float(correct[i]) / judged
                        trainings[i].beaten = members[i].progress.reached(rung, float(correct[i]) / judged)
            if all(training.ended for training in trainings):
                break
        window.sync(states)
    for training in trainings:
        training.train_energy_j = window.joules / pack.size
        training.train_seconds = window.seconds / pack.size

    if not all(training.ended for training in trainings):
        correct, losses = jax.device_get(run.evaluate(states.weights, *validation))
        arrays = pack.program.network.to_arrays(states.weights)
        for i, training in enumerate(trainings):
            if training.ended:
                continue
            training.verdict = judgement((correct[i], losses[i]), judged)
            if not math.isfinite(training.verdict.loss):
                training.diverged = "the validation loss is not finite"
                continue
            # a copy: the arrays of one member do not keep those of all alive
            training.arrays = {name: array[i].copy() for name, array in arrays.items()}
    return trainings


def _init_keys(seeds: Sequence[int]) -> jax.Array:
    return jnp.stack([jax.random.key(seed, impl="rbg") for seed in seeds])


def _epoch_keys(seeds: Sequence[int], epoch: int) -> jax.Array:
    return jnp.stack([jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), epoch) for seed in seeds])
