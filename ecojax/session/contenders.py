"""The members of the frontier judged again, more narrowly, until no member is left that was not.

While searching, one short measurement after the other ranks the candidates. Who ends up on the frontier deserves a
narrower interval, and a comparison side by side.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ecojax.errors import MeterError
from ecojax.session.loop import Listener
from ecojax.study import StudyStore, Trial

ROUNDS = 3  # a narrower figure may let another trial onto the frontier, which is then judged too
FORMER = "while_searching"  # the detail that keeps what was replaced


class Figures(NamedTuple):
    """What takes the place of a trial's metrics and details of the same names."""

    metrics: Mapping[str, float]
    details: Mapping[str, Any]


def settle(
    store: StudyStore,
    frontier: Callable[[], Sequence[Trial]],
    compare: Callable[[Sequence[Trial]], Mapping[int, Figures]],
    listener: Listener,
) -> None:
    """Puts the figures of `compare`, by trial, in place of those that the members of `frontier` have.

    The first ones stay, in the details. A meter that fails leaves everything as it is, and is noted.
    """
    for _ in range(ROUNDS):
        members = frontier()
        if all(FORMER in trial.details for trial in members):
            return
        listener.measuring(len(members))
        try:
            found = compare(members)
        except MeterError as error:
            listener.noted(f"the frontier keeps the figures of the search: {error}")
            return
        for trial in members:
            figures = found[trial.id]
            replaced = {
                "metrics": {name: trial.metrics[name] for name in figures.metrics if name in trial.metrics},
                "details": {name: trial.details[name] for name in figures.details if name in trial.details},
            }
            details = {**figures.details, FORMER: trial.details.get(FORMER, replaced)}
            store.supersede(trial.id, figures.metrics, details)
