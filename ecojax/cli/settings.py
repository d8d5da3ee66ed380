"""Options of a command made from the declared settings, and what was given with them."""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

from ecojax.declaration import SETTINGS

Command = TypeVar("Command", bound=Callable[..., None])


class GroupedCommand(TyperCommand):
    """A command whose help lists its options under the titles of their groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            title = getattr(parameter, "rich_help_panel", None) or "Options"
            if (row := parameter.get_help_record(ctx)) is not None:
                groups.setdefault(title, []).append(row)
        for title, rows in groups.items():
            with formatter.section(title):
                formatter.write_dl(rows)


def takes_settings(command: Command) -> Command:
    """Has Typer see, in place of the command's `**keywords`, an option for every setting that has one."""
    *own, _ = inspect.signature(command).parameters.values()
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if setting.flag else None,
            annotation=Annotated[
                bool if setting.flag else setting.given | None,
                typer.Option(
                    setting.option,
                    help=setting.plain_help,
                    metavar=setting.about.metavar,
                    show_default=False,
                    rich_help_panel=setting.group,
                ),
            ],
        )
        for name, setting in SETTINGS.items()
        if setting.option is not None
    ]
    command.__signature__ = inspect.Signature([*own, *options])  # type: ignore[attr-defined]
    return command


def given_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the options of `takes_settings` give; raises `InputError` for a pair that is none."""
    settings: dict[str, Any] = {}
    for name, value in options.items():
        setting = SETTINGS[name]
        if value is None or value is False or value == []:
            continue
        if setting.about.pairs:
            value = _pairs(str(setting.option), value)
        settings[name] = not setting.default if setting.flag else value
    return settings


def _pairs(option: str, texts: list[str]) -> dict[str, Any]:
    import tomllib

    from ecojax.errors import InputError

    pairs: dict[str, Any] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not name or not value:
            raise InputError(f"{option} '{text}' is no value; write for instance kernel=3 or optimizer=sgd")
        try:
            pairs[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            pairs[name] = value  # a bare word
    return pairs
