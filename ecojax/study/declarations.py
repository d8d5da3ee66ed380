"""The metrics of a study: its task's, and those that every trial has; and names, looked up among them.

A study keeps the records of its task's metrics. Studies that keep none are older, and of classification.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ecojax.errors import InputError
from ecojax.spelling import did_you_mean
from ecojax.study.metrics import Metric, Words

RECORDS = "metrics"  # the fact of a study that holds its task's metrics

CLASSIFICATION = (
    Metric(
        "accuracy",
        "maximize",
        "",
        "share of the validation split classified correctly",
        most=1,
        link="logit",
        spread=("accuracy_ci95", "accuracy_se"),
        words=Words("accuracy", "validation accuracy", "%", 100, prefixed=False, note="validation samples"),
    ),
    Metric(
        "parameters",
        "minimize",
        "",
        "trained parameters",
        when="built",
        link="log",
        words=Words("params", "parameters"),
    ),
    Metric(
        "flops",
        "minimize",
        "",
        "floating-point operations of the matrix products and convolutions of one inference",
        when="built",
        link="log",
        words=Words("compute", "compute per inference", "FLOP"),
        shown="wide",
    ),
)
REGRESSION = (
    Metric(
        "r2",
        "maximize",
        "",
        "share of the validation targets' variance that is explained",
        least=-math.inf,
        most=1,
        link="log_complement",
        chance=0.0,
        words=Words("R²", "validation R²", prefixed=False, note="validation split"),
    ),
    Metric("rmse", "minimize", "", "root mean squared error on validation, in the target's unit", link="log"),
    *CLASSIFICATION[1:],
)
ENERGY = Metric(
    "energy_per_sample_j",
    "minimize",
    "J",
    "energy of one inference, at the study's batch size",
    when="metered",
    link="log",
    spread=("energy_per_sample_j_ci95",),
    words=Words("energy", "energy per inference", "J", note="one inference"),
)
LATENCY = Metric(
    "latency_ms",
    "minimize",
    "ms",
    "time of one inference batch on the device",
    when="metered",
    link="log",
    spread=("latency_ms_se",),
    words=Words("latency", "latency of a batch", "s", 1e-3, note="one batch"),
)
TRAINING = (
    Metric(
        "train_energy_j",
        "minimize",
        "J",
        "energy of training, compilation not counted",
        link="log",
        spread=("train_energy_j_se",),
        words=Words("training", "energy of training", "J"),
        shown="wide",
    ),
    Metric(
        "train_seconds",
        "minimize",
        "s",
        "time of training, compilation not counted",
        link="log",
        spread=("train_seconds_se",),
        words=Words("training", "time of training", "s", prefixed=False),
        shown="wide",
    ),
)


def _recorded(metric: Metric) -> Metric:
    """A metric that is on record only: nothing is optimised by it, and no table has a column of it."""
    return replace(metric, objective=False, shown="never", contract=False, chance=None, count=None, spread=())


_OF_TRIALS = tuple(
    map(
        _recorded,
        (
            Metric("repeats", "maximize", "", "trials of the configuration that the figures are means over"),
            Metric("validation_loss", "minimize", "nat", "mean loss on the validation split"),
            Metric("trained_share", "minimize", "", "share of a whole training", most=1),
        ),
    )
)
_SPENT = tuple(
    map(
        _recorded,
        (
            Metric("compile_seconds", "minimize", "s", "time of compilation"),
            Metric(
                "compile_energy_j", "minimize", "J", "energy of compilation, the metered program's left out"
            ),
            Metric("metering_seconds", "minimize", "s", "time of measuring energy"),
            Metric("waiting_seconds", "minimize", "s", "time of waiting for others to leave the device"),
            Metric("validation_seconds", "minimize", "s", "time of judging on the validation split"),
            Metric("trial_energy_j", "minimize", "J", "energy of everything this trial did"),
            Metric("trial_seconds", "minimize", "s", "time of everything this trial did"),
        ),
    )
)


def _with_spread(metric: Metric) -> Metric:
    """A task's metric with words and the names of its spread, where it does not say."""
    trained = metric.when == "trained"
    if metric.is_inference_energy and metric.words is None:
        unit = metric.name.removeprefix("energy_per_").removesuffix("_j").replace("_", " ")
        metric = replace(metric, words=Words("energy", f"energy per {unit}", "J", note=f"one {unit}"))
    if trained and metric.words is None:
        metric = replace(metric, words=replace(metric.said, note="validation split"))
    if metric.spread or metric.when == "built":
        return metric
    ends = ("ci95", "se") if trained else ("ci95",) if metric.is_inference_energy else ("se",)
    return replace(metric, spread=tuple(f"{metric.name}_{end}" for end in ends))


def _spreads(metric: Metric, *, contract: bool = False) -> list[Metric]:
    """The metrics that hold the spread of `metric`."""
    kinds = {"_ci95": "half width of the 95 % interval of", "_se": "standard error of"}
    return [
        replace(
            _recorded(metric),
            name=name,
            direction="minimize",
            meaning=f"{next((kind for end, kind in kinds.items() if name.endswith(end)), 'spread of')} {metric.name}",
            least=0.0,
            most=metric.most if name.endswith("_se") else math.inf,
            link=None,
            words=None,
            contract=contract,
        )
        for name in reversed(metric.spread)
    ]


