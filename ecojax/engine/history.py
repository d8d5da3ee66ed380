"""What a long search has seen so far: an archive that grows by one trial at a time, and does not grow for ever.

    history = engine.history()
    history.add(0, Observation(configuration, None, pending=True))
    history.add(0, Observation(configuration, [0.1, 3.0]))
    proposal = engine.propose(1, history)

Up to `EXACT` configurations it is the archive of all its observations, to the bit, in whatever order they came. Beyond,
it keeps what is worth breeding from and modelling: the best fronts, and a sample of the rest. That is decided in blocks
of `BLOCK` consecutive ids, each once all of its trials have ended and the blocks before it are done. So what is kept
depends on the trials and not on the order in which they ended, and a search that is resumed keeps the same. What was
dropped stays dropped; but that it was tried is known for good. While one trial runs on, the blocks after it wait, and
what ends in them is all kept.
"""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from ecojax.engine.archive import Archive, Encoded, Encoder, Observation, encoded, mean_of
from ecojax.engine.digests import Digests, digest
from ecojax.engine.dominance import non_dominated_ranks
from ecojax.engine.unbeaten import joined
from ecojax.errors import InputError
from ecojax.space import SearchSpace

EXACT = 2000  # configurations up to which nothing is dropped
BLOCK = 64  # consecutive ids
LEAST_BEST, BEST = 256, 4  # the best kept: at least so many, and so many populations
SAMPLED = 128  # of the other successes
FAILED = 256  # as many as a model is ever shown

COLUMNS = ("genomes", "active", "objectives", "standard_errors", "replicates", "attempts", "violation")


@dataclass
class _Tried:
    """A configuration, and what came of it by trial."""

    encoded: Encoded
    digest: bytes
    trials: dict[int, Observation] = field(default_factory=dict)
    settled: bool = False  # whether one of them is in a block that is done


