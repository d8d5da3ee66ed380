"""The training recipe: its search parameters, and how a configuration becomes compiled shape and traced numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecojax.space import Choice, Float, Parameter

# What an inactive number of the recipe takes: it does nothing (momentum: what `sgd` and nothing else is given).
NEUTRAL = {
    "weight_decay": 0.0,
    "warmup": 0.0,
    "label_smoothing": 0.0,
    "dropout": 0.0,
    "momentum": 0.9,
    "norm_rate": 1.0,
}
# Where a schedule begins and ends, as shares of the peak; triangle as published (arXiv 2404.00498).
SCHEDULES = {"cosine": (0.0, 0.0), "linear": (0.0, 0.0), "triangle": (0.2, 0.07), "constant": (0.0, 1.0)}
SMALLEST, LARGEST = 1e-37, 1e38  # of a rate: float32 has no smaller normal numbers, and no larger ones
EMA = Float("ema", 0.8, 0.999, default=0.99)  # decay a step of a moving average of the weights
DROPOUT = Float("dropout", 0.0, 0.5, default=0.0)
# What every training needs, and the parameters on which it may depend.
ALWAYS_ACTIVE: dict[str, set[str]] = {
    "optimizer": set(),
    "batch_size": set(),
    "sgd_learning_rate": {"optimizer"},
    "decoupled_sgd_learning_rate": {"optimizer"},
    "adamw_learning_rate": {"optimizer"},
    "muon_learning_rate": {"optimizer"},
}


def learning_parameters(training_samples: int) -> tuple[Parameter, ...]:
    """The search parameters of the optimizer, its schedule, the label smoothing and the batch size.

    Learning rates are peaks after the warm-up; those of `decoupled_sgd`, and its weight decay, are per 1024 samples
    (`Recipe.from_configuration`). `warmup` is a share of all steps.
    """
    # a pass of fewer than four steps trains nothing
    batch_sizes = tuple(size for size in (32, 64, 128, 256) if 4 * size <= training_samples) or (
        max(1, training_samples // 4),
    )
    return (
        Choice("optimizer", ("sgd", "decoupled_sgd", "adamw", "muon"), default="adamw"),
        Float("sgd_learning_rate", 0.01, 1.0, log=True, default=0.1, when={"optimizer": ("sgd",)}),
        Float(
            "decoupled_sgd_learning_rate",
            1.0,
            30.0,
            log=True,
            default=11.5,
            when={"optimizer": ("decoupled_sgd",)},
        ),
        Float(
            "adamw_learning_rate", 3e-4, 3e-2, log=True, default=5e-3, when={"optimizer": ("adamw", "muon")}
        ),
        Float("muon_learning_rate", 0.01, 1.0, log=True, default=0.1, when={"optimizer": ("muon",)}),
        Float("momentum", 0.5, 0.98, default=0.85, when={"optimizer": ("decoupled_sgd", "muon")}),
        Float("norm_rate", 1.0, 128.0, log=True, default=64.0, when={"optimizer": ("decoupled_sgd",)}),
        Float("weight_decay", 1e-5, 1e-2, log=True, default=5e-4),
        Float("warmup", 0.0, 0.3, default=0.1),
        Choice("schedule", tuple(SCHEDULES), default="cosine"),
        Float("label_smoothing", 0.0, 0.2, default=0.0),
        Choice("batch_size", batch_sizes, ordered=True, default=min(64, batch_sizes[-1])),
    )


def widest_learning() -> tuple[Parameter, ...]:
    """`learning_parameters` and dropout with all that a training can take; `batch_size` depends on the data alone."""
    rates = ("sgd_learning_rate", "decoupled_sgd_learning_rate", "adamw_learning_rate", "muon_learning_rate")
    return (
        Choice("optimizer", ("sgd", "decoupled_sgd", "adamw", "muon")),
        *(Float(name, SMALLEST, LARGEST) for name in (*rates, "norm_rate")),
        Float("momentum", 0.0, 0.9999),
        Float("weight_decay", 0.0, LARGEST),
        Float("warmup", 0.0, 1.0),
        Choice("schedule", tuple(SCHEDULES)),
        Float("label_smoothing", 0.0, 1.0),
        Float("dropout", 0.0, 0.99),
    )


@dataclass(frozen=True)
class Recipe:
    """A recipe, parted into what is compiled in and what is passed in.

    `numbers` are the traced scalars. Of the optimizer: learning_rate, adamw_learning_rate (of what Muon leaves to
    AdamW), weight_decay, bias_decay (0 or 1: whether biases and norms decay under SGD), momentum, norm_rate (factor on
    the rate of norms under SGD). Of the schedule: warmup (share of steps), linear_decay (0 or 1), schedule_start and
    schedule_end (shares of the peak). Of the rest: label_smoothing and dropout; and what an augmentation asks for.
    """

    optimizer: str
    batch_size: int
    numbers: Mapping[str, float]

    @classmethod
    def from_configuration(cls, configuration: Mapping[str, Any]) -> "Recipe":
        """The recipe of a configuration.

        "decoupled_sgd" is SGD whose learning rate L, weight decay W, momentum m and batch size can be tuned apart
        (arXiv 2404.00498): 1024 samples move a weight by about L times their mean gradient, and shrink it by about W
        of itself, whatever the others are.
        """
        optimizer, batch_size = configuration["optimizer"], int(configuration["batch_size"])
        schedule = configuration.get("schedule", "cosine")
        numbers = {name: float(configuration.get(name, nothing)) for name, nothing in NEUTRAL.items()}
        numbers["learning_rate"] = float(configuration[f"{optimizer}_learning_rate"])
        numbers["adamw_learning_rate"] = float(configuration.get("adamw_learning_rate", 0.0))
        numbers["linear_decay"] = float(schedule != "cosine")
        numbers["schedule_start"], numbers["schedule_end"] = SCHEDULES[schedule]
        numbers["bias_decay"] = 0.0
        if optimizer == "decoupled_sgd":
            # as published; the steady step of Nesterov momentum is 1 / (1 - m), so "about"
            kilostep = 1024 * (1 + 1 / (1 - numbers["momentum"]))
            numbers["weight_decay"] /= numbers["learning_rate"]  # SGD multiplies its decay by its rate
            numbers["learning_rate"] *= batch_size / kilostep
            numbers["bias_decay"] = 1.0
            optimizer = "sgd"
        return cls(optimizer, batch_size, numbers)
