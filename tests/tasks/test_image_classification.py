import json
import math

import numpy as np
import pytest

from ecojax.errors import InputError
from ecojax.models import FAMILIES as FAMILIES_OF_ALL
from ecojax.origins import Origins
from ecojax.space import Choice, SearchSpace
from ecojax.tasks import ImageClassification
from ecojax.tasks.images import ImageInputs
from ecojax.train.images.recipe import recipe_parameters, widest_recipe

FAMILIES = ("convnet", "mlp")


@pytest.mark.parametrize("shape", [(8, 8, 1), (1, 1, 1), (5, 7, 2), (32, 32, 3)])
def test_the_default_of_every_shape_of_image_has_a_network_and_a_program(make_dataset, shape) -> None:
    task = ImageClassification(make_dataset(40, shape), FAMILIES)
    configuration = task.space.default()
    network = task.network(configuration)
    assert network.input_shape == shape
    assert network.outputs == 3
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
    of_the_data = rf"batch_size reaches {size}; with 100 training images .*train_size"
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
    assert task.program(task.space.default()).augmentation.max_shift == furthest


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
    program = task.program(task.space.default())
    assert program.augmentation.absent == absent - {"dropout"}
    assert program.drops == ("dropout" not in absent)


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


# What a file says of families that are not searched, and of what no family can build


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({"hidden_width": {"type": "int", "low": 9, "high": 2}}, "range is empty"),
        ({"hidden_width": {"type": "int", "low": 8}}, "hidden_width.high' is missing"),
        (
            {"hidden_width": {"type": "int", "low": 8, "high": 16, "when": {"norm": "ghost"}}},
            "when.norm = .'ghost'.",
        ),
        (
            {"hidden_widht": {"type": "int", "low": 8, "high": 16}},
            r"no parameter .*did you mean 'hidden_width'",
        ),
        ({"hidden_layers": {"type": "float", "low": 1.0, "high": 2.0}}, '"float".*make it an int'),
        ({"test_views": {"type": "choice", "choices": ["sideways"]}}, "test_views has the choice 'sideways'"),
    ],
)
def test_a_table_of_a_family_that_is_not_searched_is_checked_too(make_dataset, tables, says) -> None:
    with pytest.raises(InputError, match=rf"mine\.toml.*{says}"):
        _ = ImageClassification(make_dataset(), ["convnet"], tables=tables, source="mine.toml").space


def test_a_right_table_of_a_family_that_is_not_searched_is_left_out(make_dataset) -> None:
    tables = {
        "hidden_width": {"type": "int", "low": 8, "high": 16},
        "width": {"type": "int", "low": 8, "high": 9},
    }
    pins = {"hidden_layers": 2, "kernel": 3}
    space = ImageClassification(make_dataset(), ["convnet"], tables=tables, pins=pins).space
    assert {"hidden_width", "hidden_layers"}.isdisjoint(parameter.name for parameter in space)
    assert (space["width"].high, space["kernel"].choices) == (9, (3,))


@pytest.mark.parametrize("table", ["pin", "space"])
def test_an_option_for_a_family_that_is_not_searched_is_refused(make_dataset, table) -> None:
    given = (
        {"pins": {"hidden_layers": 2}}
        if table == "pin"
        else {"tables": {"hidden_layers": {"type": "int", "low": 1, "high": 2}}}
    )
    origins = Origins("mine.toml", frozenset({f"{table}.hidden_layers"}))
    with pytest.raises(
        InputError, match=rf"{table}\['hidden_layers'\].*of mlp.*over convnet.*families=\['mlp'\]"
    ):
        _ = ImageClassification(make_dataset(), ["convnet"], source=origins, **given).space