class History(Archive):
    """An archive to which observations are added by the ids of their trials: whole numbers from 0, without gaps."""

    def __init__(self, space: SearchSpace, *, objectives: int, population: int, seed: int):
        super().__init__(Encoder(space), [], objectives)
        self._space, self._seed, self._best = space, seed, max(LEAST_BEST, BEST * population)
        self._kept: dict[str, _Tried] = {}
        self._settled = Digests()  # of all configurations in blocks that are done
        self._unsettled = 0  # kept configurations that are in no such block
        self._open: dict[int, tuple[str, Observation] | None] = {}  # the trials of the other blocks
        self._ended: Counter[int] = Counter()  # by block
        self._done = 0  # ids below are in blocks that are done
        self._dropping = False

    @property
    def tried(self) -> int:
        return len(self._settled) + self._unsettled

    def was_tried(self, key: str) -> bool:
        return key in self._kept or digest(key, self._seed) in self._settled

    def add(self, id_: int, observation: Observation | None) -> None:
        """Notes a trial, or what has become of it since. None is a trial that says nothing of this space.

        Raises `InputError` for a configuration outside the space, and for a trial of a block that is done.
        """
        code = None if observation is None else encoded(self._space, observation.configuration)
        self._check(id_)
        self._take_out(id_)
        if observation is None or code is None:
            self._open[id_] = None
        else:
            self._open[id_] = code.key, observation
            self._put_in(id_, code, observation)
        if observation is None or not observation.pending:
            self._ended[id_ // BLOCK] += 1
            while self._ended[self._done // BLOCK] == BLOCK:
                self._settle()

    def remove(self, id_: int) -> None:
        """Takes back a trial, as though it had never been proposed. Raises `InputError` as `add` does."""
        self._check(id_)
        self._take_out(id_)

    def _check(self, id_: int) -> None:
        if id_ < self._done:
            raise InputError(
                f"trial {id_} has ended, and all up to {self._done - 1}; what came of it can no longer change"
            )

    # Trials

    def _put_in(self, id_: int, code: Encoded, observation: Observation) -> None:
        tried = self._kept.get(code.key)
        if tried is None:
            tried = _Tried(code, digest(code.key, self._seed))
            if tried.digest in self._settled:
                return  # dropped
            self._kept[code.key] = tried
            self._unsettled += 1
        tried.trials[id_] = observation
        self._update(code.key)

    def _take_out(self, id_: int) -> None:
        if id_ not in self._open:
            return
        entry = self._open.pop(id_)
        if entry is None or not entry[1].pending:
            self._ended[id_ // BLOCK] -= 1
        if entry is not None and entry[0] in self._kept:
            tried = self._kept[entry[0]]
            del tried.trials[id_]
            self._update(entry[0])
            if not tried.trials:
                del self._kept[entry[0]]
                self._unsettled -= 1

    # Rows

    def _update(self, key: str) -> None:
        """Makes the rows what the trials of one configuration say."""
        tried = self._kept[key]
        trials = tried.trials
        successes = [trial for trial in trials.values() if trial.succeeded]
        failed = any(not trial.pending and not trial.succeeded for trial in trials.values())
        pending = any(trial.pending and not trial.succeeded for trial in trials.values())
        self._note(self._failed, key, tried.encoded if failed and not successes else None)
        self._note(self._pending, key, tried.encoded if pending and not successes else None)
        row = bisect_left(self.row_keys, key)
        present = row < len(self.row_keys) and self.row_keys[row] == key
        if not successes:
            if present:
                self._keep_rows(np.arange(len(self)) != row)
            return
        self._configurations[key] = dict(trials[max(trials)].configuration)
        mean = mean_of(successes)
        values = tried.encoded.genome, tried.encoded.active, mean.objectives, mean.standard_errors
        for name, value in zip(COLUMNS, (*values, len(successes), len(trials), mean.violation), strict=True):
            column = getattr(self, name)
            if present:
                column[row] = value
            else:
                new = np.asarray(value, column.dtype)[None]
                setattr(self, name, np.concatenate([column[:row], new, column[row:]]))
        if present:
            self.__dict__.pop("front", None)
        else:
            self.row_keys.insert(row, key)
            self._extend_front(row)

    def _note(self, those: dict[str, Encoded], key: str, code: Encoded | None) -> None:
        if (key in those) != (code is not None):
            self.__dict__.pop("failed", None)
            self.__dict__.pop("pending", None)
            if code is None:
                del those[key]
            else:
                those[key] = code

    def _extend_front(self, row: int) -> None:
        """A row more cannot bring an old one back: only itself and whom it beats are to be looked at."""
        if "front" not in self.__dict__:
            return
        front = self.front + (self.front >= row)
        if self.violation[row] <= 0:
            front = joined(front, self.objectives, row)
        self.__dict__["front"] = front

    def _keep_rows(self, kept: np.ndarray) -> None:
        for name in COLUMNS:
            setattr(self, name, getattr(self, name)[kept])
        for row in np.flatnonzero(~kept):
            del self._configurations[self.row_keys[row]]
        self.row_keys = [self.row_keys[row] for row in np.flatnonzero(kept)]
        self.__dict__.pop("front", None)

    # Blocks

    def _settle(self) -> None:
        """Closes the next block, all of whose trials have ended."""
        del self._ended[self._done // BLOCK]
        for id_ in range(self._done, self._done + BLOCK):
            entry = self._open.pop(id_)
            tried = None if entry is None else self._kept.get(entry[0])
            if tried is not None and not tried.settled:
                tried.settled = True
                self._settled.add(tried.digest)
                self._unsettled -= 1
        self._done += BLOCK
        self._dropping = self._dropping or len(self._settled) > EXACT
        if self._dropping:
            self._drop()

    def _drop(self) -> None:
        """Of the configurations in blocks that are done, judged by their trials there, keeps the most worthwhile."""
        succeeded: list[str] = []
        failed: list[str] = []
        objectives: list[np.ndarray] = []
        violation: list[float] = []
        rows = {key: row for row, key in enumerate(self.row_keys)}
        for key in sorted(self._kept):
            tried = self._kept[key]
            if not tried.settled:
                continue
            if max(tried.trials) < self._done and key in rows:
                succeeded.append(key)
                objectives.append(self.objectives[rows[key]])
                violation.append(self.violation[rows[key]])
                continue
            trials = [trial for id_, trial in tried.trials.items() if id_ < self._done and trial.succeeded]
            if trials:
                mean = mean_of(trials)
                succeeded.append(key)
                objectives.append(mean.objectives)
                violation.append(mean.violation)
            else:
                failed.append(key)
        dropped = set(sorted(failed, key=self._chance)[FAILED:])
        if len(succeeded) > self._best:
            best = _best(np.array(objectives), np.array(violation), self._best)
            others = [succeeded[row] for row in np.setdiff1d(np.arange(len(succeeded)), best)]
            dropped |= set(sorted(others, key=self._chance)[SAMPLED:])
        for key in dropped:
            self._note(self._failed, key, None)
            self._note(self._pending, key, None)
            del self._kept[key]
        self._keep_rows(np.array([key not in dropped for key in self.row_keys], bool))

    def _chance(self, key: str) -> bytes:
        """By the first of these of all that ever came, a sample stays fair however often it is cut."""
        return self._kept[key].digest


def _best(F: np.ndarray, violation: np.ndarray, n: int) -> np.ndarray:
    """The `n` rows of `F` `[rows, objectives]` on the best fronts, by crowding distance on the last, in no order."""
    rank = non_dominated_ranks(F, violation)
    last = np.sort(rank)[n - 1]
    within, cut = np.flatnonzero(rank < last), np.flatnonzero(rank == last)
    room = np.zeros(len(cut))
    for column in F[cut].T:
        order = np.argsort(column, kind="stable")
        room[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / (np.ptp(column) or 1.0)
        room[order[[0, -1]]] = np.inf
    return np.concatenate([within, cut[np.argsort(-room, kind="stable")[: n - len(within)]]])
