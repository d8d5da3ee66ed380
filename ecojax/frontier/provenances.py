"""Where the figures of trials come from: alike for boards of one model, whatever else went on beside a trial."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ecojax.errors import InputError
from ecojax.study import Metric, Trial

if TYPE_CHECKING:
    from ecojax.energy import Provenance

_MEANWHILE = re.compile(r"(?:, with [^,]+ meanwhile)+$")  # older studies said so in the provenance


def provenances(trials: Sequence[Trial], metric: Metric) -> list[str]:
    """The provenances of a metric, of which figures of two do not compare, as text; each as the earliest trial has it.

    A text that stands for several boards of one model names none of them.
    """
    from ecojax.energy.provenance import without_units

    found: list[tuple[str, Provenance | None, set[str]]] = []
    for text, recorded in dict.fromkeys(
        (_text(trial, metric.name), _recorded(trial, metric))
        for trial in trials
        if metric.name in trial.metrics
    ):
        for known, of_known, texts in found:
            if recorded is not None and of_known is not None:
                compare = not recorded.differences(of_known)
            else:
                compare = without_units(known) == without_units(text)
            if compare:
                texts.add(text)
                break
        else:
            found.append((text, recorded, {text}))
    return [text if len(texts) == 1 else without_units(text) for text, _, texts in found]


def _text(trial: Trial, metric: str) -> str:
    return _MEANWHILE.sub("", trial.provenance.get(metric, "computed"))


def _recorded(trial: Trial, metric: Metric) -> "Provenance | None":
    """The provenance in full, where the trial has it among its details."""
    from ecojax.energy import Provenance

    name = "energy" if metric.is_inference_energy else metric.name.removesuffix("_j")
    detail = trial.details.get(name)
    record = detail.get("provenance") if isinstance(detail, dict) else None
    try:
        return Provenance.from_dict(record) if isinstance(record, dict) else None
    except InputError:  # a study may be anybody's
        return None
