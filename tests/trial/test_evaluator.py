"""One configuration to one record: everything the contract asks for, and every way to fail."""

import json
import math
import re

import jax
import numpy as np
import pytest

from ecojax.energy import ModeledMeter, Reading
from ecojax.errors import MeterError
from ecojax.study import METRICS, Status
from ecojax.tasks.supervised.candidate import SupervisedCandidate
from ecojax.trial import evaluator as evaluator_module
from ecojax.trial.rungs import Curve, Rival, Rivals
from ecojax.trial.worker import Evaluate

CONTRACT = {
    "accuracy",
    "energy_per_sample_j",
    "energy_per_sample_j_ci95",
    "latency_ms",
    "parameters",
    "flops",
    "train_energy_j",
    "train_seconds",
}


@pytest.fixture(scope="module")
def evaluator(make_evaluator):
    return make_evaluator()


@pytest.fixture(scope="module")
def outcome(evaluator):
    """Metered for real."""
    return evaluator(Evaluate(evaluator.task.space.default(), 7))


def test_a_complete_trial_has_every_figure_of_the_contract(outcome, digits) -> None:
    assert outcome.error is None
    assert outcome.status is Status.COMPLETE
    assert outcome.metrics.keys() >= CONTRACT
    assert all(math.isfinite(value) for value in outcome.metrics.values())
    assert all(outcome.metrics[name] > 0 for name in CONTRACT)
    assert outcome.metrics["parameters"] == 64 * 32 + 32 + 2 * 32 + 32 * 10 + 10
    assert outcome.metrics["flops"] == 2 * (64 * 32 + 32 * 10)
    assert outcome.provenance["flops"] == "counted (matrix products and convolutions)"
    correct = outcome.metrics["accuracy"] * len(digits.y_validation)
    assert correct == pytest.approx(round(correct), abs=1e-3)
    assert outcome.metrics["accuracy"] > 0.3  # ten classes, two epochs


def test_every_joule_says_where_it_comes_from(outcome) -> None:
    for name in ("energy_per_sample_j", "train_energy_j"):
        assert outcome.provenance[name].startswith("modeled (CPU time × 10 W per core")
    assert outcome.provenance["latency_ms"].startswith("measured (wall clock")
    assert outcome.provenance.keys() <= METRICS.keys()


def test_a_trials_parts_are_no_more_than_its_whole(outcome) -> None:
    metrics = outcome.metrics
    parts = metrics["compile_seconds"] + metrics["metering_seconds"] + metrics["train_seconds"]
    assert 0 < parts <= metrics["trial_seconds"]
    assert metrics["train_energy_j"] <= metrics["trial_energy_j"]
    # a process cannot use more CPU time than its cores times the wall clock
    import os

    assert metrics["train_energy_j"] <= 1.1 * 10 * os.cpu_count() * metrics["train_seconds"] + 0.2


def test_an_outcome_is_plain_values(outcome) -> None:
    """It goes to the store and, later, between processes."""
    json.dumps([dict(outcome.metrics), dict(outcome.provenance), dict(outcome.details)], allow_nan=False)
    assert all(type(array) is np.ndarray for array in outcome.arrays.values())


@pytest.mark.usefixtures("unmetered")
def test_the_same_configuration_and_seed_give_the_same_weights(evaluator, make_evaluator, outcome) -> None:
    """In another evaluator, under another metering; another seed gives others."""
    configuration = evaluator.task.space.default()
    again = make_evaluator()(Evaluate(configuration, 7))
    assert again.metrics["accuracy"] == outcome.metrics["accuracy"]
    assert again.metrics["validation_loss"] == outcome.metrics["validation_loss"]
    for name, array in outcome.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)
    other = evaluator(Evaluate(configuration, 8))
    assert (other.arrays["layers/0/kernel"] != outcome.arrays["layers/0/kernel"]).mean() > 0.9


def test_what_is_known_beforehand_is_what_is_found(evaluator, outcome) -> None:
    known = evaluator.task.candidate(evaluator.task.space.default()).known()
    assert known == {name: outcome.metrics[name] for name in ("parameters", "flops")}


def test_test_accuracy_is_the_share_of_right_answers(evaluator, outcome, digits) -> None:
    configuration = evaluator.task.space.default()
    images, labels = digits.read_test()
    network = evaluator.task.network(configuration)
    logits = np.asarray(network.logits(network.from_arrays(outcome.arrays), images))
    expected = (logits.argmax(1) == labels).mean()
    on_test = evaluator.judge(configuration, outcome.arrays, "test")
    assert on_test["accuracy"] == pytest.approx(expected)
    on_validation = evaluator.judge(configuration, outcome.arrays, "validation")
    assert on_validation["accuracy"] == pytest.approx(outcome.metrics["accuracy"])


@pytest.mark.usefixtures("unmetered")
def test_numbers_do_not_compile_again(evaluator, outcome, monkeypatch) -> None:
    monkeypatch.setattr(
        type(evaluator.task.program(evaluator.task.space.default())),
        "jitted",
        property(lambda _: pytest.fail("asked for a compilation")),
    )
    monkeypatch.setattr(SupervisedCandidate, "known", lambda _: {"parameters": 1, "flops": 1.0})
    configuration = {**evaluator.task.space.default(), "weight_decay": 1e-2, "dropout": 0.4, "flip": True}
    assert evaluator(Evaluate(configuration, 1)).status is Status.COMPLETE


# Rungs


