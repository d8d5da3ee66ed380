"""`MODEL_CARD.md`: what a person should know of a model before using it, the origin of its energy figure above all."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from ecojax.export.label import unit_of
from ecojax.frontier.chance import Chance
from ecojax.frontier.intervals import NORMAL_95
from ecojax.frontier.quantities import digits, joules, scale, written
from ecojax.study import METRICS, Metric, Trial
from ecojax.study.declarations import metrics_of
from ecojax.tasks.description import Description

NAMES_SHOWN = 20  # of classes and the like, written out


def model_card(
    description: Description,
    trial: Trial,
    energy: Mapping[str, Any],
    settings: Mapping[str, Any],
    *,
    folder_name: str,
) -> str:
    """The card in Markdown. `energy` is the label of `ecojax.export.label`; `folder_name` stands in the example."""
    dataset = settings.get("dataset_title") or settings.get("dataset") or "an unnamed dataset"
    kind = energy["provenance"].get("kind")
    sections = [
        f"# {_text(description.title)} for {_text(dataset)}",
        f"{_text(description.purpose)} Found and trained by ecojax, an "
        f"energy-aware model search on JAX: trial {trial.id} of the study {_code(settings.get('study') or 'unnamed')}.",
        f"**Energy per {_per(energy)}: {_interval(energy)}, {str(kind).upper()}.**",
        *_at_chance(trial, settings),
        "## Figures",
        _table(("figure", "value"), _figures(trial, energy, settings)),
        "## Energy: how it was obtained",
        *_energy(energy, settings, description.samples),
        "## Use",
        _example(description, energy, folder_name),
        "## Input and output",
        " ".join(
            [
                description.data,
                *(f"{what}, in order: {_names(names)}." for what, names in description.lists.items()),
            ]
        ),
        "## Configuration",
        _table(
            ("parameter", "value"),
            ((_code(name), _code(value)) for name, value in trial.configuration.items()),
        ),
        "## How it was found",
        _table(("", ""), _origin(trial, settings, description.samples)),
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(trial, energy, settings, description)),
    ]
    return "\n\n".join(sections) + "\n"


def _figures(
    trial: Trial, energy: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterable[tuple[str, str]]:
    metrics = trial.metrics
    kind = energy["provenance"].get("kind")
    qualities = _qualities(trial, settings)
    for name in qualities:
        yield (
            f"validation {_words(name)}",
            _quality(name, metrics[name], metrics.get(f"{name}_se"), _size(settings, "validation")),
        )
    for name in (f"test_{name}" for name in qualities):
        if name in metrics:
            yield (
                f"test {_words(name.removeprefix('test_'))}",
                _quality(name, metrics[name], None, _size(settings, "test")),
            )
    if qualities and not any(f"test_{name}" in metrics for name in qualities):
        yield f"test {_words(qualities[0])}", "not read"
    quality = _aimed_at(settings)
    if quality.chance is not None:
        yield f"{_words(quality.name)} of a guess", written(quality, quality.chance)
    yield f"energy per {_per(energy)}", f"{_interval(energy)} ({kind})"
    if energy.get("latency_ms") is not None:
        yield (
            f"latency of a batch of {energy['batch_size']}",
            written(METRICS["latency_ms"], energy["latency_ms"]),
        )
    if "parameters" in metrics:
        yield "parameters", f"{metrics['parameters']:,.0f}"
    if "flops" in metrics:
        counted = trial.provenance.get("flops", "by XLA's count")
        yield f"compute per inference, {_text(counted)}", written(METRICS["flops"], metrics["flops"])
    if energy.get("train_energy_j") is not None:
        yield "energy of its training", f"{joules(energy['train_energy_j'])} ({kind})"
    if energy.get("train_seconds") is not None:
        yield "time of its training", written(METRICS["train_seconds"], energy["train_seconds"])


def _energy(energy: Mapping[str, Any], settings: Mapping[str, Any], samples: str) -> Iterable[str]:
    provenance = energy["provenance"]
    if provenance.get("kind") == "modeled":
        yield (
            "> **This energy is MODELED, not measured.** No instrument counted these joules: they are computed as "
            f"{_text(provenance.get('by'))}. Compare them with figures of the same provenance only."
        )
    systematic = provenance.get("systematic_percent")
    dataset = settings.get("dataset_title") or settings.get("dataset") or "the dataset"
    yield _table(
        ("condition", "value"),
        [
            ("kind", f"**{provenance.get('kind')}**"),
            ("by", _text(provenance.get("by"))),
            ("counted", _text(provenance.get("scope"))),
            (
                "systematic error",
                "unknown" if systematic is None else f"±{systematic:g} %, not in the interval",
            ),
            ("batch size", str(energy["batch_size"])),
            ("precision", _text(energy["precision"])),
            ("device", _text(energy["device"])),
            (
                "windows",
                f"{energy['windows']}, {written(METRICS['train_seconds'], energy['metered_seconds'])} metered",
            ),
            (
                "interval wanted",
                "reached" if energy["converged"] else "**not reached** within the time allowed",
            ),
            *(
                (f"gate: {name.replace('_', ' ')}", "–" if value is None else f"{value:.4g}")
                for name, value in energy["gates"].items()
            ),
        ],
    )
    handled = (
        f"a batch of {energy['batch_size']} different {samples} of {_text(dataset)}, divided by the batch size"
        if unit_of(energy) == "sample"
        else f"a call that handles {energy['batch_size']} of them, divided by their number"
    )
    yield (
        f"Joules of one {_per(energy)} are those of {handled}"
        + (", idle power included. " if provenance.get("kind") == "measured" else ". ")
        + "The interval is the 95 % confidence interval of the mean over windows. The same in `energy.json`."
    )


def _example(description: Description, energy: Mapping[str, Any], folder_name: str) -> str:
    samples, loading = description.samples, repr(folder_name)
    lines = ["import ecojax", "import numpy as np"]
    if description.builder is not None:
        line, name = _imported(description.builder)
        lines += ["", line]
        loading += f", model={name}"
    shown = f"model({samples}).shape, model.{'classify' if description.class_names else 'predict'}({samples})"
    lines += [
        "",
        f"model = ecojax.load({loading})",
        description.example,
        f'print({shown}, model.energy["energy_per_{unit_of(energy)}_j"])',
    ]
    return "\n".join(["```python", *lines, "```"])


def _imported(builder: str) -> tuple[str, str]:
    """A line of Python that makes the user's own function known, and the function's name."""
    module, _, name = builder.rpartition(":")
    module = PurePath(module).stem if module.endswith(".py") else module
    if module != "__main__" and all(part.isidentifier() for part in [*module.split("."), name]):
        return f"from {module} import {name}", name
    return f"build = ...  # the function {_plain(builder)}", "build"


def _origin(trial: Trial, settings: Mapping[str, Any], samples: str) -> Iterable[tuple[str, str]]:
    yield "study", _code(settings.get("study") or "unnamed")
    yield "trial", f"{trial.id}, proposed by {_text(trial.origin)}"
    yield "seed", f"{trial.seed} (study: {settings.get('seed', 'unknown')})"
    if settings.get("objectives"):
        yield "objectives", ", ".join(_code(objective) for objective in settings["objectives"])
    if "epochs" in settings:
        yield "passes over the training data", str(settings["epochs"])
    yield "dataset", _text(settings.get("dataset_title") or settings.get("dataset"))
    if settings.get("dataset_source"):
        yield "source of the data", _text(settings["dataset_source"])
    for part in ("train", "validation", "test"):
        if _size(settings, part):
            origin = settings["splits"][part].get("from")
            yield (
                f"{part} {samples}",
                f"{_size(settings, part):,}" + (f", from the {origin} split" if origin else ""),
            )
    if settings.get("versions"):
        yield "versions", ", ".join(f"{name} {version}" for name, version in settings["versions"].items())


def _limits(
    trial: Trial, energy: Mapping[str, Any], settings: Mapping[str, Any], description: Description
) -> Iterable[str]:
    for name in _qualities(trial, settings)[:1]:
        yield (
            f"It was selected by its validation {_words(name)} among many, so that figure is optimistic"
            + (
                f"; the test {_words(name)} is not."
                if f"test_{name}" in trial.metrics
                else ", and the test set was not read."
            )
        )
    yield "It was trained once, from a single seed; another seed may come out better or worse."
    others = [
        other
        for other in settings.get("repeats") or ()
        if other.id != trial.id and "accuracy" in other.metrics
    ]
    if others:
        shares = ", ".join(f"{100 * other.metrics['accuracy']:.2f} % (trial {other.id})" for other in others)
        yield (
            "Its configuration was trained from other seeds too, with validation accuracies "
            f"{shares}; every figure here is of this training alone."
        )
    yield (
        f"Its energy holds at batch size {energy['batch_size']}, in {energy['precision']}, on "
        f"{_text(energy['device'])}; elsewhere, measure again."
    )
    if energy["provenance"].get("kind") == "modeled":
        yield "Its energy is modeled: good for ranking models on one machine, no claim about joules at the plug."
    dataset = settings.get("dataset_title") or settings.get("dataset") or "an unnamed dataset"
    yield (
        f"Nothing is known of {description.samples} that do not look like those of {_text(dataset)}, nor of "
        "fairness or robustness."
    )


def _at_chance(trial: Trial, settings: Mapping[str, Any]) -> Iterable[str]:
    quality = _aimed_at(settings)
    if quality.chance is not None and Chance(quality).is_beaten_by(trial) is False:
        yield (
            f"> **No better than chance.** Its validation {_words(quality.name)} is not significantly better than a "
            f"guess's, {written(quality, quality.chance)} ({'exact binomial test, ' if quality.is_share else ''}"
            "one-sided, 95 %)."
        )


def _qualities(trial: Trial, settings: Mapping[str, Any]) -> list[str]:
    """The metrics of what was learnt: the quality, and whatever else the search optimised and only training shows."""
    metrics = METRICS | metrics_of(settings)
    wanted = dict.fromkeys([_aimed_at(settings).name, *(settings.get("objectives") or ())])
    return [
        name
        for name in wanted
        if name in trial.metrics
        and (name not in metrics or (metrics[name].when == "trained" and not metrics[name].is_cost))
    ]


def _words(name: str) -> str:
    return _text({"r2": "R²"}.get(name, name).replace("_", " "))


def _quality(name: str, value: float, error: float | None, size: int | None) -> str:
    """The figure and half of its 95 % interval. An accuracy without a standard `error` takes that of `size` samples."""
    share = name.removeprefix("test_") == "accuracy"
    if error is None and size and share:
        from ecojax.train.loss import share_error

        error = share_error(value, size)
    spread = 0.0 if error is None else NORMAL_95 * error
    if share:
        figure, half = f"{100 * value:.2f} %", f" ± {100 * spread:.2f} % (95 % interval)"
    else:
        figure, half = f"{value:.4g}", f" ± {spread:.2g} (95 % interval)"
    return figure + ("" if error is None else half) + (f", n = {size:,}" if size else "")


def _per(energy: Mapping[str, Any]) -> str:
    """What the energy is per, in words."""
    unit = unit_of(energy)
    return "inference" if unit == "sample" else unit


def _interval(energy: Mapping[str, Any]) -> str:
    """The figure and the half width of its interval, in one unit: "41.3 ± 0.6 µJ (95 %)"."""
    name = f"energy_per_{unit_of(energy)}_j"
    figure, half_width = energy[name], energy.get(f"{name}_ci95")
    if half_width is None or not math.isfinite(half_width):
        return f"{joules(figure)} (no interval: too few windows)"
    unit = scale(METRICS["energy_per_sample_j"], [figure])
    places = max(digits(figure * unit.factor), min(digits(half_width * unit.factor) - 2, 6))
    return f"{figure * unit.factor:.{places}f} ± {half_width * unit.factor:.{places}f} {unit.unit} (95 % interval)"


def _aimed_at(settings: Mapping[str, Any]) -> Metric:
    """The quality of a study."""
    return next(iter(metrics_of(settings).values()))


def _size(settings: Mapping[str, Any], part: str) -> int | None:
    splits = settings.get("splits", {})
    return splits[part].get("size") if isinstance(splits.get(part), Mapping) else None


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(_text(name) for name in names[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    return shown + (f" and {more} more (in `model.json`)" if more > 0 else "")


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    lines = [head, ("---", "---"), *rows]
    return "\n".join(f"| {name} | {value} |" for name, value in lines)


def _text(value: Any) -> str:
    """Somebody else's words: one line, nothing that Markdown would take for a table, a tag or a picture."""
    text = " ".join(str(value).split())
    for character in "\\|<>`*[]":
        text = text.replace(character, "\\" + character)
    return text


def _plain(value: Any) -> str:
    """Somebody else's words in a block of code: one line, and no end of the block."""
    return " ".join(str(value).split()).replace("`", "'")


def _code(value: Any) -> str:
    text = _plain(value).replace("|", "\\|")
    return f"`{text}`"
