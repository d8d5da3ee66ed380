"""A worker that calls a function in this process, for loops whose evaluation is pretended."""

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ecojax.execute.inline import InlineExecutor
from ecojax.trial.worker import Evaluate


def inline(evaluate: Callable[..., Any]) -> InlineExecutor:
    """Its parameters beyond configuration and seed are fields of the request that it wants to see."""

    def answered(request: Evaluate) -> Any:
        wanted = [*inspect.signature(evaluate).parameters][2:]
        return evaluate(
            request.configuration,
            request.seed,
            **{n: getattr(request, n) for n in wanted if hasattr(request, n)},
        )

    executor = InlineExecutor(SimpleNamespace(evaluate=answered))
    executor.start()
    return executor
