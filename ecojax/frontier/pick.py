"""Picking one trial of a study: by a name, by its id, or by what it must satisfy."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import Protocol

from ecojax.errors import InputError
from ecojax.frontier.chance import Chance
from ecojax.frontier.intervals import with_interval
from ecojax.frontier.quantities import scale, written
from ecojax.spelling import did_you_mean
from ecojax.study import Metric, Trial, selectable

NAMES = ("best", "knee", "cheapest")

_CONDITION = re.compile(r"(\w+)\s*(>=|<=|>|<)\s*(.+)")
_HOLDS = {
    ">=": lambda value, bound: value >= bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    "<": lambda value, bound: value < bound,
}


class Pickable(Protocol):
    """What a pick asks of a study; see `ecojax.frontier.study.Study`."""

    name: str
    objectives: list[str]
    trials: list[Trial]
    chance: Chance | None
    metrics: dict[str, Metric]

    @property
    def quality(self) -> Metric: ...

    def metric(self, name: str) -> Metric: ...

    def is_cost(self, name: str) -> bool: ...

    def frontier(self) -> list[Trial]: ...

    def require_frontier(self) -> list[Trial]: ...

    def knee(self) -> Trial: ...

    def better_than_chance(self, trial: Trial) -> bool | None: ...

    def beyond_chance(self, trials: Sequence[Trial]) -> list[Trial]: ...


@dataclass(frozen=True)
class Condition:
    """A bound on a metric: `latency_ms <= 2`. A metric that a trial has not recorded does not satisfy it."""

    metric: str
    sign: str
    bound: float

    def __str__(self) -> str:
        return f"{self.metric}{self.sign}{self.bound:g}"

    def holds(self, trial: Trial) -> bool:
        return self.metric in trial.metrics and _HOLDS[self.sign](trial.metrics[self.metric], self.bound)


def conditions(text: str, study: Pickable) -> list[Condition]:
    """The bounds in `text`, parted by commas or "and". Raises `InputError` for malformed text or metrics."""
    return [_condition(part.strip(), text, study) for part in re.split(r",|\band\b", text)]


def satisfying(trials: Sequence[Trial], wanted: Sequence[Condition], kind: str) -> list[Trial]:
    """The trials that meet all of `wanted`, in their order.

    Raises `InputError` when there are none, naming the bound that cannot be met and the nearest value to it.
    """
    left = list(trials)
    for count, condition in enumerate(wanted):
        before, left = left, [trial for trial in left if condition.holds(trial)]
        if not left:
            so_far = " and ".join(map(str, wanted[:count]))
            raise InputError(
                f"no {kind}{f' with {so_far}' if so_far else ''} has {condition}; {_nearest(before, condition)}"
            )
    return left


def pick(study: Pickable, text: str) -> Trial:
    """The trial of `study` that `text` asks for; see `Study.pick`."""
    text = text.strip()
    # a member's figures may be means; what is taken home is one training
    return _by_id(study, int(text) if text.isdecimal() else _member(study, text).id)


def in_words(study: Pickable, text: str, trial: Trial) -> str:
    """What the pick `text` chose, with its figures, and what a reader should know of the choice.

    "cheapest: trial 37, accuracy 96.5 ± 2.3 %, energy 256 ± 3 nJ; cheaper but no better than chance: trial 12"
    """
    names = dict.fromkeys([*study.objectives, study.quality.name, f"test_{study.quality.name}"])
    figures = [_figure(study, name, trial) for name in names if name in trial.metrics]
    said = f"{text.strip()}: trial {trial.id}, {', '.join(figures)}"
    if study.chance is None:
        return said
    level = written(study.quality, study.chance.level)
    if study.better_than_chance(trial) is False:
        return f"{said}; warning: its {study.quality.said.short} is not significantly better than chance ({level})"
    cost = _cost(study)
    if text.strip() == "cheapest":
        passed = [
            str(member.id)
            for member in study.frontier()
            if study.better_than_chance(member) is False
            and member.metrics.get(cost, math.inf) < trial.metrics.get(cost, math.inf)
        ]
        if passed:
            said += (
                f"; cheaper, but not significantly better than chance ({level}): trial {', '.join(passed)}"
            )
    return said


def _figure(study: Pickable, name: str, trial: Trial) -> str:
    metric = study.metric(name)
    unit = scale(metric, [trial.metrics[name]])
    return f"{metric.said.short} {with_interval(metric, trial.metrics, unit)} {unit.unit}".rstrip()


def _member(study: Pickable, text: str) -> Trial:
    if text == "best":
        return study.require_frontier()[0]
    if text == "knee":
        return study.knee()
    if text == "cheapest":
        return _cheapest(study, study.require_frontier())
    wanted = conditions(text, study)
    left = satisfying(study.require_frontier(), wanted, "frontier model")
    spends = any(study.is_cost(condition.metric) for condition in wanted)
    return left[0] if spends else _cheapest(study, left)


def _cheapest(study: Pickable, members: Sequence[Trial]) -> Trial:
    cost = _cost(study)
    return min(study.beyond_chance(members), key=lambda trial: trial.metrics.get(cost, math.inf))


def _cost(study: Pickable) -> str:
    """The first objective that is a cost, or else the energy of an inference."""
    energies = (name for name, metric in study.metrics.items() if metric.is_inference_energy)
    costs = (name for name in (*study.objectives, *energies) if study.is_cost(name))
    return next(costs, "energy_per_sample_j")


def _by_id(study: Pickable, id_: int) -> Trial:
    trial = next((trial for trial in study.trials if trial.id == id_), None)
    if trial is None:
        raise InputError(f"study '{study.name}' has no trial {id_}; {_offer(study)}")
    if not trial.complete:
        reason = f" ({trial.error})" if trial.error else ""
        raise InputError(f"trial {id_} is {trial.status}{reason}, not complete; {_offer(study)}")
    return trial


def _offer(study: Pickable) -> str:
    members = ", ".join(str(trial.id) for trial in study.frontier())
    return f"its frontier holds trials {members}" if members else "it has no frontier yet"


def _grammar(study: Pickable) -> str:
    """What can be picked, with bounds on this study's quality and its cost as examples."""
    quality, cost = study.quality, _cost(study)
    reached = f"{quality.name}{'>=0.6' if quality.direction == 'maximize' else '<=10'}"
    within = f"{cost}<={'1e-4' if study.metric(cost).unit == 'J' else '1'}"
    return f"pick knee, best, cheapest, a trial's id, or bounds such as '{reached}' or '{reached}, {within}'"


def _condition(part: str, text: str, study: Pickable) -> Condition:
    match = _CONDITION.fullmatch(part)
    if match is None:
        raise InputError(f"cannot read the pick '{text}'{did_you_mean(part, NAMES)}; {_grammar(study)}")
    metric, sign, written = match.groups()
    known = selectable(metric, f"the pick '{text}'", study.metrics)
    try:
        bound = known.bound(written, sign)
    except ValueError as error:
        raise InputError(f"cannot read the pick '{text}': {error}; {_grammar(study)}") from None
    return Condition(metric, sign, bound)


def _nearest(trials: Sequence[Trial], condition: Condition) -> str:
    recorded = [trial for trial in trials if condition.metric in trial.metrics]
    if not recorded:
        return f"none has a {condition.metric} on record"
    floor = condition.sign in (">=", ">")
    nearest = (max if floor else min)(recorded, key=lambda trial: trial.metrics[condition.metric])
    # Four digits, rounded so that the value shown, given as the bound, is met.
    context = Context(prec=4, rounding=ROUND_FLOOR if floor else ROUND_CEILING)
    value = float(context.create_decimal(repr(nearest.metrics[condition.metric])))
    return f"the {'highest' if floor else 'lowest'} is {value:g} (trial {nearest.id})"
