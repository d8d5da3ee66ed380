"""Model-assisted proposals: Gaussian processes of the objectives, searched by an inner NSGA-II.

    fit the processes  →  evolve a population on their lower confidence bounds  →  put in exactly what is known
    beforehand  →  the one that is expected to add most hypervolume; every other time, the one that is expected to move
    an end of the front furthest

Failed and infeasible trials are modelled too, as the share of feasible ones; running trials count as if they had
ended as predicted (kriging believer, Ginsbourger et al. 2010), so that batches spread.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr  # type: ignore[import-untyped]

from ecojax.engine.archive import Archive, Encoded
from ecojax.engine.improvement import expected_improvement, expected_room
from ecojax.engine.neighbours import neighbouring_genomes
from ecojax.engine.variator import padded_size
from ecojax.jax_devices import cpu_device
from ecojax.jax_settings import computing
from ecojax.space import Configuration, SearchSpace

Known = Callable[[Configuration], Sequence[float] | np.ndarray]

LEAST_ROWS = 8  # successes before there is anything to model
MODEL_ROWS = 256  # the processes see the front and a sample of the rest beyond that
FIT_ROWS = 96  # hyperparameters are fitted on as many
POPULATION, GENERATIONS, KEPT_EVERY = 48, 40, 8
POOL = 160  # further candidates: neighbours of the front, and strangers
TOLD = 64  # candidates of which known objectives are computed
SMALLEST = 64
LOG_RATIO = 10.0  # positive objectives that go so far beyond their median are taken by their logarithm
LEAST_FEASIBLE = 0.25  # square of the probability under which a candidate is taken for infeasible
MARGIN = 0.1  # standard deviations of an objective, from the worst seen to where hypervolume ends
ENDS = 2  # every so many proposals one goes to an end of the front
TRIVIAL = 0.05  # standard deviations of an objective, that an end can be expected to move by
LEAST_OPTIMISM, MOST_OPTIMISM = 0.2, 2.0


class Scale(NamedTuple):
    """How one objective is turned into a target of mean zero and variance one."""

    log: bool
    cap: float
    mean: float
    spread: float

    @classmethod
    def of(cls, values: np.ndarray, scaled: bool) -> "Scale":
        middle, ninety_fifth = np.quantile(values, [0.5, 0.95])
        log = not scaled and bool((values > 0).all() and ninety_fifth > LOG_RATIO * middle)
        values = np.log(values) if log else values
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        # what is hopeless need not be told from what is worse
        cap = float(middle + 3.0 * max(high - low, 1e-12 + abs(middle) * 1e-6))
        values = np.minimum(values, cap)
        return cls(log, cap, float(values.mean()), float(values.std()) or 1.0)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        if self.log:
            values = np.log(np.maximum(values, np.finfo(float).tiny))
        return (np.minimum(values, self.cap) - self.mean) / self.spread


class Rows(NamedTuple):
    """What the processes are conditioned on, padded: genomes and active `[n, genes]`, targets and mask
    `[outputs, n]`, pending `[n]`."""

    genomes: np.ndarray
    active: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    pending: np.ndarray


class Assistant:
    """Proposes by model. Keeps nothing between calls but compiled programs."""

    def __init__(
        self,
        space: SearchSpace,
        *,
        objectives: int,
        seed: int,
        known: Known | None = None,
        scaled: Sequence[bool] = (),
        before_compiling: Callable[[], None] = lambda: None,
    ):
        self.space, self.objectives, self.seed = space, objectives, seed
        self._before_compiling = before_compiling
        self._known = known
        self._scaled = scaled or [False] * objectives
        self._shape: tuple[Any, Any, int] | None = (
            None  # gene kinds and conditions, as the compiled half takes them
        )
        self.compile_seconds = 0.0

    def ready(self, archive: Archive) -> bool:
        return len(archive) >= LEAST_ROWS

    def propose(self, step: int, archive: Archive) -> Iterator[Configuration]:
        """Configurations, the most promising first, new or not."""
        rng = np.random.default_rng([self.seed, step, 3])
        scales = [
            Scale.of(column, scaled)
            for column, scaled in zip(archive.objectives.T, self._scaled, strict=True)
        ]
        front = np.stack([scale(archive.objectives[:, i]) for i, scale in enumerate(scales)], 1)
        rows = self._rows(archive, front, rng)
        starts, pool = self._starts(archive, rng), self._pool(archive, rng)
        optimism = np.float64(np.exp(rng.uniform(np.log(LEAST_OPTIMISM), np.log(MOST_OPTIMISM))))
        genomes, mean, spread = self._run(rng, rows, self._fit_rows(rows, rng), starts, pool, optimism)
        yield from self._chosen(step, archive, scales, front, genomes, mean.T, spread.T)

    # What the model is told

    def _rows(self, archive: Archive, targets: np.ndarray, rng: np.random.Generator) -> Rows:
        chosen = np.arange(len(archive))
        most = MODEL_ROWS - min(
            len(archive.pending), MODEL_ROWS // 4
        )  # together they fill a size compiled already
        if len(archive) > most:
            rest = np.setdiff1d(chosen, archive.front)
            sample = rng.choice(rest, most - min(most, len(archive.front)), replace=False)
            chosen = np.sort(np.concatenate([archive.front, sample])[:most])
        failed = archive.failed[:MODEL_ROWS]
        infeasible = bool(failed) or bool((archive.violation > 0).any())
        others: list[Encoded] = [*failed, *archive.pending]
        rows, outputs = len(chosen) + len(others), self.objectives + infeasible
        n = padded_size(rows, SMALLEST)
        genomes, active = np.full((n, len(self.space)), 0.5, np.float64), np.zeros((n, len(self.space)), bool)
        genomes[: len(chosen)], active[: len(chosen)] = archive.genomes[chosen], archive.active[chosen]
        for row, encoded in enumerate(others, len(chosen)):
            genomes[row], active[row] = encoded.genome, encoded.active
        mask, values = np.zeros((outputs, n), bool), np.zeros((outputs, n), np.float64)
        mask[: self.objectives, : len(chosen)] = True
        values[: self.objectives, : len(chosen)] = targets[chosen].T
        if infeasible:  # the last output: 1 where a trial failed or broke a constraint, else 0; centred below
            mask[-1, : len(chosen) + len(failed)] = True
            values[-1, : len(chosen)] = archive.violation[chosen] > 0
            values[-1, len(chosen) : len(chosen) + len(failed)] = 1.0
            values[-1, mask[-1]] -= 0.5
        pending = np.zeros(n, bool)
        pending[len(chosen) + len(failed) : rows] = True
        return Rows(genomes, active, values, mask, pending)

    def _fit_rows(self, rows: Rows, rng: np.random.Generator) -> np.ndarray:
        """Indices `[FIT_ROWS or n]` of the rows that hyperparameters are fitted on; those not seen do no harm."""
        n = len(rows.pending)
        seen = np.flatnonzero(rows.mask.any(0))
        order = np.concatenate([rng.permutation(seen), np.setdiff1d(np.arange(n), seen)])
        return order[: min(n, FIT_ROWS)].astype(np.int32)

    def _starts(self, archive: Archive, rng: np.random.Generator) -> np.ndarray:
        """The inner population's first genomes `[POPULATION, genes]`: half the front's, half strangers."""
        starts = rng.random((POPULATION, len(self.space)), np.float64)
        best = archive.front if len(archive.front) else np.arange(len(archive))
        members = rng.permutation(best)[: POPULATION // 2]
        starts[: len(members)] = archive.genomes[members]
        return starts

    def _pool(self, archive: Archive, rng: np.random.Generator) -> np.ndarray:
        """Candidates beside those that the inner search finds `[POOL, genes]`: neighbours of the front, and
        strangers."""
        pool = rng.random((POOL, len(self.space)), np.float64)
        near = islice(neighbouring_genomes(self.space, archive, rng), POOL * 3 // 4)
        for row, genome in enumerate(near):
            pool[row] = genome
        return pool

    # What the model answers

    def _chosen(
        self,
        step: int,
        archive: Archive,
        scales: Sequence[Scale],
        observed: np.ndarray,
        genomes: np.ndarray,
        mean: np.ndarray,
        spread: np.ndarray,
    ) -> Iterator[Configuration]:
        """The candidates by what they are expected to add, new or not: hypervolume up to the worst that was seen, or
        now and then what an end of the front moves by. Mean and spread are `[n, outputs]`."""
        front = observed[archive.front] if len(archive.front) else observed
        reference = observed.max(0) + MARGIN
        feasible = np.ones(len(genomes))
        if mean.shape[1] > self.objectives:
            # squared, for beyond a border that it has not found what it promises is extrapolated too
            feasible = ndtr(-mean[:, -1] / spread[:, -1]) ** 2
        mean, spread = mean[:, : self.objectives], spread[:, : self.objectives]

        def order(rows: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
            """What likely fails comes last, however much it promises: beyond a boundary the promise is extrapolated.
            Where nothing promises to improve, the least known goes first."""
            gain = feasible[rows] * self._gain(step, front, mean, spread, reference)
            return rows[np.lexsort((-spread.sum(1), -gain, feasible[rows] < LEAST_FEASIBLE))]

        best = order(np.arange(len(genomes)), mean, spread)
        if self._known is not None:
            rows, values = self._told(best, archive, scales, genomes)
            if len(rows):
                told = np.isfinite(values)
                best = order(rows, np.where(told, values, mean[rows]), np.where(told, 0.0, spread[rows]))
        yield from (self.space.decode(genomes[row]) for row in best)

    def _gain(
        self, step: int, front: np.ndarray, mean: np.ndarray, spread: np.ndarray, reference: np.ndarray
    ) -> np.ndarray:
        """What candidates of `mean` and `spread` `[n, objectives]` are worth at a step, `[n]`.

        On every other step that is how far they are expected to lower one objective below the best so far. Hypervolume
        alone seldom leads there: it counts nothing beyond the worst that was seen.
        """
        if step % ENDS == 0:
            room = expected_room(front.min(0), mean[:, None], spread[:, None])[:, 0]
            movable = np.flatnonzero(room.max(0) > TRIVIAL)
            if len(movable):
                return np.asarray(room[:, movable[step // ENDS % len(movable)]])
        return expected_improvement(front, mean, spread, reference)

    def _told(
        self, best: np.ndarray, archive: Archive, scales: Sequence[Scale], genomes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Some new candidates, and their objectives `[k, objectives]` as known, on the model's scale; NaN where not."""
        assert self._known is not None
        rows: dict[str, int] = {}
        values: list[list[float]] = []
        # half by promise, half spread over the rest, for the model may be wrong about what is known
        rest = best[TOLD // 2 :]
        for row in [*best[: TOLD // 2], *rest[:: max(1, 2 * len(rest) // TOLD)]]:
            configuration = self.space.decode(genomes[row])
            key = self.space.key(configuration)
            if archive.was_tried(key) or key in rows:
                continue
            rows[key] = int(row)
            known = zip(scales, self._known(configuration), strict=True)
            values.append([scale(np.array([v]))[0] if np.isfinite(v) else np.nan for scale, v in known])
            if len(rows) >= TOLD:
                break
        return np.array(list(rows.values()), int), np.array(values, float).reshape(-1, self.objectives)

    def _run(self, rng: np.random.Generator, rows: Rows, *arguments: Any) -> tuple[np.ndarray, ...]:
        """The compiled half, on arrays of sizes that few archives differ in."""
        began = time.perf_counter()
        from ecojax.engine.activity import conditions_of
        from ecojax.engine.genes import Genes
        from ecojax.engine.inner import Sizes, compile_inner_search, is_compiled

        if self._shape is None:
            with computing(cpu_device()):
                kinds = Genes.of(self.space.levels, self.space.categorical)
                self._shape = kinds, *conditions_of(self.space)
        kinds, conditions, chain = self._shape
        outputs, n = rows.mask.shape
        sizes = Sizes(
            genes=len(self.space),
            levels=conditions.allowed.shape[-1],
            chain=chain,
            objectives=self.objectives,
            outputs=outputs,
            rows=n,
            fit_rows=min(n, FIT_ROWS),
            population=POPULATION,
            generations=GENERATIONS,
            kept_every=KEPT_EVERY,
            pool=POOL,
        )
        if not is_compiled(sizes):
            self._before_compiling()
        program = compile_inner_search(sizes)
        self.compile_seconds += time.perf_counter() - began
        seed = np.int32(rng.integers(2**31))
        return tuple(np.asarray(array) for array in program(seed, *rows, *arguments, kinds, conditions))
