"""The engine: which configuration to try next, as a pure function of seed, step and archive.

    engine = Engine(space, objectives=2, population=12, seed=0)
    proposal = engine.propose(step, observations)

First comes what was queued, then the default configuration and a Sobol sequence; then the `proposer`'s turn. No
configuration is proposed twice, but as a deliberate replicate: repeats are judged on the canonical form, against
the whole archive. Nothing is remembered between calls but what is expensive to make again, so a search that was killed
proposes, on the archive it left, what it would have proposed.
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from importlib.util import find_spec

import numpy as np

from ecojax.engine.archive import Archive, Encoder, Observation
from ecojax.engine.assistant import Assistant, Known
from ecojax.engine.history import History
from ecojax.engine.proposers import PROPOSERS, Proposal, Tools, initial
from ecojax.engine.sampling import Sobol
from ecojax.engine.variator import Variator
from ecojax.errors import InputError
from ecojax.install import how_to_install
from ecojax.space import Configuration, SearchSpace
from ecojax.space.priors import Prior
from ecojax.wording import option

RANDOM_DRAWS = 2000
MOST_LISTED = 1 << 18  # configurations that are gone through one by one
CHECKS = 64  # candidates whose constraints are computed before an infeasible one is taken

Violation = Callable[[Configuration], float]


class Engine:
    """Proposes configurations of `space` for `objectives` minimised objectives.

    Args:
        population: parents that NSGA-II keeps, and size of the first population; at least 2.
        proposer: who proposes after the first population. "assisted": seven proposals of eight are the best of a
            model of the objectives, the eighth varies what is good; "nsga2": children of NSGA-II; "local": one-change
            neighbours of the front (Pareto local search); "sobol", "random".
        violation: total violation of the constraints that are known before a trial is paid for. A configuration
            that violates them is passed over while feasible ones are found.
        known: the objectives that are known before a trial is paid for, as a function of a configuration that gives
            a value an objective, NaN where it is not known.
        queue: configurations to try first, in this order.
        replicate: every so many steps, once the first population and the queue are through and there is a front,
            evaluate one of its members again; 0 never does.
        scaled: of each objective, whether it is told on the scale on which gains are to be weighed; one that is not is
            weighed by its logarithm where what was seen spans more than a decade. By default none is.
        prior: a map of genomes that shapes the Sobol sequence and random draws, as `ecojax.space.priors` makes it.
        before_compiling: called before the model is compiled, which takes seconds.

    Raises:
        InputError: the population is too small, fewer than one objective, an unknown proposer.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        objectives: int,
        population: int,
        seed: int,
        proposer: str = "assisted",
        violation: Violation | None = None,
        known: Known | None = None,
        queue: Sequence[Configuration] = (),
        replicate: int = 0,
        scaled: Sequence[bool] = (),
        prior: Prior | None = None,
        before_compiling: Callable[[], None] = lambda: None,
    ):
        if population < 2:
            raise InputError(
                f"{option('population', population)} is too small: crossing needs at least 2 parents"
            )
        if objectives < 1:
            raise InputError("a search needs at least one objective")
        if proposer not in PROPOSERS:
            raise InputError(f"{option('proposer', proposer)} is unknown; there are {', '.join(PROPOSERS)}")
        if replicate < 0:
            raise InputError(
                f"{option('replicate', replicate)} is no interval; give a number of trials, or 0 for never"
            )
        require_packages(proposer)
        self.space, self.objectives, self.population, self.seed = space, objectives, population, seed
        self.proposer, self.replicate = proposer, replicate
        self.queue = [space.canonical(configuration) for configuration in queue]
        self._queued = {space.key(configuration): configuration for configuration in self.queue}
        self._violation = violation
        self._prior: Prior = prior or (lambda genome: genome)
        self._encoder = Encoder(space)
        self._variator = Variator(space, objectives=objectives, population=population, seed=seed)
        self._assistant = Assistant(
            space,
            objectives=objectives,
            seed=seed,
            known=known,
            scaled=scaled,
            before_compiling=before_compiling,
        )
        sobol = Sobol(len(space), seed)
        self.tools = Tools(space, seed, population, self._prior, sobol, self._variator, self._assistant)

    @cached_property
    def _size(self) -> float:
        return self.space.size()

    @property
    def compile_seconds(self) -> float:
        """What was spent compiling so far."""
        return self._variator.compile_seconds + self._assistant.compile_seconds

    def history(self) -> History:
        """An empty history of a search by this engine, for `propose`."""
        return History(self.space, objectives=self.objectives, population=self.population, seed=self.seed)

    def propose(
        self, step: int, observations: Sequence[Observation] | History, *, hurried: bool = False
    ) -> Proposal | None:
        """The configuration to try as number `step`, or None when the space holds no other.

        `observations` are of every trial so far, failed and running ones included, in any order; or a `history` that
        they were added to, which a long search can afford. A `hurried` proposal is never the model's, which takes a
        tenth of a second: for when several workers wait.
        """
        return self._propose(step, self._archive(observations), frozenset(), hurried=hurried)

    def _archive(self, observations: Sequence[Observation] | History) -> Archive:
        if isinstance(observations, History):
            return observations
        return Archive(self._encoder, observations, self.objectives)

    def _propose(
        self, step: int, archive: Archive, also: Collection[str], *, hurried: bool = False
    ) -> Proposal | None:
        """`also` are keys of what is taken besides the archive."""
        if archive.tried + len(also) >= self._size:
            return None
        begun = step >= self.population + len(self.queue)
        if self.replicate and begun and len(archive.front) and step % self.replicate == 0:
            return self._replicate(archive)
        passed: set[str] = set()
        fallback: Proposal | None = None  # new, but beyond a constraint
        for proposal in self._candidates(step, archive, hurried=hurried):
            key = self.space.key(proposal.configuration)
            if archive.was_tried(key) or key in also or key in passed:
                continue
            if self._violation is None or self._violation(proposal.configuration) <= 0:
                return proposal
            fallback = fallback or proposal
            passed.add(key)
            if len(passed) >= CHECKS:
                break
        return fallback

    def upcoming(
        self, step: int, observations: Sequence[Observation] | History, n: int
    ) -> list[Configuration]:
        """Up to `n` configurations that will be proposed from number `step` on, whatever becomes of those before.

        They are of the queue and of the first population; later proposals wait for results.
        """
        archive, found = self._archive(observations), dict[str, Configuration]()
        for later in range(step, min(step + n, self.population + len(self.queue))):
            proposal = self._propose(later, archive, found.keys())
            if proposal is None:
                break
            found[self.space.key(proposal.configuration)] = proposal.configuration
        return list(found.values())

    def _candidates(self, step: int, archive: Archive, *, hurried: bool) -> Iterator[Proposal]:
        for key, configuration in self._queued.items():
            if not archive.was_tried(key):
                yield Proposal(configuration, "queued")
        if step < self.population + len(self.queue) or not len(archive):
            yield from initial(self.tools, max(0, step - len(self.queue)))
        else:
            yield from PROPOSERS[self.proposer].propose(self.tools, step, archive, hurried)
        yield from self._random(step)

    def _random(self, step: int) -> Iterator[Proposal]:
        rng = np.random.default_rng([self.seed, step, 1])
        for draw in range(RANDOM_DRAWS):
            genome = rng.random(len(self.space))
            # in the end without the prior, which may all but exclude what is left
            prior_holds = draw < RANDOM_DRAWS // 2
            yield Proposal(self.space.decode(self._prior(genome) if prior_holds else genome), "random")
        yield from self._rest(int(rng.integers(MOST_LISTED)))

    def _rest(self, start: int) -> Iterator[Proposal]:
        """Every configuration of a space without reals, from a place of its list on: the last few of it are hardly ever
        drawn."""
        levels = self.space.levels
        count = math.prod(map(int, levels)) if levels.all() else math.inf
        if count > MOST_LISTED:
            return
        for place in range(int(count)):
            level = np.unravel_index((start + place) % int(count), levels)
            yield Proposal(self.space.decode((np.array(level) + 0.5) / levels), "random")

    def _replicate(self, archive: Archive) -> Proposal:
        """The front's member that was tried least often, failed and running repeats included; of several the first by
        configuration."""
        row = archive.front[np.argmin(archive.attempts[archive.front])]
        return Proposal(archive.configuration(int(row)), "replicate")


def require_packages(proposer: str) -> None:
    """Raises `InputError` where `proposer` needs a package that is not installed: found out here, not mid-search."""
    if PROPOSERS[proposer].evosax and find_spec("evosax") is None:
        without = [name for name, one in PROPOSERS.items() if not one.evosax]
        raise InputError(
            f"{option('proposer', proposer)} needs the package evosax; run {how_to_install()}, or choose "
            f"{', '.join(without[:-1])} or {without[-1]}"
        )
