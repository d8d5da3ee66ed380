"""What a proposer must keep to."""

from itertools import islice

from ecojax.engine.archive import Observation
from ecojax.engine.engine import Engine
from ecojax.engine.proposers import Proposal, Proposer
from ecojax.space import Choice, Float, Int, SearchSpace, identity
from ecojax.testing.claim import require

LOOKED_AT = 32  # proposals of a step
SPACES = (
    SearchSpace([Int("width", 1, 40)]),
    SearchSpace(
        [
            Choice("kind", ("plain", "deep")),
            Int("depth", 1, 8, when={"kind": ("deep",)}),
            Float("rate", 1e-4, 1.0, log=True),
        ]
    ),
)


def check_proposer(proposer: Proposer) -> None:
    """Asks a proposer on archives of two spaces. Raises `AssertionError` for what a search could not live with."""
    for space in SPACES:
        engine = Engine(space, objectives=2, population=4, seed=3, proposer="random")
        observed = _observed(engine)
        for step in range(8, 12):
            found, again = (_asked(proposer, engine, observed, step) for _ in range(2))
            require(
                [identity(one.configuration) for one in found]
                == [identity(one.configuration) for one in again],
                f"step {step} is proposed differently when it is asked again; depend on seed, step and archive only",
            )
            for one in found:
                require(isinstance(one, Proposal), f"it gives {one!r}; give a Proposal")
                _require_canonical(space, one)


def _asked(proposer: Proposer, engine: Engine, observed: list[Observation], step: int) -> list[Proposal]:
    archive = engine.history()
    for number, observation in enumerate(observed):
        archive.add(number, observation)
    return list(islice(proposer.propose(engine.tools, step, archive, False), LOOKED_AT))


def _observed(engine: Engine) -> list[Observation]:
    """Eight trials of two objectives that pull apart, the last of which failed."""
    observed: list[Observation] = []
    for step in range(8):
        proposal = engine.propose(step, observed)
        assert proposal is not None
        gene = float(engine.space.encode(proposal.configuration)[-1])
        objectives = None if step == 7 else [gene, 1.0 - gene]
        observed.append(Observation(proposal.configuration, objectives))
    return observed


def _require_canonical(space: SearchSpace, one: Proposal) -> None:
    try:
        canonical = space.canonical(one.configuration)
    except Exception as error:
        raise AssertionError(f"it proposes {one.configuration}, which is not of the space: {error}") from None
    require(
        canonical == one.configuration,
        f"it proposes {one.configuration}, where only {sorted(canonical)} are active; leave the others out",
    )
