"""JSON text of the database to plain values, refused where it is not what a study writes."""

import json
import math
from typing import Any


def record(text: str, what: str) -> Any:
    """Any JSON value. Raises `ValueError` naming `what` for other text, and for strings that no terminal can print."""
    try:
        value = json.loads(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no character
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is no JSON: {error}") from None
    return value


def table(text: str, what: str) -> dict[str, Any]:
    """A JSON object. Raises `ValueError` for anything else."""
    value = record(text, what)
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no table but {_shown(value)}")
    return value


def figures(text: str, what: str) -> dict[str, float]:
    """A JSON object of numbers, NaN and infinity among them. Raises `ValueError` for anything else."""
    values = table(text, what)
    for name, value in values.items():
        if type(value) not in (int, float) or (type(value) is int and abs(value) >= 2**1023):
            raise ValueError(f"{what}.{name} = {_shown(value)} is no figure")
    return values


def scalars(text: str, what: str) -> dict[str, Any]:
    """A JSON object of strings, finite numbers, true and false. Raises `ValueError` for anything else."""
    values = table(text, what)
    for name, value in values.items():
        if not isinstance(value, str | bool | int | float) or (
            isinstance(value, float) and not math.isfinite(value)
        ):
            raise ValueError(f"{what}.{name} = {_shown(value)} is no value of a parameter")
    return values


def texts(text: str, what: str) -> dict[str, str]:
    """A JSON object of strings. Raises `ValueError` for anything else."""
    values = table(text, what)
    for name, value in values.items():
        if not isinstance(value, str):
            raise ValueError(f"{what}.{name} = {_shown(value)} is no text")
    return values


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