def _tested(metric: Metric, quality: bool) -> Metric:
    words = metric.said
    note = words.note.replace("validation", "test", 1)
    return replace(
        _recorded(metric),
        name=f"test_{metric.name}",
        meaning=f"{metric.name} on the test split; frontier members, once",
        words=replace(
            words,
            short="test" if quality else f"test {words.short}",
            long=f"test {words.long.removeprefix('validation ')}",
            note=f"{note}, read once, after the search" if note else "read once, after the search",
        ),
        shown="always" if quality else "wide",
        contract=quality,
    )


def _expected(metric: Metric) -> Metric:
    return replace(
        _recorded(metric),
        name=f"expected_{metric.name}",
        meaning=f"{metric.name} that a trial that was stopped was expected to end with, by extrapolation",
        words=None,
    )


def declared(of_task: Iterable[Metric]) -> dict[str, Metric]:
    """All metrics of a task's trials by name, the quality first: its own, and those that every trial has.

    The quality is the first metric that is known only after training. A trained metric comes with what it is on the
    test split, its standard error and its interval; where no energy of an inference is among the task's, that of a
    sample is.
    """
    own = [_with_spread(metric) for metric in of_task]
    trained = [metric for metric in own if metric.when == "trained"]
    energies = [metric for metric in own if metric.is_inference_energy] or [ENERGY]
    metered = [metric for metric in own if metric.when == "metered" and metric not in energies]
    built = [metric for metric in own if metric.when == "built"]
    rest = [*metered, LATENCY, *TRAINING]
    in_order = (
        *(metric for one in trained for metric in (one, _tested(one, one is trained[0]))),
        *(metric for one in energies for metric in (one, *_spreads(one, contract=True))),
        *metered,
        LATENCY,
        *built,
        *TRAINING,
        *(spread for one in (*trained, *rest) for spread in _spreads(one)),
        *_OF_TRIALS,
        *(_expected(one) for one in trained[:1]),
        *_SPENT,
    )
    found: dict[str, Metric] = {}
    for metric in in_order:
        found.setdefault(metric.name, metric)
    return found


# of all tasks that ecojax has itself, by name
METRICS = declared(CLASSIFICATION) | declared(REGRESSION)


def metrics_of(facts: Mapping[str, Any]) -> dict[str, Metric]:
    """The metrics of a study by its facts. Raises `ValueError` for records that are none of metrics."""
    records = facts.get(RECORDS)
    if records is not None:
        if not isinstance(records, list) or not records:
            raise ValueError(f"{RECORDS} = {records!r:.60} is no list of metrics")
        return declared([Metric.from_record(record) for record in records])
    chance = facts.get("chance_accuracy")
    inputs, validation = facts.get("inputs"), facts.get("splits", {}).get("validation")
    if chance is None and isinstance(inputs, Mapping):
        classes = inputs.get("class_names")
        chance = 1 / len(classes) if isinstance(classes, list | tuple) and classes else None
    count = validation.get("size") if isinstance(validation, Mapping) else None
    quality, *others = CLASSIFICATION
    return declared([replace(quality, chance=chance, count=count), *others])


def require_own_names(metrics: Iterable[Metric]) -> None:
    """Raises `InputError` where a task calls by a name of ecojax's what is better the other way round, or known at
    another time."""
    for metric in metrics:
        ours = METRICS.get(metric.name, metric)
        if (ours.direction, ours.when) != (metric.direction, metric.when):
            raise InputError(
                f"the task's metric '{metric.name}' is to {metric.direction} and known once {metric.when}; ecojax's "
                f"own of that name is to {ours.direction} and known once {ours.when}: rename it"
            )


def records_of(metrics: Iterable[Metric]) -> list[dict[str, Any]]:
    """A task's metrics as its study holds them."""
    return [metric.to_record() for metric in metrics]


def presumed(name: str) -> Metric:
    """A metric of which nothing but the name is known; its end tells the unit."""
    units = {"_j": "J", "_ms": "ms", "_seconds": "s", "_s": "s"}
    unit = next((unit for end, unit in units.items() if name.endswith(end)), "")
    return _recorded(Metric(name, "minimize", unit, least=-math.inf))


def selectable(name: str, what: str, metrics: Mapping[str, Metric] = METRICS) -> Metric:
    """The metric called `name`, if choosing by it is sound. Raises `InputError` for an unknown one and for the test
    set's: a model chosen by a figure of the test set is no longer tested by it."""
    tested = {f"test_{validated}": validated for validated in metrics}
    if name in tested and name in metrics:
        raise InputError(
            f"{what}: choosing by {name} would spend the test set; use {tested[name]}, of the validation"
        )
    if name not in metrics:
        possible = [name for name in metrics if name not in tested]
        raise InputError(
            f"{what}: '{name}' is no metric{did_you_mean(name, possible)}; there are {', '.join(possible)}"
        )
    return metrics[name]


def objective(name: str, metrics: Mapping[str, Metric] = METRICS) -> Metric:
    """The metric called `name`, if a search can optimise it. Raises `InputError` naming those it can."""
    metric = metrics.get(name)
    if metric is None or not metric.objective:
        possible = [name for name, metric in metrics.items() if metric.objective]
        raise InputError(
            f"'{name}' is no objective{did_you_mean(name, possible)}; choose among {', '.join(possible)}"
        )
    return metric
