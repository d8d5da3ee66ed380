"""What a trial's metrics are called, in which unit, and which way is better."""

from dataclasses import dataclass
from typing import Literal

from ecojax.errors import InputError

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Metric:
    """One figure of a trial. `objective` says whether a search may optimise it."""

    name: str
    direction: Direction
    unit: str
    meaning: str
    objective: bool = True


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "maximize", "", "share of validation images classified correctly"),
        Metric("energy_per_sample_j", "minimize", "J", "energy of one inference, at the study's batch size"),
        Metric("latency_ms", "minimize", "ms", "time of one inference batch on the device"),
        Metric("parameters", "minimize", "", "trained parameters"),
        Metric("flops", "minimize", "", "floating-point operations of one inference, by XLA's count"),
        Metric("train_energy_j", "minimize", "J", "energy of training, compilation not counted"),
        Metric("train_seconds", "minimize", "s", "time of training, compilation not counted"),
        Metric(
            "energy_per_sample_j_ci95",
            "minimize",
            "J",
            "half width of the 95 % interval of the energy",
            False,
        ),
        Metric("accuracy_se", "minimize", "", "standard error of the validation accuracy (binomial)", False),
        Metric("latency_ms_se", "minimize", "ms", "standard error of the latency, over repeats", False),
        Metric("train_energy_j_se", "minimize", "J", "standard error of that energy, over repeats", False),
        Metric("train_seconds_se", "minimize", "s", "standard error of that time, over repeats", False),
        Metric(
            "repeats", "maximize", "", "trials of the configuration that the figures are means over", False
        ),
        Metric("validation_loss", "minimize", "nat", "mean cross-entropy on the validation images", False),
        Metric(
            "test_accuracy", "maximize", "", "share of test images correct; frontier members, once", False
        ),
        Metric("epochs", "minimize", "", "epochs trained, of the study's; fewer where stopped early", False),
        Metric(
            "expected_accuracy",
            "maximize",
            "",
            "accuracy that a trial that was stopped was expected to end with, by extrapolation",
            False,
        ),
        Metric("compile_seconds", "minimize", "s", "time of compilation", False),
        Metric(
            "compile_energy_j",
            "minimize",
            "J",
            "energy of compilation, without that of the program that is metered",
            False,
        ),
        Metric("metering_seconds", "minimize", "s", "time of measuring energy", False),
        Metric("waiting_seconds", "minimize", "s", "time of waiting for others to leave the device", False),
        Metric("validation_seconds", "minimize", "s", "time of judging on the validation images", False),
        Metric("trial_energy_j", "minimize", "J", "energy of everything this trial did", False),
        Metric("trial_seconds", "minimize", "s", "time of everything this trial did", False),
    )
}


def selectable(name: str, what: str) -> Metric:
    """The metric called `name`, if choosing by it is sound. Raises `InputError` for an unknown one and for the test
    set's: a model chosen by its test accuracy is no longer tested by it."""
    if name not in METRICS:
        raise InputError(f"{what}: '{name}' is no metric; there are {', '.join(METRICS)}")
    if name == "test_accuracy":
        raise InputError(
            f"{what}: choosing by test_accuracy would spend the test set; use accuracy, of the validation"
        )
    return METRICS[name]


def objective(name: str) -> Metric:
    """The metric called `name`, if a search can optimise it. Raises `InputError` naming those it can."""
    metric = METRICS.get(name)
    if metric is None or not metric.objective:
        possible = ", ".join(name for name, metric in METRICS.items() if metric.objective)
        raise InputError(f"'{name}' is no objective; choose among {possible}")
    return metric
