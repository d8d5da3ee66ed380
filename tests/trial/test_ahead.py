"""Packing in an evaluator: who is trained with whom is on record, and makes no difference to what is found."""

import jax
import numpy as np
import pytest

from ecojax.tasks.supervised import training
from ecojax.train.packing_probe import Probe, Speed
from ecojax.trial import ahead
from ecojax.trial.worker import Evaluate, Upcoming


def pretended_probe(*_: object) -> Probe:
    """In place of the measurement, which has its own tests."""
    speeds = (Speed("alone", 1, 100.0), Speed("vmap", 4, 400.0))
    return Probe("mlp", jax.devices()[0].device_kind, 2, speeds)


def candidates(evaluator, n: int) -> list[Upcoming]:
    default = evaluator.task.space.default()
    return [Upcoming(default | {"sgd_learning_rate": 0.02 * (1 + k)}, 100 + k) for k in range(n)]


def evaluated(evaluator, due: list[Upcoming]) -> list:
    return [
        evaluator(Evaluate(one.configuration, one.seed, upcoming=due[k + 1 :])) for k, one in enumerate(due)
    ]


@pytest.mark.usefixtures("unmetered")
def test_a_pack_is_trained_once_and_its_members_are_as_if_alone(make_evaluator, monkeypatch) -> None:
    monkeypatch.setattr(training, "probe", pretended_probe)
    trainings = []
    real = ahead.train
    monkeypatch.setattr(ahead, "train", lambda *a, **k: trainings.append(1) or real(*a, **k))
    evaluator = make_evaluator(pack=True, early_stop=True)
    due = candidates(evaluator, 9)
    packed, alone = evaluated(evaluator, due), evaluated(make_evaluator(early_stop=True), due)
    assert len(trainings) == 2  # of four each; the ninth is alone
    assert [one.details.get("packed") for one in packed] == [{"way": "vmap", "size": 4}] * 8 + [None]
    assert not any("packed" in one.details for one in alone)
    assert packed[0].details["packing_probe"]["chosen"] == {"way": "vmap", "size": 4}
    assert packed[0].notes == ["packing mlp: alone 100 samples/s, vmap×4 400: vmap×4"]
    assert not any(one.notes for one in [*packed[1:], *alone])
    for one, other in zip(packed, alone, strict=True):
        assert one.status is other.status
        assert one.metrics["validation_loss"] == pytest.approx(other.metrics["validation_loss"], rel=1e-3)
        assert one.metrics["accuracy"] == pytest.approx(other.metrics["accuracy"], abs=0.03)
        assert [share for share, _ in one.details["rungs"]] == [share for share, _ in other.details["rungs"]]
        for name, array in other.arrays.items():
            np.testing.assert_allclose(one.arrays[name], array, atol=1e-3)
    shares = {one.metrics["train_energy_j"] for one in packed[:4]}
    assert len(shares) == 1
    assert all(one.metrics["trial_seconds"] > 0 for one in packed)


@pytest.mark.usefixtures("unmetered")
def test_few_of_a_kind_are_not_probed(make_evaluator, monkeypatch) -> None:
    monkeypatch.setattr(training, "probe", lambda *_: pytest.fail("probed"))
    evaluator = make_evaluator(pack=True, epochs=1)
    due = candidates(evaluator, ahead.LEAST - 1)
    assert "packed" not in evaluator(Evaluate(due[0].configuration, 1, upcoming=due[1:])).details
    others = [one._replace(configuration=one.configuration | {"batch_size": 64}) for one in due]
    assert "packed" not in evaluator(Evaluate(due[0].configuration, 2, upcoming=[*due[1:], *others])).details