def test_a_pinned_option_that_another_pin_leaves_without_a_use_is_refused(make_dataset) -> None:
    pins = {"optimizer": "adamw", "sgd_learning_rate": 0.1}
    assert "sgd_learning_rate" not in ImageClassification(make_dataset(), ["mlp"], pins=pins).space
    origins = Origins("mine.toml", frozenset({"pin.sgd_learning_rate"}))
    with pytest.raises(
        InputError, match=r"pin\['sgd_learning_rate'\] has no use here: .*only where optimizer is sgd"
    ):
        _ = ImageClassification(make_dataset(), ["mlp"], pins=pins, source=origins).space


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"tables": {"norm": {"type": "choice", "choices": ["batch", "layer"]}}},
            "choice 'layer'; 'norm' takes",
        ),
        (
            {"tables": {"kernel": {"type": "choice", "choices": [3, 5.0]}}},
            "choice 5.0; 'kernel' takes an integer",
        ),
        ({"tables": {"kernel": {"type": "choice", "choices": ["three"]}}}, "choice 'three'; 'kernel' takes"),
        (
            {"tables": {"width": {"type": "float", "low": 8.0, "high": 16.0}}},
            '"float"; .width. takes an integer',
        ),
        (
            {"tables": {"width": {"type": "int", "low": 0, "high": 16}}},
            "low = 0; 'width' takes an integer from 1",
        ),
        ({"tables": {"depth": {"type": "int", "low": 1, "high": 10**6}}}, "high = 1000000; 'depth' takes"),
        (
            {"tables": {"flip": {"type": "int", "low": 0, "high": 1}}},
            '"int"; .flip. takes one of .* make it a choice',
        ),
        ({"tables": {"optimizer": {"type": "choice", "choices": ["adam"]}}}, "'adam' .did you mean 'adamw'"),
        ({"tables": {"schedule": {"type": "choice", "choices": ["step"]}}}, "choice 'step'"),
        ({"tables": {"dropout": {"type": "float", "low": 0.0, "high": 1.0}}}, "high = 1.0; 'dropout' takes"),
        ({"tables": {"momentum": {"type": "float", "low": 0.5, "high": 1.5}}}, "high = 1.5; 'momentum'"),
        (
            {"tables": {"crop": {"type": "float", "low": 0.0, "high": 1.0}}},
            '"float"; .crop. takes an integer',
        ),
        ({"pins": {"width": 10**9}}, "pin.width = 1000000000; what can be built takes an integer from 1"),
        ({"pins": {"dropout": 1.0}}, "pin.dropout = 1.0; what can be built takes"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_no_network_and_no_training_can_be_made_of_is_refused_before_the_first_trial(
    make_dataset, given, says
) -> None:
    with pytest.raises(InputError, match=rf"mine\.toml: .*{says}"):
        _ = ImageClassification(make_dataset(), ["convnet"], source="mine.toml", **given).space


@pytest.mark.parametrize("name", FAMILIES_OF_ALL)
def test_a_family_can_build_the_ends_of_what_it_says_it_can(name) -> None:
    """The smallest of everything, and every choice; the largest is a matter of memory."""
    widest = {parameter.name: parameter for parameter in FAMILIES_OF_ALL[name].widest}
    searched = {parameter.name: parameter for parameter in FAMILIES_OF_ALL[name].parameters((8, 8, 1))}
    assert widest.keys() == searched.keys()
    for parameter in searched.values():
        values = parameter.choices if isinstance(parameter, Choice) else (parameter.low, parameter.high)
        assert all(widest[parameter.name].contains(value) for value in values), parameter.name
    inputs = ImageInputs((8, 8, 1), ("a", "b"), (0.5,), (0.5,))
    defaults = SearchSpace([Choice("family", (name,)), *searched.values()]).default()
    for parameter in widest.values():
        ends = parameter.choices if isinstance(parameter, Choice) else (parameter.low,)
        for value in ends:
            network = inputs.network({**defaults, parameter.name: value}, "float32")
            assert network.parameters > 0, (parameter.name, value)


def test_the_recipe_takes_all_that_it_searches() -> None:
    for shape in ((1, 1, 1), (8, 8, 1), (32, 32, 3)):
        widest = {parameter.name: parameter for parameter in widest_recipe(shape)}
        for parameter in recipe_parameters(shape, 10_000):
            if parameter.name != "batch_size":
                values = (
                    parameter.choices if isinstance(parameter, Choice) else (parameter.low, parameter.high)
                )
                assert all(widest[parameter.name].contains(value) for value in values), parameter.name
