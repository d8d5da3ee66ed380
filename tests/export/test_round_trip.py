"""What is exported is what is loaded: bits, predictions, label, card."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import jax
import numpy as np
import pytest
from exported_trial import CLASS_NAMES, SETTINGS, Case

import ecojax
from ecojax.errors import InputError
from ecojax.export import export_trial, load
from ecojax.tasks.images.description import ImageDescription

IMAGES = np.random.default_rng(0).integers(0, 256, (300, 8, 8, 1), np.uint8)


def export(case: Case, to):
    return export_trial(case.description, case.trial, case.arrays, to, settings=SETTINGS)


@pytest.fixture(scope="module")
def folder(case, tmp_path_factory):
    return export(case, tmp_path_factory.mktemp("export") / "model")


def test_weights_and_network_come_back_bit_by_bit(case, folder):
    model = load(folder)
    assert model.network == case.network
    assert jax.tree.structure(model.weights) == jax.tree.structure(case.weights)
    back = model.network.to_arrays(model.weights)
    assert back.keys() == case.arrays.keys()
    for name, array in case.arrays.items():
        assert back[name].dtype == array.dtype
        assert back[name].tobytes() == array.tobytes()
    assert model.parameters == case.network.parameters
    assert model.class_names == CLASS_NAMES
    assert model.configuration == case.trial.configuration


@pytest.mark.parametrize("n", [0, 1, 5, 16, 300])
def test_predictions_are_the_trials_for_any_number_of_images(case, folder, n):
    model = load(folder)
    expected = np.asarray(jax.jit(case.network.logits)(case.weights, IMAGES))[:n]
    logits = model(IMAGES[:n])
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    assert model.predict(IMAGES[:n]).tolist() == expected.argmax(1).tolist()
    assert model.classify(IMAGES[:n]) == [CLASS_NAMES[index] for index in expected.argmax(1)]


def test_a_single_image_is_a_batch_of_one(folder):
    model = load(folder)
    np.testing.assert_array_equal(model(IMAGES[3]), model(IMAGES[3:4]))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES / 255.0, "float64"),
        (IMAGES.astype(np.int64), "int64"),
        (IMAGES[:, :7], r"\(300, 7, 8, 1\).*\[n, 8, 8, 1\]"),
        (IMAGES[..., 0], r"\(300, 8, 8\)"),
    ],
)
def test_other_images_are_refused(folder, images, message):
    with pytest.raises(InputError, match=message):
        load(folder)(images)


def test_few_shapes_compile(folder):
    model = load(folder)
    for n in (1, 2, 3, 17, 40, 255, 256, 257, 300):
        model(IMAGES[:n])
    assert model._logits._cache_size() <= 3


def test_a_fresh_process_loads_it(case, folder):
    program = (
        "import sys; from ecojax.export import load; assert 'jax' not in sys.modules, 'import is not lazy';"
        "assert not any(name.startswith('orbax') for name in sys.modules);"
        "import numpy as np; images = np.arange(640, dtype=np.uint8).reshape(10, 8, 8, 1);"
        "print(load('model')(images).tobytes().hex())"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder.parent,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert done.returncode == 0, done.stderr
    images = np.arange(640, dtype=np.uint8).reshape(10, 8, 8, 1)
    logits = np.frombuffer(bytes.fromhex(done.stdout.strip()), np.float32).reshape(10, 10)
    np.testing.assert_allclose(logits, case.network.logits(case.weights, images), rtol=1e-4, atol=1e-5)


def test_the_label_states_figure_conditions_and_provenance(case, folder):
    label = json.loads((folder / "energy.json").read_text())
    assert (label["format"], label["version"]) == ("ecojax-energy", 1)
    assert label["energy_per_sample_j"] == 4.13e-5
    assert label["energy_per_sample_j_ci95"] == 6.1e-7
    assert label["provenance"] == case.trial.details["energy"]["provenance"]
    assert (label["batch_size"], label["precision"], label["device"]) == (64, "float32", "cpu: cpu")
    assert label["train_energy_j"] == 31.4
    assert load(folder).energy["energy_per_sample_j"] == 4.13e-5


def test_the_card_states_figure_and_provenance_loudly(folder):
    card = (folder / "MODEL_CARD.md").read_text()
    for fact in (
        "41.3 ± 0.6 µJ",
        "MODELED, not measured",
        "CPU time × 10 W per core",
        "±30 %",
        "96.25 % ± 1.86 % (95 % interval), n = 400",  # 1.96 × 0.95
        "Digits (8 × 8)",
        "1.70 ms",
        "31.4 J",
        "`learning_rate`",
        "jax 0.10.2",
    ):
        assert fact in card, fact
    assert str(folder.parent) not in card


def test_the_cards_example_runs(folder, monkeypatch, capsys):
    monkeypatch.setattr(ecojax, "load", load, raising=False)
    monkeypatch.chdir(folder.parent)
    (example,) = re.findall(r"```python\n(.*?)```", (folder / "MODEL_CARD.md").read_text(), re.DOTALL)
    exec(example, {})
    assert capsys.readouterr().out.startswith("(2, 10) [")


def test_a_measured_figure_and_a_read_test_set_change_the_card(mlp, tmp_path):
    energy = mlp.trial.details["energy"] | {
        "provenance": {"kind": "measured", "by": "NVML", "scope": "board", "systematic_percent": None}
    }
    trial = replace(
        mlp.trial, details={"energy": energy}, metrics=mlp.trial.metrics | {"test_accuracy": 0.95}
    )
    card = (export(mlp._replace(trial=trial), tmp_path / "model") / "MODEL_CARD.md").read_text()
    assert "modeled" not in card.lower()
    assert "MEASURED" in card
    share = (0.95 * 397 + 2) / 401  # Agresti & Coull
    half = 1.96 * math.sqrt(share * (1 - share) / 401)
    assert f"95.00 % ± {100 * half:.2f} % (95 % interval), n = 397" in card


def test_the_card_loses_no_short_time(mlp, tmp_path):
    """A training of 39 ms, metered for 4 ms, was "0.0 s" and "0.0 s metered"."""
    trial = replace(
        mlp.trial,
        metrics=mlp.trial.metrics | {"train_seconds": 0.039},
        details={"energy": mlp.trial.details["energy"] | {"seconds": 0.004}},
    )
    card = (export(mlp._replace(trial=trial), tmp_path / "model") / "MODEL_CARD.md").read_text()
    assert "| time of its training | 0.0390 s |" in card
    assert "0.00400 s metered" in card
    assert " 0.0 s" not in card


def test_the_card_of_a_model_that_guesses_says_so(mlp, tmp_path):
    """44 of 400 are what a guess among ten gets; 385 are not."""
    for accuracy, guesses in ((0.11, True), (0.9625, False)):
        settings = SETTINGS | {"chance_accuracy": 0.1}
        trial = replace(mlp.trial, metrics=mlp.trial.metrics | {"accuracy": accuracy})
        to = tmp_path / f"{accuracy}"
        export_trial(mlp.description, trial, mlp.arrays, to, settings=settings)
        card = (to / "MODEL_CARD.md").read_text()
        assert ("No better than chance" in card) is guesses
        assert "| accuracy of a guess | 10.0 % |" in card


def test_strangers_words_do_not_break_the_card(mlp, tmp_path):
    names = ["|", "a\nb", "<img src=x>", *CLASS_NAMES[3:]]
    description = ImageDescription.of(mlp.network, names)
    to = export_trial(description, mlp.trial, mlp.arrays, tmp_path / "model", settings=SETTINGS)
    assert "<img" not in (to / "MODEL_CARD.md").read_text().replace("\\<", "")
    assert load(to).class_names == tuple(names)


def test_a_folder_of_the_first_version_is_a_classifier_of_images(case, folder, tmp_path):
    """It was written before there were other tasks, and names none."""
    older = shutil.copytree(folder, tmp_path / "older")
    record = json.loads((older / "model.json").read_text())
    assert record.pop("task") == "images"
    assert record["version"] == 2
    (older / "model.json").write_text(json.dumps(record | {"version": 1}))
    np.testing.assert_array_equal(load(older)(IMAGES), load(folder)(IMAGES))


def test_a_figure_per_token_is_called_so_throughout(mlp, tmp_path):
    figures = {
        name.replace("sample", "token") if name.startswith("energy_per_sample_j") else name: value
        for name, value in mlp.trial.metrics.items()
    }
    to = export(mlp._replace(trial=replace(mlp.trial, metrics=figures)), tmp_path / "model")
    label = json.loads((to / "energy.json").read_text())
    assert (label["energy_per_token_j"], label["energy_per_token_j_ci95"]) == (4.13e-5, 6.1e-7)
    assert "energy_per_sample_j" not in label
    card = (to / "MODEL_CARD.md").read_text()
    assert "**Energy per token: 41.3 ± 0.6 µJ" in card
    assert 'model.energy["energy_per_token_j"]' in card
    assert "sample_j" not in card.replace("`energy_per_sample_j`", "")  # which the search aimed at
    assert "41.3 µJ a token" in repr(load(to))
