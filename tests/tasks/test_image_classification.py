import json
import math

import numpy as np
import pytest

from ecojax.errors import InputError
from ecojax.tasks import ImageClassification
from ecojax.tasks.image_classification import ImageInputs

FAMILIES = ("convnet", "mlp")


@pytest.mark.parametrize("shape", [(8, 8, 1), (1, 1, 1), (5, 7, 2), (32, 32, 3)])
def test_the_default_of_every_shape_of_image_has_a_network_and_a_program(make_dataset, shape) -> None:
    task = ImageClassification(make_dataset(40, shape), FAMILIES)
    configuration = task.space.default()
    network = task.network(configuration)
    assert network.image_shape == shape
    assert network.num_classes == 3
    assert network.parameters > 0
    assert all(value > 0 for value in network.std)  # a constant channel is not divided by zero
    assert task.program(configuration).batch_size <= 40


def test_configurations_that_differ_in_numbers_share_a_program(make_dataset) -> None:
    task = ImageClassification(make_dataset(), FAMILIES)
    first = task.space.default()
    other = {**first, "weight_decay": 0.01, "dropout": 0.3, "crop": 1, "flip": True, "label_smoothing": 0.1}
    assert task.program(other) == task.program(first)
    assert hash(task.program(other)) == hash(task.program(first))
    other = {"sgd": "adamw", "adamw": "sgd"}[first["optimizer"]]
    swapped = {**first, "optimizer": other, f"{other}_learning_rate": 0.01}
    assert task.program(swapped) != task.program(first)
    bfloat = ImageClassification(make_dataset(), FAMILIES, precision="bfloat16")
    assert bfloat.program(first) != task.program(first)


@pytest.mark.parametrize("size", [101, 1000, 0, -1])
@pytest.mark.parametrize("how", ["pin", "choice", "int"])
def test_a_batch_that_the_training_set_cannot_fill_is_refused(make_dataset, size, how) -> None:
    """Such an epoch would have no step; a negative one no meaning."""
    low, high = sorted((50, size))
    given = {
        "pin": {"pins": {"batch_size": size}, "tables": {"batch_size": {"type": "int", "low": 1, "high": 9}}},
        "choice": {"tables": {"batch_size": {"type": "choice", "choices": [50, size]}}},
        "int": {"tables": {"batch_size": {"type": "int", "low": low, "high": high}}},
    }[how]
    task = ImageClassification(make_dataset(100), FAMILIES, source="mine.toml", **given)
    of_the_data = rf"batch_size reaches {size}; with 100 training images .*--train-size"
    of_the_pin = rf"pin\.batch_size = {size}; it takes an integer"
    with pytest.raises(InputError, match=rf"mine\.toml: ({of_the_data}|{of_the_pin})"):
        _ = task.space


def test_a_batch_of_the_whole_training_set_is_fine(make_dataset) -> None:
    tables = {"batch_size": {"type": "choice", "choices": [100]}}
    assert (
        ImageClassification(make_dataset(100), FAMILIES, tables=tables).space.default()["batch_size"] == 100
    )


def test_fractions_of_an_image_are_refused(make_dataset) -> None:
    tables = {"batch_size": {"type": "float", "low": 1.0, "high": 64.0}}
    with pytest.raises(InputError, match="whole number"):
        _ = ImageClassification(make_dataset(100), FAMILIES, tables=tables).space


@pytest.mark.parametrize(
    ("given", "furthest"),
    [
        ({}, 1),
        ({"pins": {"crop": 3}}, 3),
        ({"pins": {"crop": 0}}, 0),
        ({"tables": {"crop": {"type": "int", "low": 0, "high": 4}}}, 4),
    ],
)
def test_a_crop_reaches_as_far_as_the_space_says(make_dataset, given, furthest) -> None:
    task = ImageClassification(make_dataset(), FAMILIES, **given)
    assert task.program(task.space.default()).max_shift == furthest


@pytest.mark.parametrize(
    ("given", "absent"),
    [
        ({}, set()),
        ({"pins": {"crop": 0, "dropout": 0.0}}, {"crop", "dropout"}),
        ({"pins": {"flip": False, "cutout": 0}}, {"flip", "cutout"}),
        ({"pins": {"flip": True, "cutout": 1}}, set()),
    ],
)
def test_what_the_space_holds_at_nothing_is_not_compiled_in(make_dataset, given, absent) -> None:
    task = ImageClassification(make_dataset(), FAMILIES, **given)
    assert task.program(task.space.default()).absent == absent


def test_inputs_survive_json_and_build_the_same_network(make_dataset) -> None:
    task = ImageClassification(make_dataset(shape=(8, 8, 2)), FAMILIES)
    back = ImageInputs.from_record(json.loads(json.dumps(task.inputs.to_record())))
    assert back == task.inputs
    configuration = task.space.default()
    assert back.network(configuration, "float32") == task.network(configuration)


def test_every_configuration_has_a_recipe(make_dataset) -> None:
    task = ImageClassification(make_dataset(), FAMILIES)
    rng = np.random.default_rng(0)
    for _ in range(30):
        configuration = task.space.decode(rng.random(len(task.space)))
        recipe = task.recipe(configuration)
        assert all(math.isfinite(value) for value in recipe.numbers.values())
        assert recipe.numbers.keys() == task.recipe(task.space.default()).numbers.keys()
