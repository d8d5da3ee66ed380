"""A try of one candidate before anything is paid for: built, one step trained, judged, its inference called once.

It finds what would fail in every trial, and names the method and the mend.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np

from ecojax.errors import InputError
from ecojax.tasks.code import told
from ecojax.tasks.task import Candidate, Configuration, Inference, Task, Training


def try_out(
    task: Task, configuration: Configuration, compiled: Callable[[Training], Mapping[str, Any]]
) -> str:
    """Says what was built. compiled: the compiled programs of a training.

    Raises `InputError` where a method of the task, of its candidate or of its training fails, or gives what a search
    cannot use.
    """
    candidate = _call(f"{type(task).__name__}.candidate", lambda: task.candidate(configuration))
    if not hasattr(candidate, "training"):
        raise _wrong(f"{type(task).__name__}.candidate", candidate, "derive it from ecojax.Candidate")
    name = type(candidate).__name__
    _call(f"{name}.signature", lambda: hash(candidate.signature))
    known = _call(f"{name}.known", candidate.known)
    _require_figures(task, known, "built", f"{name}.known")
    training = _call(f"{name}.training", candidate.training)
    if training is None:
        inference = _call(f"{name}.inference", candidate.inference)
        work = f"{name}.judge" if type(candidate).work is Candidate.work else str(candidate)
        judged = _call(
            work, lambda: candidate.work(lambda *_: True)
        )  # no further than to what it tells first
        if judged is not None:
            _require_figures(task, judged, "trained", work)
    else:
        state = _trained(task, training, compiled)
        inference = _call(f"{name}.inference", lambda: candidate.inference(state))
    if inference is not None:
        _require_inference(inference, f"{name}.inference")
    return str(candidate) if type(candidate).__str__ is not object.__str__ else name


def _trained(task: Task, training: Training, compiled: Callable[[Training], Mapping[str, Any]]) -> Any:
    name = type(training).__name__
    for what in ("steps", "pass_steps"):
        number = _call(f"{name}.{what}", partial(getattr, training, what))
        if not isinstance(number, int) or number < 1:
            raise _wrong(f"{name}.{what}", number, "make it a whole number of at least 1")
    if _call(f"{name}.program", lambda: training.program) is not None:
        run = _call(f"{name}.lowered", lambda: compiled(training))
        _call(f"{name}.use", lambda: training.use(run))
    state = _call(f"{name}.start", lambda: training.start(0))
    advanced = _call(f"{name}.advance", lambda: training.advance(state, 0, 1))
    if not isinstance(advanced, tuple) or len(advanced) != 2:
        raise _wrong(f"{name}.advance", advanced, "return the state and the mean loss, as a pair")
    state, loss = advanced
    try:
        float(loss)
    except (TypeError, ValueError):
        raise _wrong(f"{name}.advance", loss, "the loss is to be a number", "gives a loss of") from None
    judged = _call(f"{name}.judge", lambda: training.judge(state))
    _require_figures(task, judged, "trained", f"{name}.judge")
    arrays = _call(f"{name}.arrays", lambda: training.arrays(state))
    if not isinstance(arrays, Mapping) or any(np.asarray(one).dtype == object for one in arrays.values()):
        raise _wrong(f"{name}.arrays", arrays, "return NumPy arrays by name")
    return state


def _require_figures(task: Task, found: Any, when: str, method: str) -> None:
    if not isinstance(found, Mapping):
        raise _wrong(method, found, "return numbers by the names of the metrics")
    for metric in (metric for metric in task.metrics if metric.when == when):
        if metric.name not in found:
            given = ", ".join(map(str, found)) or "nothing"
            raise InputError(
                f"{method} gives {given} and no '{metric.name}', which {type(task).__name__}.metrics names; add it"
            )
    for name, value in found.items():
        try:
            math.isfinite(value)
        except TypeError:
            raise InputError(
                f"{method} gives {name} = {value!r}; make it a number, as float(...) does"
            ) from None


def _require_inference(inference: Any, method: str) -> None:
    if not isinstance(inference, Inference):
        raise _wrong(method, inference, "return an ecojax.Inference, or None where there is none")
    lengths = {leaf.shape[0] if leaf.shape else 0 for leaf in jax.tree.leaves(inference.ring)}
    if len(lengths) != 1 or min(lengths) < 2:
        raise InputError(
            f"{method}: its ring holds {lengths or 'no'} batches; stack at least two along the first axis"
        )
    if not isinstance(inference.count, int) or inference.count < 1:
        raise _wrong(
            f"{method}: its count", inference.count, f"say how many {inference.unit}s a call handles"
        )
    first = jax.tree.map(lambda leaf: leaf[0], inference.ring)
    _call(f"{method}: its fn", lambda: jax.eval_shape(inference.fn, inference.state, first))


def _call(method: str, do: Callable[[], Any]) -> Any:
    try:
        return do()
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"{method} fails: {told(error)}") from None


def _wrong(method: str, value: Any, mend: str, gives: str = "gives") -> InputError:
    shape = getattr(value, "shape", None)
    what = f"an array of shape {tuple(shape)}" if shape else repr(value)[:200]
    return InputError(f"{method} {gives} {what}; {mend}")
