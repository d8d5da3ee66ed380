"""TOML tables to parameters: what a configuration file may say of one parameter, checked by pydantic.

[space.width]
type = "int"
low = 8
high = 64
step = 8
log = true
when = { block = ["plain", "residual"] }
prior = { mean = 16, factor = 2 }
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
)

from ecojax.errors import InputError
from ecojax.space.parameters import Choice, Float, Int, Parameter
from ecojax.spelling import did_you_mean

Scalar = StrictBool | StrictInt | StrictFloat | StrictStr


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    when: dict[str, Scalar | list[Scalar]] = {}
    prior: dict[str, float] = {}

    def _condition(self) -> dict[str, tuple[Any, ...]]:
        return {k: tuple(v) if isinstance(v, list) else (v,) for k, v in self.when.items()}


class _FloatTable(_Table):
    type: Literal["float"]
    low: float
    high: float
    log: bool = False
    default: float | None = None

    def parameter(self, name: str) -> Parameter:
        return Float(name, self.low, self.high, self.log, self.default, self._condition(), self.prior)


class _IntTable(_Table):
    type: Literal["int"]
    low: int
    high: int
    step: int = 1
    log: bool = False
    default: int | None = None

    def parameter(self, name: str) -> Parameter:
        return Int(
            name, self.low, self.high, self.step, self.log, self.default, self._condition(), self.prior
        )


class _ChoiceTable(_Table):
    type: Literal["choice"]
    choices: list[Scalar]
    ordered: bool = False
    default: Scalar | None = None

    def parameter(self, name: str) -> Parameter:
        return Choice(name, tuple(self.choices), self.ordered, self.default, self._condition(), self.prior)


_ADAPTER: TypeAdapter[Any] = TypeAdapter(
    Annotated[_FloatTable | _IntTable | _ChoiceTable, Field(discriminator="type")]
)


def parameter_from_table(name: str, table: Any, *, source: str) -> Parameter:
    """One parameter from its TOML table.

    Raises `InputError` that names the key, the file (`source`) and what would be right.
    """
    if not isinstance(table, Mapping):
        raise InputError(
            f"{source}: space.{name} = {table!r} must be a table such as "
            '{ type = "int", low = 1, high = 4 }'
        )
    try:
        return _ADAPTER.validate_python(dict(table)).parameter(name)
    except ValidationError as error:
        keys = {key for kind in (_FloatTable, _IntTable, _ChoiceTable) for key in kind.model_fields}
        raise InputError(f"{source}: {explain(error, prefix=f'space.{name}', known=keys)}") from None
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def explain(error: ValidationError, *, prefix: str = "", known: Iterable[str] = ()) -> str:
    """The first complaint of a pydantic error as a sentence: which key, what it holds, what would be right.

    `known` are the keys among which the one that an unknown key may have meant is looked for.
    """
    complaint = error.errors(include_url=False)[0]
    discriminators = {"float", "int", "choice", "list[union[bool,int,float,str]]"}
    path = [str(part) for part in complaint["loc"] if str(part) not in discriminators]
    key = ".".join(part for part in [prefix, *path] if part)
    kind, context, given = complaint["type"], complaint.get("ctx", {}), complaint.get("input")
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown key '{key}'{did_you_mean(path[-1], known)}; remove it or correct its spelling"
    if kind == "missing":
        return f"key '{key}' is missing; add it"
    if kind == "union_tag_not_found":
        return f'key \'{key}.type\' is missing; it is "float", "int" or "choice"'
    if kind == "union_tag_invalid":
        return f'{key}.type = {context.get("tag")!r} is unknown; it is "float", "int" or "choice"'
    return f"{key} = {given!r}: {objection(complaint)}"


def objection(complaint: Mapping[str, Any]) -> str:
    """What a complaint of pydantic objects to a value, without its key."""
    message = complaint["msg"]
    if complaint["type"] == "dataclass_type":
        return "input should be a table"
    message = message[:1].lower() + message[1:]
    if complaint["type"] == "literal_error":
        choices = re.findall("'([^']*)'", complaint.get("ctx", {}).get("expected", ""))
        message += did_you_mean(complaint.get("input"), choices)
    return message
