"""Children inherit: who the parent is, and that its weights are where training begins."""

import numpy as np
import pytest

from ecojax.study import Status, Trial
from ecojax.tasks.task import Parent
from ecojax.trial.worker import Evaluate


def trial(number: int, accuracy: float, configuration, *, status=Status.COMPLETE, **changes) -> Trial:
    return Trial(
        number, status, {**configuration, **changes}, "sobol", 1, {"accuracy": accuracy}, weights="0.npz"
    )


@pytest.fixture
def evaluator(make_evaluator):
    return make_evaluator(epochs=1, hidden_width=32)


def test_the_most_similar_network_is_the_parent_then_the_most_accurate(evaluator) -> None:
    own = evaluator.task.space.default()
    assert evaluator.task.parent(own, []) is None
    trials = [
        trial(0, 0.9, own, hidden_width=8, activation="gelu"),
        trial(1, 0.5, own, hidden_width=64),
        trial(2, 0.7, own, hidden_width=128),
        trial(3, 0.7, own, hidden_width=256),
        trial(4, 0.99, own, status=Status.STOPPED),
        trial(5, 0.99, own, family="linear"),
    ]
    assert evaluator.task.parent(own, trials).id == 2
    assert evaluator.task.parent(own, [*trials, trial(6, 0.1, own, sgd_learning_rate=0.5)]).id == 6


@pytest.mark.usefixtures("unmetered")
def test_training_begins_where_the_parents_ended(evaluator, make_evaluator) -> None:
    """At a rate of next to nothing, the weights stay where they begin: the overlap is the parent's."""
    configuration = evaluator.task.space.default() | {"sgd_learning_rate": 0.01}
    donor = evaluator(Evaluate(configuration | {"sgd_learning_rate": 0.3}, 1))
    parent = Parent(7, configuration, donor.arrays)
    small, large = evaluator, make_evaluator(epochs=1, hidden_width=48, weight_decay=1e-5)
    child = small(Evaluate(configuration, 2, parent=parent))
    alone = small(Evaluate(configuration, 2))
    assert child.details["inherited_from_trial"] == 7
    assert "inherited_from_trial" not in alone.details
    assert child.metrics["accuracy"] > alone.metrics["accuracy"]
    name = "layers/0/kernel"
    own = large.task.space.default() | {"sgd_learning_rate": 0.01}
    wide = large(Evaluate(own, 2, parent=parent)).arrays[name]
    fresh = large(Evaluate(own, 2)).arrays[name][:, :32]
    given = donor.arrays[name]
    assert np.abs(wide[:, :32] - given).mean() < 0.2 * np.abs(fresh - given).mean()
