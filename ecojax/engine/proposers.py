"""The proposers that can be asked for by name: one record each. Adding one is its file and an entry here.

Imports no JAX, so that a setting can be checked against the names.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ecojax.engine.sampling import Sobol
from ecojax.space import Configuration, SearchSpace
from ecojax.space.priors import Prior

if TYPE_CHECKING:
    from ecojax.engine.archive import Archive
    from ecojax.engine.assistant import Assistant
    from ecojax.engine.variator import Variator


@dataclass(frozen=True)
class Proposal:
    """A configuration to try, and where it came from: queued, default, sobol, model, variation, local, random or
    replicate (a configuration of the front, to be evaluated once more)."""

    configuration: Configuration
    origin: str


@dataclass(frozen=True)
class Tools:
    """What a proposer may use, all of one space, seed and number of objectives."""

    space: SearchSpace
    seed: int
    population: int
    prior: Prior
    sobol: Sobol
    variator: "Variator"
    assistant: "Assistant"


# (tools, step, archive, hurried) -> what to try, the best first; the engine takes the first that is new and feasible
Propose = Callable[[Tools, int, "Archive", bool], Iterator[Proposal]]


@dataclass(frozen=True)
class Proposer:
    """A way to propose after the first population, as a pure function of seed, step and archive.

    propose: gives candidates, the best first; they may be few, none, or tried before. evosax: whether it needs the
    package.
    """

    propose: Propose
    evosax: bool = False


def initial(tools: Tools, step: int) -> Iterator[Proposal]:
    """The default configuration, then points of a Sobol sequence from that of the step on."""
    if step == 0:
        yield Proposal(tools.space.default(), "default")
    # past the step's own point come the spare ones, for those whose configuration was tried already
    points = max(4 * tools.population, 2 * (step + 1))
    for genome in tools.sobol.points(step, 1 << (points - 1).bit_length()):
        yield Proposal(tools.space.decode(tools.prior(genome)), "sobol")


def _sobol(tools: Tools, step: int, archive: "Archive", hurried: bool) -> Iterator[Proposal]:
    yield from initial(tools, step)


def _random(tools: Tools, step: int, archive: "Archive", hurried: bool) -> Iterator[Proposal]:
    yield from ()  # the engine ends with random draws whoever proposes


def _local(tools: Tools, step: int, archive: "Archive", hurried: bool) -> Iterator[Proposal]:
    from ecojax.engine.neighbours import neighbours

    for configuration in neighbours(tools.space, archive, np.random.default_rng([tools.seed, step, 2])):
        yield Proposal(configuration, "local")


def _nsga2(tools: Tools, step: int, archive: "Archive", hurried: bool) -> Iterator[Proposal]:
    for configuration in tools.variator.children(step, archive):
        yield Proposal(configuration, "variation")


UNASSISTED = 8  # every so many proposals one is not the model's, in case that is wrong


def _assisted(tools: Tools, step: int, archive: "Archive", hurried: bool) -> Iterator[Proposal]:
    turn = step % (2 * UNASSISTED)
    if (turn + 1) % UNASSISTED and not hurried and tools.assistant.ready(archive):
        for configuration in tools.assistant.propose(step, archive):
            yield Proposal(configuration, "model")
    if turn + 1 == UNASSISTED:
        yield from _local(tools, step, archive, hurried)
    yield from _nsga2(tools, step, archive, hurried)


PROPOSERS = {
    "assisted": Proposer(_assisted, evosax=True),
    "nsga2": Proposer(_nsga2, evosax=True),
    "local": Proposer(_local),
    "sobol": Proposer(_sobol),
    "random": Proposer(_random),
}
