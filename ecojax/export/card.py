"""`MODEL_CARD.md`: what a person should know of a model before using it, the origin of its energy figure above all."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ecojax.frontier.chance import Chance
from ecojax.frontier.intervals import NORMAL_95
from ecojax.frontier.quantities import digits, joules, scale, written
from ecojax.study import Trial

if TYPE_CHECKING:
    from ecojax.models.network import Network

NAMES_SHOWN = 20  # class names written out


def model_card(
    network: "Network",
    trial: Trial,
    energy: Mapping[str, Any],
    settings: Mapping[str, Any],
    class_names: Sequence[str],
    *,
    folder_name: str,
) -> str:
    """The card in Markdown. `energy` is the label of `ecojax.export.label`; `folder_name` stands in the example."""
    dataset = settings.get("dataset_title") or settings.get("dataset") or "an unnamed dataset"
    kind = energy["provenance"].get("kind")
    sections = [
        f"# {_text(_family(network))} for {_text(dataset)}",
        f"Classifies images of {_shape(network)} into {network.outputs} classes. Found and trained by ecojax, an "
        f"energy-aware model search on JAX: trial {trial.id} of the study {_code(settings.get('study') or 'unnamed')}.",
        f"**Energy per inference: {_interval(energy)}, {str(kind).upper()}.**",
        *_at_chance(trial, settings),
        "## Figures",
        _table(("figure", "value"), _figures(trial, energy, settings)),
        "## Energy: how it was obtained",
        *_energy(energy, settings),
        "## Use",
        _example(network, folder_name),
        "## Input and output",
        f"uint8 images `[n, {', '.join(map(str, network.input_shape))}]` (n, height, width, channels), 0 to 255; "
        f"the model normalises them itself. Logits `[n, {network.outputs}]` float32. "
        f"Classes, in order: {_names(class_names)}.",
        "## Configuration",
        _table(
            ("parameter", "value"),
            ((_code(name), _code(value)) for name, value in trial.configuration.items()),
        ),
        "## How it was found",
        _table(("", ""), _origin(trial, settings)),
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(trial, energy, dataset, settings.get("repeats") or ())),
    ]
    return "\n\n".join(sections) + "\n"


def _figures(
    trial: Trial, energy: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterable[tuple[str, str]]:
    metrics = trial.metrics
    kind = energy["provenance"].get("kind")
    if "accuracy" in metrics:
        yield (
            "validation accuracy",
            _accuracy(metrics["accuracy"], metrics.get("accuracy_se"), _size(settings, "validation")),
        )
    if "test_accuracy" in metrics:
        yield "test accuracy", _accuracy(metrics["test_accuracy"], None, _size(settings, "test"))
    else:
        yield "test accuracy", "not read"
    chance = Chance.of(settings)
    if chance is not None:
        yield "accuracy of a guess", written("accuracy", chance.accuracy)
    yield "energy per inference", f"{_interval(energy)} ({kind})"
    if energy.get("latency_ms") is not None:
        yield f"latency of a batch of {energy['batch_size']}", written("latency_ms", energy["latency_ms"])
    if "parameters" in metrics:
        yield "parameters", f"{metrics['parameters']:,.0f}"
    if "flops" in metrics:
        counted = trial.provenance.get("flops", "by XLA's count")
        yield f"compute per inference, {_text(counted)}", written("flops", metrics["flops"])
    if energy.get("train_energy_j") is not None:
        yield "energy of its training", f"{joules(energy['train_energy_j'])} ({kind})"
    if energy.get("train_seconds") is not None:
        yield "time of its training", written("train_seconds", energy["train_seconds"])


def _energy(energy: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterable[str]:
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
                f"{energy['windows']}, {written('train_seconds', energy['metered_seconds'])} metered",
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
    yield (
        f"Joules of one inference are those of a batch of {energy['batch_size']} different images of "
        f"{_text(dataset)}, divided by the batch size"
        + (", idle power included. " if provenance.get("kind") == "measured" else ". ")
        + "The interval is the 95 % confidence interval of the mean over windows. The same in `energy.json`."
    )


def _example(network: "Network", folder_name: str) -> str:
    shape = ", ".join(str(size) for size in network.input_shape)
    return f"""```python
import ecojax
import numpy as np

model = ecojax.load({folder_name!r})
images = np.zeros((2, {shape}), np.uint8)  # yours: n, height, width, channels
print(model(images).shape, model.classify(images), model.energy["energy_per_sample_j"])
```"""


def _origin(trial: Trial, settings: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "study", _code(settings.get("study") or "unnamed")
    yield "trial", f"{trial.id}, proposed by {_text(trial.origin)}"
    yield "seed", f"{trial.seed} (study: {settings.get('seed', 'unknown')})"
    if settings.get("objectives"):
        yield "objectives", ", ".join(_code(objective) for objective in settings["objectives"])
    if "epochs" in settings:
        yield "epochs of training", str(settings["epochs"])
    yield "dataset", _text(settings.get("dataset_title") or settings.get("dataset"))
    if settings.get("dataset_source"):
        yield "source of the data", _text(settings["dataset_source"])
    for part in ("train", "validation", "test"):
        if _size(settings, part):
            origin = settings["splits"][part].get("from")
            yield (
                f"{part} images",
                f"{_size(settings, part):,}" + (f", from the {origin} split" if origin else ""),
            )
    if settings.get("versions"):
        yield "versions", ", ".join(f"{name} {version}" for name, version in settings["versions"].items())


def _limits(trial: Trial, energy: Mapping[str, Any], dataset: str, repeats: Sequence[Trial]) -> Iterable[str]:
    yield (
        "It was selected by its validation accuracy among many, so that figure is optimistic"
        + (
            "; the test accuracy is not."
            if "test_accuracy" in trial.metrics
            else ", and the test set was not read."
        )
    )
    yield "It was trained once, from a single seed; another seed may come out better or worse."
    others = [other for other in repeats if other.id != trial.id and "accuracy" in other.metrics]
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
    yield f"Nothing is known of images that do not look like those of {_text(dataset)}, nor of fairness or robustness."


def _at_chance(trial: Trial, settings: Mapping[str, Any]) -> Iterable[str]:
    chance = Chance.of(settings)
    if chance is not None and chance.is_beaten_by(trial) is False:
        yield (
            "> **No better than chance.** Its validation accuracy is not significantly better than a guess's, "
            f"{written('accuracy', chance.accuracy)} (exact binomial test, one-sided, 95 %)."
        )


def _accuracy(share: float, error: float | None, size: int | None) -> str:
    """The figure and half of its 95 % interval. Without a standard `error`, that of `size` images is taken."""
    if error is None and size:
        from ecojax.train.loss import share_error

        error = share_error(share, size)
    spread = "" if error is None else f" ± {100 * NORMAL_95 * error:.2f} % (95 % interval)"
    return f"{100 * share:.2f} %{spread}" + (f", n = {size:,}" if size else "")


def _interval(energy: Mapping[str, Any]) -> str:
    """The figure and the half width of its interval, in one unit: "41.3 ± 0.6 µJ (95 %)"."""
    figure, half_width = energy["energy_per_sample_j"], energy.get("energy_per_sample_j_ci95")
    if half_width is None or not math.isfinite(half_width):
        return f"{joules(figure)} (no interval: too few windows)"
    unit = scale("energy_per_sample_j", [figure])
    places = max(digits(figure * unit.factor), min(digits(half_width * unit.factor) - 2, 6))
    return f"{figure * unit.factor:.{places}f} ± {half_width * unit.factor:.{places}f} {unit.unit} (95 % interval)"


def _size(settings: Mapping[str, Any], part: str) -> int | None:
    splits = settings.get("splits", {})
    return splits[part].get("size") if isinstance(splits.get(part), Mapping) else None


def _family(network: "Network") -> str:
    return {"convnet": "Convolutional network", "mlp": "Multilayer perceptron"}.get(
        network.family, network.family
    )


def _shape(network: "Network") -> str:
    height, width, channels = network.input_shape
    return f"{height} × {width} pixels and {channels} channel{'' if channels == 1 else 's'}"


def _names(class_names: Sequence[str]) -> str:
    shown = ", ".join(_text(name) for name in class_names[:NAMES_SHOWN])
    more = len(class_names) - NAMES_SHOWN
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


def _code(value: Any) -> str:
    text = " ".join(str(value).split()).replace("`", "'").replace("|", "\\|")
    return f"`{text}`"
