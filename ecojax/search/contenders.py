"""The members of the frontier measured again, side by side, until no member is left that was not.

While searching, one short measurement after the other ranks the candidates. Who ends up on the frontier deserves a
narrower interval, and a comparison that no drift of the device has favoured.
"""

from collections.abc import Callable, Mapping, Sequence

from ecojax.energy import Energy
from ecojax.errors import MeterError
from ecojax.search.loop import Listener
from ecojax.study import StudyStore, Trial

ROUNDS = 3  # a narrower figure may let another trial onto the frontier, which is then measured too
FORMER = "energy_while_searching"  # the detail that keeps the first figure


def settle(
    store: StudyStore,
    frontier: Callable[[], Sequence[Trial]],
    compare: Callable[[Sequence[Trial]], Mapping[int, Energy]],
    listener: Listener,
) -> None:
    """Puts the figures of `compare` in place of those that the members of `frontier` have, which are kept in details.

    A meter that fails leaves the figures as they are, and is noted.
    """
    for _ in range(ROUNDS):
        members = frontier()
        if all(FORMER in trial.details for trial in members):
            return
        listener.measuring(len(members))
        try:
            found = compare(members)
        except MeterError as error:
            listener.noted(f"the frontier keeps the energy figures of the search: {error}")
            return
        for trial in members:
            energy = found[trial.id]
            store.supersede(
                trial.id,
                {"energy_per_sample_j": energy.per_sample_j, "energy_per_sample_j_ci95": energy.ci95_j},
                {"energy": energy.to_dict(), FORMER: trial.details.get(FORMER, trial.details.get("energy"))},
            )