@pytest.mark.usefixtures("unmetered")
def test_looking_at_rungs_changes_nothing_but_the_record(make_evaluator, outcome) -> None:
    """Nor do rivals that do not beat it."""
    evaluator = make_evaluator(early_stop=True)
    rivals = Rivals([Rival(9, 1.0, {"energy_per_sample_j": 0.9e-6})], [Curve({0.5: 0.01}, 0.02)] * 8)
    for met in ((), (rivals,)):
        again = evaluator(Evaluate(evaluator.task.space.default(), 7, *met))
        assert again.status is Status.COMPLETE
        assert again.metrics["trained_share"] == 1
        rungs = dict(again.details["rungs"])
        assert list(rungs) == [
            0.111111,
            0.333333,
            0.5,
        ]  # two within the first pass, then its end; the last is no rung
        assert 0 < rungs[0.5] < 1
        assert again.metrics["accuracy"] == outcome.metrics["accuracy"]
        for name, array in outcome.arrays.items():
            np.testing.assert_array_equal(again.arrays[name], array)


@pytest.mark.usefixtures("unmetered")
def test_a_trial_that_is_beaten_at_its_best_is_stopped_and_says_so(make_evaluator) -> None:
    evaluator = make_evaluator(epochs=4, early_stop=True)
    # curves that hardly rise, and a rival that is perfect at less energy
    rivals = Rivals([Rival(9, 1.0, {"energy_per_sample_j": 0.9e-6})], [Curve({0.5: 0.98}, 0.99)] * 8)
    stopped = evaluator(Evaluate(evaluator.task.space.default(), 7, rivals))
    assert stopped.status is Status.STOPPED
    assert stopped.metrics["trained_share"] == 0.5
    assert [share for share, _ in stopped.details["rungs"]] == [0.111111, 0.25, 0.5]
    assert "after 50 % of the training accuracy was" in stopped.error
    assert "trial 9 has 1.0000" in stopped.error
    assert stopped.arrays is None
    assert "accuracy" not in stopped.metrics  # it has none: that of a whole training
    assert stopped.details["rungs"][-1][1] <= stopped.metrics["expected_accuracy"] <= 1
    assert stopped.metrics["train_energy_j"] > 0
    dearer = Rivals([Rival(9, 1.0, {"energy_per_sample_j": 0.995e-6})], rivals.curves)
    # the lower end of its own interval is 0.99 µJ
    assert evaluator(Evaluate(evaluator.task.space.default(), 7, dearer)).status is Status.COMPLETE


# Failures


@pytest.mark.usefixtures("unmetered")
def test_a_rate_that_explodes_is_a_divergence(make_evaluator) -> None:
    evaluator = make_evaluator(norm="none")
    outcome = evaluator(Evaluate({**evaluator.task.space.default(), "sgd_learning_rate": 1e12}, 0))
    assert outcome.status is Status.DIVERGED
    assert "loss" in outcome.error
    assert outcome.arrays is None
    assert "accuracy" not in outcome.metrics
    assert all(math.isfinite(value) for value in outcome.metrics.values())
    assert outcome.metrics["trial_energy_j"] > 0  # what it cost is not lost


@pytest.mark.parametrize(
    ("failure", "status", "words"),
    [
        (MeterError("The counter stalled."), Status.UNMETERED, "The counter stalled."),
        (
            jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory\n allocating 8 GiB"),
            Status.OOM,
            "8 GiB",
        ),
        (MemoryError(), Status.OOM, "memory"),
        (ZeroDivisionError("by zero"), Status.FAILED, "ZeroDivisionError: by zero"),
    ],
)
def test_failures_have_their_state_and_message(
    evaluator, outcome, monkeypatch, failure, status, words
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(evaluator_module, "per_inference", fails)
    failed = evaluator(Evaluate(evaluator.task.space.default(), 0))
    assert failed.status is status
    assert words in failed.error
    assert "\n" not in failed.error
    assert failed.arrays is None
    assert not {"accuracy", "energy_per_sample_j"} & failed.metrics.keys()
    assert failed.metrics["trial_seconds"] > 0
    assert failed.metrics["parameters"] == outcome.metrics["parameters"]  # known before the failure


def test_what_cannot_fit_is_refused_before_it_runs(evaluator, monkeypatch) -> None:
    """Before metering too. What is needed is the state and what an epoch works with: some tens of kilobytes here."""
    calls = []
    monkeypatch.setattr(evaluator_module, "per_inference", lambda *_, **__: calls.append(1))
    monkeypatch.setattr(evaluator_module, "free_bytes", lambda device: 20_000)
    refused = evaluator(Evaluate(evaluator.task.space.default(), 0))
    assert refused.status is Status.OOM
    assert re.search(r"training needs \S+ GiB and 1.86e-05 GiB are free; bound it", refused.error)
    assert not calls
    assert "train_seconds" not in refused.metrics


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_interrupts_pass_through(evaluator, monkeypatch, interrupt) -> None:
    def fails(*_: object, **__: object) -> None:
        raise interrupt

    monkeypatch.setattr(evaluator_module, "per_inference", fails)
    with pytest.raises(interrupt):
        evaluator(Evaluate(evaluator.task.space.default(), 0))


class MeterThatFails(ModeledMeter):
    """Reads so many times, then no more."""

    def __init__(self, reads: int):
        super().__init__(10.0)
        self.left = reads

    def read(self) -> Reading:
        self.left -= 1
        if self.left < 0:
            raise MeterError("The board is gone.")
        return super().read()


@pytest.mark.usefixtures("unmetered")
@pytest.mark.parametrize("reads", range(5))
def test_a_meter_that_dies_ends_the_trial_not_the_search(make_evaluator, reads) -> None:
    """At the first reading, at the compilation's two, at the training's first, and at its last."""
    evaluator = make_evaluator(meter=MeterThatFails(reads), epochs=1)
    outcome = evaluator(Evaluate(evaluator.task.space.default(), 0))
    assert outcome.status is Status.UNMETERED
    assert "The board is gone." in outcome.error
    assert "trial_energy_j" not in outcome.metrics
