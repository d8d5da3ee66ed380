"""What a Python program and its editor see of ecojax: names, help, signatures, types."""

import inspect
import pydoc
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest

import ecojax
from ecojax import Choice, Float, Int, api
from ecojax.errors import InputError
from ecojax.settings import SearchSettings, resolve
from ecojax.space import SearchSpace
from ecojax.space.space import tables_of
from ecojax.space.tables import parameter_from_table

OF_THE_CALL = {
    "config",
    "out",
    "resume",
    "migrate",
    "dry_run",
    "listener",
    "on_data",
    "stop",
    "unknown",
    "model",
    "objective",
    "data",
    "loss",
    "metrics",
    "optimizer",
    "augment",
    "ema",
}  # no settings


def test_dir_shows_the_public_names_before_any_is_loaded():
    code = "import sys, ecojax; print(dir(ecojax)); print('jax' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, jax_loaded = ran.stdout.splitlines()
    for name in ecojax.__all__:
        assert repr(name) in names
    assert {"AskTell", "Choice", "Float", "Int", "search", "energy", "load"} <= set(ecojax.__all__)
    assert jax_loaded == "False"


def test_every_public_name_is_there():
    for name in ecojax.__all__:
        assert getattr(ecojax, name) is not None
    assert isinstance(ecojax.ask_tell([Int("n", 1, 3)], ["cost"]), ecojax.AskTell)


def test_help_of_search_is_the_functions_with_its_options():
    shown = pydoc.plain(pydoc.render_doc(ecojax.search))
    assert "Searches for networks that are accurate and cheap to run" in shown
    for option in SearchSettings.model_fields:
        assert option in inspect.getdoc(ecojax.search), option
    assert "This room knows arrays" not in shown


def test_searchs_signature_lists_every_setting():
    parameters = inspect.signature(ecojax.search).parameters
    assert parameters == inspect.signature(api.search).parameters
    assert set(parameters) - OF_THE_CALL == set(SearchSettings.model_fields)
    assert all(parameters[name].default is None for name in SearchSettings.model_fields)


@pytest.mark.parametrize("name", ["precision", "device", "executor"])
def test_words_that_a_setting_takes_are_those_of_its_annotation(name):
    words = get_args(SearchSettings.model_fields[name].annotation)
    taken = get_args(api.search.__annotations__[name])
    assert {word for part in taken for word in get_args(part)} == set(words)


def test_ask_tells_function_takes_what_its_class_takes():
    function, kind = inspect.signature(ecojax.ask_tell), inspect.signature(ecojax.AskTell)
    assert function.parameters == kind.parameters


def test_a_misspelt_option_is_an_error_of_ecojax():
    with pytest.raises(InputError, match="evaluation"):
        ecojax.search(evaluation=3)


def test_the_types_are_declared_and_shipped():
    """PEP 561: without the marker, type checkers take every name for Any."""
    package = Path(ecojax.__file__).parent
    assert (package / "py.typed").is_file()
    project = tomllib.loads((package.parent / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "ecojax" in wheel["only-include"]  # whole, whatever its suffix
    assert not {"exclude", "include"} & set(wheel)


@pytest.mark.parametrize(
    "constraints",
    [
        "accuracy>=0.9",
        ["accuracy>=0.9"],
        ("accuracy>=0.9",),
        {"accuracy": {"min": 0.9}},
    ],
)
def test_constraints_are_taken_as_text_list_and_table(constraints):
    settings, _ = resolve(None, api._as_stored({"dataset": "digits", "constraints": constraints}))
    assert settings.bounds()["accuracy"] == {"min": 0.9}


PARAMETERS = [
    Int("hidden_width", 8, 64, step=8, log=True, default=16, prior={"mean": 16, "factor": 2}),
    Float("learning_rate", 1e-3, 1e-1, log=True),
    Choice("activation", ("relu", "gelu"), default="gelu", when={"family": ("mlp",)}),
]


@pytest.mark.parametrize(
    "given", [PARAMETERS, tuple(PARAMETERS), iter(PARAMETERS)], ids=["list", "tuple", "iterator"]
)
def test_a_space_of_parameters_is_stored_as_tables(given: Iterable):
    settings, _ = resolve(None, api._as_stored({"dataset": "digits", "space": given}))
    read = [parameter_from_table(name, table, source="test") for name, table in settings.space.items()]
    assert read[-3:] == PARAMETERS
    assert SearchSettings.model_validate_json(settings.model_dump_json()).space == settings.space


def test_a_space_object_and_a_parameter_alone_are_taken():
    alone = Int("hidden_width", 8, 64)
    assert tables_of(alone) == tables_of(SearchSpace([alone])) == tables_of([alone])
    tables = {"hidden_width": {"type": "int", "low": 8, "high": 64}}
    assert tables_of(tables) is tables


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ([Int("width", 8, 64), Int("width", 8, 32)], "space names the parameter 'width' twice"),
        (["width"], "space holds 'width', which is no parameter; give Int, Float or Choice"),
        ([{"type": "int"}], "which is no parameter"),
    ],
)
def test_a_space_that_is_none_says_why(space, message):
    with pytest.raises(InputError, match=message):
        ecojax.search(dataset="digits", space=space)


def test_one_name_is_a_list_of_one_and_a_path_is_text(tmp_path):
    stored = api._as_stored(
        {"families": "mlp", "objectives": "accuracy", "start_from": tmp_path, "data_dir": tmp_path}
    )
    assert stored == {
        "families": ["mlp"],
        "objectives": ["accuracy"],
        "start_from": [str(tmp_path)],
        "data_dir": str(tmp_path),
    }
    assert api._as_stored({"start_from": [tmp_path, "b"]}) == {"start_from": [str(tmp_path), "b"]}


def test_a_search_in_parameters_given_as_objects(tmp_path):
    """What was asked for is what was searched, and the study stores it."""
    study = ecojax.search(
        "digits",
        families="mlp",
        space=[ecojax.Int("hidden_width", 8, 16, step=8)],
        constraints=["accuracy>=0.01"],
        evaluations=2,
        population=2,
        epochs=1,
        train_size=300,
        energy_ci=0.5,
        frontier_energy_ci=0,
        watts_per_core=10.0,
        executor="inline",
        meter="modeled",
        out=tmp_path / "s",
    )
    assert study.constraints == {"accuracy": {"min": 0.01}}
    assert study.settings["space"]["hidden_width"]["high"] == 16
    widths = [trial.configuration["hidden_width"] for trial in study.trials]
    assert set(widths) <= {8, 16}
