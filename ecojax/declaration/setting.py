"""What can be declared of a setting, and how it is read from the class that declares it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge

# fixed: is the study's for good. free: may change. migrate: may change with `--migrate`. queue: was used up when the
# study began.
Resume = Literal["fixed", "free", "migrate", "queue"]

Count = Annotated[int, Ge(1)]
CountOrZero = Annotated[int, Ge(0)]


class Finite:
    """Tells pydantic to refuse infinity and NaN."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> dict[str, Any]:
        return {**handler(source), "allow_inf_nan": False}


@dataclass(frozen=True)
class Setting:
    """What is said of a setting beside its type and default; an annotation of the field.

    help: its meaning, in Markdown; the command line shows the text of its links alone.
    option: its name on the command line where it is not the field's; None where only a file can say it.
    metavar: what stands for its value there. given: the type of that, where it is another than the field's.
    pairs: whether it is given as NAME=VALUE, any number of times.
    default: what None, or an empty table, comes to.
    on_resume: what `--resume` does with it.
    """

    help: str
    option: str | None = ""
    metavar: str | None = None
    given: type | None = None
    pairs: bool = False
    default: str = ""
    on_resume: Resume = "fixed"


@dataclass(frozen=True)
class Declared:
    """A setting with its name, the title of its group, its type without annotations, and its default."""

    name: str
    group: str
    type: Any
    default: Any
    about: Setting

    @property
    def option(self) -> str | None:
        """Its name on the command line, "--inference-batch"; None where only a file can say it."""
        if self.about.option is None:
            return None
        return f"--{(self.about.option or self.name).replace('_', '-')}"

    @property
    def given(self) -> Any:
        """The type of its option: bool, int, float, str, Path, or list[str] where it may be repeated."""
        if self.about.given is not None:
            return self.about.given
        if get_origin(self.type) in (list, dict):
            return list[str]
        return str if get_origin(self.type) is Literal else self.type

    @property
    def flag(self) -> bool:
        """Whether its option takes no value, and says the opposite of the default."""
        return self.given is bool

    @property
    def repeated(self) -> bool:
        """Whether its option may be given several times."""
        return self.option is not None and self.given == list[str]

    @property
    def plain_help(self) -> str:
        """Its help without links and code marks, as a terminal shows it."""
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", self.about.help).replace("`", "")
        return f"{text} [default: {self.about.default.replace('`', '')}]" if self.about.default else text


def declared(group: type, title: str) -> Iterator[Declared]:
    """The settings that a class declares, in its order."""
    for name, hint in get_type_hints(group, include_extras=True).items():
        (said,) = (note for note in hint.__metadata__ if isinstance(note, Setting))
        yield Declared(name, title, _bare(hint), getattr(group, name), said)


def _bare(hint: Any) -> Any:
    """A type without annotations and without None."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, UnionType):
        some = [part for part in get_args(hint) if part is not NoneType]
        return _bare(some[0]) if len(some) == 1 else hint
    return hint
