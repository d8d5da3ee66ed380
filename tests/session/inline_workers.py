"""A worker that calls a function in this process, for loops whose evaluation is pretended."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ecojax.execute.inline import InlineExecutor


def inline(evaluate: Callable[..., Any]) -> InlineExecutor:
    executor = InlineExecutor(SimpleNamespace(evaluate=evaluate))
    executor.start()
    return executor
