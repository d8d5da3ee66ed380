"""Candidates of one program trained together: with the one that is due, those that are certain to follow.

What became of the others is kept until they are due themselves, so that a search sees one trial end after the other, as
without packing. Which way of packing pays is probed once a program, and only where enough candidates share it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from ecojax.energy import Meter
from ecojax.tasks import ImageClassification
from ecojax.train.packing import PackedProgram
from ecojax.train.program import TrainingProgram
from ecojax.trial.compilation import Executables
from ecojax.trial.memory import free_bytes, needed_bytes, require
from ecojax.trial.packing_probe import Probe, probe
from ecojax.trial.packs import Member, Progress, Training, lowered, train
from ecojax.trial.upcoming import Upcoming

LEAST = 8  # candidates of one program that are worth a probe: compiling its packs takes some ten seconds


class TrainedAhead:
    """Packs of one study's candidates. The arguments are those of the trainings alone."""

    def __init__(
        self,
        task: ImageClassification,
        images: jax.Array,
        labels: jax.Array,
        validation: tuple[jax.Array, jax.Array],
        *,
        epochs: int,
        rungs: Sequence[float],
        meter: Meter,
    ):
        self._task, self._epochs, self._rungs, self._meter = task, epochs, rungs, meter
        self._images, self._labels, self._validation = images, labels, validation
        self._probes: dict[TrainingProgram, Probe] = {}
        self._compiled: tuple[PackedProgram, Executables] | None = None
        self._kept: dict[tuple[str, int], tuple[Training, PackedProgram]] = {}

    def probed(self, program: TrainingProgram, upcoming: Sequence[Upcoming]) -> Probe | None:
        """The probe of `program`, where it was made just now: where at least eight candidates share it."""
        if program in self._probes or 1 + len(self._alike(program, upcoming)) < LEAST:
            return None
        numbers = self._task.recipe(self._task.space.default()).numbers
        self._probes[program] = probe(program, numbers, self._images, self._labels)
        return self._probes[program]

    def pack(self, program: TrainingProgram, upcoming: Sequence[Upcoming]) -> PackedProgram | None:
        """The pack that `program` is trained in, compiled; None where it is better off alone.

        Raises MemoryError where it would not fit.
        """
        found = self._probes.get(program)
        if found is None or found.best.way == "alone":
            return None
        if 1 + len(self._alike(program, upcoming)) < found.best.size:
            return None
        pack = PackedProgram(program, found.best.size, found.best.way)
        if self._compiled is None or self._compiled[0] != pack:
            numbers = self._task.recipe(self._task.space.default()).numbers
            low = lowered(pack, numbers, self._images, self._labels, self._validation)
            run = Executables(low.init.compile(), low.epoch.compile(), low.evaluate.compile())
            needed = needed_bytes(run.init) + max(needed_bytes(run.epoch), needed_bytes(run.evaluate))
            require(needed, free_bytes(next(iter(self._images.devices()))), f"a pack of {pack.size}")
            self._compiled = pack, run
        return pack

    def train(
        self,
        pack: PackedProgram,
        configuration: Mapping[str, Any],
        seed: int,
        progress: Progress,
        upcoming: Sequence[Upcoming],
    ) -> Training:
        """What becomes of `configuration`, trained with the first of `upcoming` that share its program."""
        assert self._compiled is not None
        others = self._alike(pack.program, upcoming)[: pack.size - 1]
        members = [Member(self._task.recipe(configuration).numbers, seed, progress)]
        members += [Member(self._task.recipe(one.configuration).numbers, one.seed) for one in others]
        trainings = train(
            pack,
            self._compiled[1],
            members,
            self._images,
            self._labels,
            self._validation,
            epochs=self._epochs,
            meter=self._meter,
            rungs=self._rungs,
        )
        for one, training in zip(others, trainings[1:], strict=True):
            self._kept[_key(one.configuration, one.seed)] = training, pack
        return trainings[0]

    def take(self, configuration: Mapping[str, Any], seed: int) -> tuple[Training, PackedProgram] | None:
        """What became of a configuration that was trained with an earlier one, once."""
        return self._kept.pop(_key(configuration, seed), None)

    def _alike(self, program: TrainingProgram, upcoming: Sequence[Upcoming]) -> list[Upcoming]:
        """Those that share `program`, and have not been trained."""
        return [
            one
            for one in upcoming
            if _key(one.configuration, one.seed) not in self._kept
            and self._task.program(one.configuration) == program
        ]


def _key(configuration: Mapping[str, Any], seed: int) -> tuple[str, int]:
    return json.dumps(dict(configuration), sort_keys=True), seed
