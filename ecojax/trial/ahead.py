"""Candidates of one program trained together: with the one that is due, those that are certain to follow.

What became of the others is kept until they are due themselves, so that a search sees one trial end after the other, as
without packing. Which way of packing pays is probed once a program, and only where enough candidates share it.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from ecojax.energy import Meter
from ecojax.space import identity
from ecojax.tasks.task import Pack, Task, Training
from ecojax.trial.packs import Member, Progress, Trained, train
from ecojax.trial.worker import Upcoming

LEAST = 8  # candidates of one program that are worth a probe: compiling its packs takes some ten seconds


class TrainedAhead:
    """Packs of one study's candidates. `quality` names the metric of the rungs."""

    def __init__(self, task: Task, *, quality: str, meter: Meter):
        self._task, self._quality, self._meter = task, quality, meter
        self._probes: dict[Hashable, Any] = {}
        self._kept: dict[tuple[str, int], tuple[Trained, Pack]] = {}

    def probed(self, training: Training, upcoming: Sequence[Upcoming]) -> Any:
        """The probe of `training`'s program, where it was made just now: where at least eight candidates share it."""
        packing = training.packing()
        if training.program in self._probes or packing is None:
            return None
        if 1 + len(self._alike(training, upcoming)) < LEAST:
            return None
        found = self._probes[training.program] = packing.probe()
        return found

    def pack(self, training: Training, upcoming: Sequence[Upcoming]) -> Pack | None:
        """The pack that `training` is due in, compiled; None where it is better off alone.

        Raises MemoryError where it would not fit.
        """
        found = self._probes.get(training.program)
        if found is None or found.best.way == "alone":
            return None
        others = self._alike(training, upcoming)[: found.best.size - 1]
        packing = training.packing()
        if packing is None or 1 + len(others) < found.best.size:
            return None
        return packing.pack(found.best.way, [training, *(other for _, other in others)])

    def train(
        self,
        pack: Pack,
        training: Training,
        seed: int,
        progress: Progress,
        rungs: Mapping[int, float],
        upcoming: Sequence[Upcoming],
    ) -> Trained:
        """What becomes of `training`, the first of `pack`; the others are those of `upcoming` that it was made of."""
        others = self._alike(training, upcoming)[: pack.size - 1]
        members = [Member(seed, progress), *(Member(one.seed) for one, _ in others)]
        trained = train(pack, members, quality=self._quality, rungs=rungs, meter=self._meter)
        for (one, _), became in zip(others, trained[1:], strict=True):
            self._kept[_key(one.configuration, one.seed)] = became, pack
        return trained[0]

    def take(self, configuration: Mapping[str, Any], seed: int) -> tuple[Trained, Pack] | None:
        """What became of a configuration that was trained with an earlier one, once."""
        return self._kept.pop(_key(configuration, seed), None)

    def _alike(self, training: Training, upcoming: Sequence[Upcoming]) -> list[tuple[Upcoming, Training]]:
        """Those that share `training`'s program, and have not been trained."""
        found = []
        for one in upcoming:
            if _key(one.configuration, one.seed) in self._kept:
                continue
            other = self._task.candidate(one.configuration).training()
            if other is not None and other.program == training.program:
                found.append((one, other))
        return found


def _key(configuration: Mapping[str, Any], seed: int) -> tuple[str, int]:
    return identity(configuration), seed
