"""What a trial's metrics are called, in which unit, which way is better, and which values they can take."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ecojax.errors import InputError
from ecojax.spelling import did_you_mean
from ecojax.study.amounts import COUNTS, JOULES, SECONDS, SHARES, amount

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Metric:
    """One figure of a trial, of `least` to `most`. `objective` says whether a search may optimise it."""

    name: str
    direction: Direction
    unit: str
    meaning: str
    objective: bool = True
    least: float = 0.0
    most: float = math.inf

    def minimised(self, value: float) -> float:
        """`value` turned so that less is better."""
        return -value if self.direction == "maximize" else value

    @property
    def is_share(self) -> bool:
        return self.most == 1

    @property
    def units(self) -> Mapping[str, float]:
        """The units that a bound may be written in, as factors to the metric's own."""
        if self.unit == "J":
            return JOULES
        if self.unit in ("s", "ms"):
            return {unit: seconds * (1e3 if self.unit == "ms" else 1) for unit, seconds in SECONDS.items()}
        if self.name == "flops":
            return COUNTS | {
                f"{prefix}{flop}": n for flop in ("FLOP", "FLOPs") for prefix, n in COUNTS.items()
            }
        if self.is_share:
            return SHARES
        return COUNTS if self.unit == "" else {self.unit: 1.0}

    def bound(self, text: str, sign: str) -> float:
        """The number that a bound such as `accuracy>=90%` holds the metric to, in the metric's unit.

        text: what follows the sign. Raises `ValueError` saying what would be right where it is no number in one of the
        metric's units, or lies outside the metric's range.
        """
        value = amount(text, self.units)
        self.require_in_range(value, sign)
        return value

    def require_in_range(self, value: float, sign: str) -> None:
        """Raises `ValueError` with the right spelling where the metric never takes `value`."""
        if self.least <= value <= self.most:
            return
        if self.is_share and 1 < value <= 100:
            share = f"{value / 100:.6g}"
            right = f"write {self.name}{sign}{share} or {self.name}{sign}{value:g}%"
        elif math.isfinite(self.most):
            right = f"give a number from {self.least:g} to {self.most:g}"
        else:
            right = f"give a number of at least {self.least:g}"
        kind = "is a share" if self.is_share else "is never below 0"
        raise ValueError(f"{self.name} {kind}; {right}")


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "maximize", "", "share of validation images classified correctly", most=1),
        Metric("energy_per_sample_j", "minimize", "J", "energy of one inference, at the study's batch size"),
        Metric("latency_ms", "minimize", "ms", "time of one inference batch on the device"),
        Metric("parameters", "minimize", "", "trained parameters"),
        Metric(
            "flops",
            "minimize",
            "",
            "floating-point operations of the matrix products and convolutions of one inference",
        ),
        Metric("train_energy_j", "minimize", "J", "energy of training, compilation not counted"),
        Metric("train_seconds", "minimize", "s", "time of training, compilation not counted"),
        Metric(
            "energy_per_sample_j_ci95",
            "minimize",
            "J",
            "half width of the 95 % interval of the energy",
            False,
        ),
        Metric(
            "accuracy_se",
            "minimize",
            "",
            "standard error of the validation accuracy (binomial)",
            False,
            most=1,
        ),
        Metric(
            "accuracy_ci95", "minimize", "", "half width of the accuracy's 95 % interval, over repeats", False
        ),
        Metric("latency_ms_se", "minimize", "ms", "standard error of the latency, over repeats", False),
        Metric("train_energy_j_se", "minimize", "J", "standard error of that energy, over repeats", False),
        Metric("train_seconds_se", "minimize", "s", "standard error of that time, over repeats", False),
        Metric(
            "repeats", "maximize", "", "trials of the configuration that the figures are means over", False
        ),
        Metric("validation_loss", "minimize", "nat", "mean cross-entropy on the validation images", False),
        Metric(
            "test_accuracy",
            "maximize",
            "",
            "share of test images correct; frontier members, once",
            False,
            most=1,
        ),
        Metric("epochs", "minimize", "", "epochs trained, of the study's; fewer where stopped early", False),
        Metric(
            "expected_accuracy",
            "maximize",
            "",
            "accuracy that a trial that was stopped was expected to end with, by extrapolation",
            False,
            most=1,
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
        raise InputError(
            f"{what}: '{name}' is no metric{did_you_mean(name, METRICS)}; there are {', '.join(METRICS)}"
        )
    if name == "test_accuracy":
        raise InputError(
            f"{what}: choosing by test_accuracy would spend the test set; use accuracy, of the validation"
        )
    return METRICS[name]


def objective(name: str) -> Metric:
    """The metric called `name`, if a search can optimise it. Raises `InputError` naming those it can."""
    metric = METRICS.get(name)
    if metric is None or not metric.objective:
        possible = [name for name, metric in METRICS.items() if metric.objective]
        raise InputError(
            f"'{name}' is no objective{did_you_mean(name, possible)}; choose among {', '.join(possible)}"
        )
    return metric
