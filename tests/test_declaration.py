"""One declaration of a setting gives its field, its option, its help and its name in messages."""

from typing import Annotated

import pytest
import typer
from annotated_types import Gt
from typer.testing import CliRunner

from ecojax.cli import app
from ecojax.cli.settings import given_settings
from ecojax.declaration import GROUPS, SETTINGS, of_resume
from ecojax.declaration.setting import Count, Setting, declared
from ecojax.errors import InputError
from ecojax.settings import SearchSettings
from ecojax.wording import on_the_command_line, option


class Oven:
    degrees: Annotated[Annotated[float, Gt(0)] | None, Setting("[How hot](oven.md); `0` is cold.")] = None
    trays: Annotated[Count, Setting("Trays.", option="tray", default="as many as fit")] = 2
    fan: Annotated[bool, Setting("Leave the fan off.", option="no-fan")] = True
    spices: Annotated[dict[str, float], Setting("Spices.", pairs=True, on_resume="free")] = {}  # noqa: RUF012
    notes: Annotated[list[str], Setting("Notes.", option=None)] = []  # noqa: RUF012


def test_a_declaration_is_read():
    degrees, trays, fan, spices, notes = declared(Oven, "Oven")
    assert (degrees.option, degrees.given, degrees.default) == ("--degrees", float, None)
    assert degrees.plain_help == "How hot; 0 is cold."
    assert (trays.option, trays.given, trays.plain_help) == (
        "--tray",
        int,
        "Trays. [default: as many as fit]",
    )
    assert (fan.option, fan.flag, fan.repeated) == ("--no-fan", True, False)
    assert (spices.repeated, spices.about.on_resume) == (True, "free")
    assert (notes.option, notes.repeated) == (None, False)


def test_every_setting_is_a_field_with_its_default():
    assert list(SearchSettings.model_fields) == list(SETTINGS)
    found = SearchSettings().model_dump()
    assert found == {name: setting.default for name, setting in SETTINGS.items()}


def test_every_setting_has_its_option_in_its_group():
    command = typer.main.get_command(app).commands["search"]
    options = {parameter.name: parameter for parameter in command.params}
    for name, setting in SETTINGS.items():
        if setting.option is None:
            assert name not in options
            continue
        assert options[name].opts == [setting.option]
        assert (options[name].is_flag, options[name].multiple) == (setting.flag, setting.repeated)
        assert options[name].rich_help_panel == setting.group


def test_help_stands_under_the_titles_of_the_groups():
    shown = CliRunner().invoke(app, ["search", "--help"]).stdout
    titles = [line[:-1] for line in shown.splitlines() if line.endswith(":") and line[:1].isalpha()]
    assert titles[-len(GROUPS) - 1 :] == ["Options", *GROUPS]
    assert "](" not in shown


def test_options_become_settings():
    nothing = {"seed": None, "families": [], "pin": [], "early_stop": False, "inherit": False}
    assert given_settings(nothing) == {}
    given = {
        "seed": 0,
        "families": ["mlp"],
        "pin": ["a=3", "b = x", "c=true"],
        "early_stop": True,
        "pack": True,
    }
    assert given_settings(given) == {
        "seed": 0,
        "families": ["mlp"],
        "pin": {"a": 3, "b": "x", "c": True},
        "early_stop": False,
        "pack": True,
    }
    with pytest.raises(InputError, match="--pin 'kernel' is no value"):
        given_settings({"pin": ["kernel"]})


def test_messages_name_every_setting_by_its_option():
    with on_the_command_line():
        for name, setting in SETTINGS.items():
            if setting.option is not None:
                assert option(name) == setting.option


def test_what_may_change_on_resume():
    assert of_resume("migrate") == {"families", "space", "pin"}
    assert of_resume("queue") == {"enqueue", "start_from"}
    assert {name for name, setting in SETTINGS.items() if setting.group == "Execution"} <= of_resume("free")
    assert "seed" in of_resume("fixed")


def test_what_a_declaration_bounds_is_refused():
    for wrong in ({"evaluations": 0}, {"seed": 2**32}, {"energy_ci": 1}, {"watts_per_core": float("inf")}):
        (name,) = wrong
        with pytest.raises(ValueError, match=name):
            SearchSettings(**wrong)
