"""What a trial's metrics are called, in which unit, which way is better, and which values they can take."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter

from ecojax.errors import InputError
from ecojax.spelling import did_you_mean
from ecojax.study.amounts import COUNTS, JOULES, SECONDS, SHARES, amount

if TYPE_CHECKING:
    import numpy as np

Direction = Literal["maximize", "minimize"]
When = Literal["built", "metered", "trained"]
Link = Literal["identity", "log", "logit"]
UNCOUNTED = 10**6  # samples that a share of unknown count is taken to be of, so that 0 and 1 have log odds


@dataclass(frozen=True)
class Metric:
    """One figure of a trial, of `least` to `most`. `objective` says whether a search may optimise it.

    when: known once a candidate is "built", once it is "metered", or only when it is "trained". link: the scale on
    which learning curves are close to straight. count: of a share, the number of samples that it is a share of; its
    binomial error follows from it.
    """

    name: str
    direction: Direction
    unit: str
    meaning: str
    objective: bool = True
    least: float = 0.0
    most: float = math.inf
    when: When = "trained"
    link: Link = "identity"
    count: int | None = None

    @property
    def best(self) -> float:
        """The best value there can be; infinite where there is none."""
        return self.most if self.direction == "maximize" else self.least

    @property
    def is_inference_energy(self) -> bool:
        """Whether it is the energy of an inference, of a sample or a token."""
        return self.when == "metered" and self.unit == "J" and self.objective

    @property
    def is_share(self) -> bool:
        return self.least == 0 and self.most == 1

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

    def minimised(self, value: float) -> float:
        """`value` turned so that less is better."""
        return -value if self.direction == "maximize" else value

    def linked(self, values: "np.ndarray") -> "np.ndarray":
        """`values` on the metric's link. Shares of 0 and 1 stay finite, as do logarithms of nothing."""
        import numpy as np

        if self.link == "logit":
            share = self._counted(values)
            return np.asarray(np.log(share / (1 - share)))
        return np.log(np.maximum(values, np.finfo(float).tiny)) if self.link == "log" else values

    def unlinked(self, values: "np.ndarray") -> "np.ndarray":
        """The inverse of `linked`."""
        import numpy as np

        if self.link == "logit":
            from scipy.special import expit  # type: ignore[import-untyped]

            n = self.count or UNCOUNTED
            return np.asarray((expit(values) * (n + 4) - 2) / n)
        return np.exp(values) if self.link == "log" else values

    def link_variance(self, at: float) -> float:
        """Variance of the metric on its link, at the place `at` there, from the draw of its samples; 0 if unknown."""
        if self.link != "logit" or self.count is None:
            return 0.0
        from scipy.special import expit

        return float(1 / ((self.count + 4) * expit(at) * expit(-at)))

    def _counted(self, shares: "np.ndarray") -> "np.ndarray":
        """Shares with two successes and two failures added (Agresti & Coull, The American Statistician 52(2), 1998)."""
        n = self.count or UNCOUNTED
        return (shares * n + 2) / (n + 4)


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "accuracy",
            "maximize",
            "",
            "share of validation images classified correctly",
            most=1,
            link="logit",
        ),
        Metric(
            "r2",
            "maximize",
            "",
            "share of the validation targets' variance that is explained",
            least=-math.inf,
            most=1,
        ),
        Metric("rmse", "minimize", "", "root mean squared error on validation, in the target's unit"),
        Metric(
            "energy_per_sample_j",
            "minimize",
            "J",
            "energy of one inference, at the study's batch size",
            when="metered",
            link="log",
        ),
        Metric(
            "latency_ms",
            "minimize",
            "ms",
            "time of one inference batch on the device",
            when="metered",
            link="log",
        ),
        Metric("parameters", "minimize", "", "trained parameters", when="built", link="log"),
        Metric(
            "flops",
            "minimize",
            "",
            "floating-point operations of the matrix products and convolutions of one inference",
            when="built",
            link="log",
        ),
        Metric("train_energy_j", "minimize", "J", "energy of training, compilation not counted"),
        Metric("train_seconds", "minimize", "s", "time of training, compilation not counted"),
        Metric(
            "energy_per_sample_j_ci95",
            "minimize",
            "J",
            "half width of the 95 % interval of the energy",
            False,
            when="metered",
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
        Metric("r2_se", "minimize", "", "standard error of the validation R²", False),
        Metric("rmse_se", "minimize", "", "standard error of the validation error", False),
        Metric("test_r2", "maximize", "", "R² on the test set; frontier members, once", False, -math.inf, 1),
        Metric("test_rmse", "minimize", "", "error on the test set; frontier members, once", False),
        Metric(
            "trained_share",
            "minimize",
            "",
            "share of a whole training; less where stopped early",
            False,
            most=1,
        ),
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


OURS = frozenset(METRICS)  # the others are of tasks


def declare(metrics: Iterable[Metric]) -> None:
    """Makes the metrics of a task known. A name of another task is replaced; one of ours keeps its meaning.

    Raises `InputError` where a task calls by one of our names what is better the other way round, or known at another
    time.
    """
    for metric in metrics:
        ours = METRICS[metric.name] if metric.name in OURS else None
        if ours is None:
            METRICS[metric.name] = metric
        elif (ours.direction, ours.when) != (metric.direction, metric.when):
            raise InputError(
                f"the task's metric '{metric.name}' is to {metric.direction} and known once {metric.when}; ecojax's "
                f"own of that name is to {ours.direction} and known once {ours.when}: rename it"
            )


def to_records(metrics: Iterable[Metric]) -> list[dict[str, Any]]:
    """Metrics as a study holds them; infinite limits are None."""
    return [
        {name: value for name, value in asdict(metric).items() if value not in (math.inf, -math.inf)}
        for metric in metrics
    ]


def from_records(records: Iterable[Mapping[str, Any]]) -> list[Metric]:
    """The inverse of `to_records`. Raises `ValueError` for what that does not give."""
    return [TypeAdapter(Metric).validate_python({"least": -math.inf} | dict(record)) for record in records]


def selectable(name: str, what: str) -> Metric:
    """The metric called `name`, if choosing by it is sound. Raises `InputError` for an unknown one and for the test
    set's: a model chosen by its test accuracy is no longer tested by it."""
    if name not in METRICS:
        raise InputError(
            f"{what}: '{name}' is no metric{did_you_mean(name, METRICS)}; there are {', '.join(METRICS)}"
        )
    if name.startswith("test_"):
        raise InputError(
            f"{what}: choosing by {name} would spend the test set; use {name.removeprefix('test_')}, of the validation"
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
