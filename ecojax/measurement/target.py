"""What is to be measured, by name: `module.py:function` with its example inputs, or the folder of an exported model."""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecojax.errors import EcojaxError, InputError
from ecojax.importing import import_file
from ecojax.jax_settings import computing, unchecked
from ecojax.wording import option

if TYPE_CHECKING:
    import numpy as np

    from ecojax.energy.percall import Call
    from ecojax.models.network import FlaxNetwork

EXAMPLES = "example_inputs"
HOW = (
    f"give it a tuple `{EXAMPLES}` of arguments, or a function `{EXAMPLES}(batch_size)` that returns one, or let the "
    "function take no argument and return the pair (function, arguments)"
)


@dataclass(frozen=True)
class Target:
    """Something callable, at any batch size or at that of its examples alone.

    call: gives the call for a batch size; None asks for the examples as they are.
    batched: whether it takes a batch size. batch_size: the one that it is measured at unless told otherwise.
    notes: what a reader of its figures should know. settings: of JAX, under which it is called.
    """

    name: str
    call: "Callable[[int | None], Call]"
    batched: bool
    batch_size: int | None = None
    notes: tuple[str, ...] = ()
    settings: Callable[[], AbstractContextManager[None]] = unchecked


def resolve(name: str, model: str | None = None) -> Target:
    """`module.py:function`, or the folder of an exported model. Raises InputError where it is neither.

    model: where the function is that builds the model of a folder, "mine.py:build", for those of a user's own.

    The example inputs of a function are `example_inputs` in the same file: a tuple of arguments, or a function of
    none or of the batch size that returns one. Without it, the function itself is called, with nothing or with a
    parameter `batch_size`, for the pair (function, arguments). The file is executed, as by `python`.
    """
    if Path(name).is_dir():
        return _model(Path(name), model)
    if model is not None:
        raise InputError(
            f"{option('model', model)} goes with the folder of an exported model, and '{name}' is none; leave it out"
        )
    file, colon, function = name.rpartition(":")
    if not colon or not file.endswith(".py") or not function:
        raise InputError(
            f"'{name}' is neither the folder of an exported model nor a function; write module.py:function"
        )
    path = Path(file)
    if not path.is_file():
        raise InputError(
            f"there is no file '{file}'; give the path of the module, as in src/model.py:predict"
        )
    return _function(path, function, name)


def _function(path: Path, function: str, name: str) -> Target:
    module = import_file(path)
    fn = getattr(module, function, None)
    if not callable(fn):
        names = [n for n, value in vars(module).items() if inspect.isfunction(value) and n != EXAMPLES]
        raise InputError(f"'{path}' has no function '{function}'; it has {', '.join(names) or 'none'}")
    if inspect.isclass(fn):
        raise InputError(f"'{name}' is a class; give a function, or an instance of it that can be called")
    examples = getattr(module, EXAMPLES, None)
    if examples is None:
        return _factory(fn, name)
    if not callable(examples):
        return Target(name, lambda _: _as_call(fn, _arguments(examples, name)), batched=False)
    needed = [one.name for one in _parameters(examples) if one.default is one.empty]
    if len(needed) > 1:
        raise InputError(
            f"{EXAMPLES} of '{name}' takes {', '.join(needed)}; let it take the batch size alone, or nothing"
        )
    batched, make = bool(_parameters(examples)), examples

    def call(batch: int | None) -> "Call":
        made = _run(make, EXAMPLES, name, *([] if batch is None else [batch]))
        return _of_batch(_as_call(fn, _arguments(made, name)), batch, name)

    return Target(name, call, batched=batched, batch_size=_default(examples))


def _factory(fn: Callable[..., Any], name: str) -> Target:
    parameters = _parameters(fn)
    if [one for one in parameters if one.name != "batch_size"]:
        raise InputError(f"'{name}' has no example inputs; {HOW}")

    def call(batch: int | None) -> "Call":
        made = _run(
            fn, getattr(fn, "__name__", "it"), name, **({} if batch is None else {"batch_size": batch})
        )
        if not (isinstance(made, tuple) and len(made) == 2 and callable(made[0])):
            raise InputError(f"'{name}' returned a {type(made).__name__}, and has no example inputs; {HOW}")
        return _of_batch(_as_call(made[0], _arguments(made[1], name)), batch, name)

    return Target(name, call, batched=bool(parameters), batch_size=_default(fn))


def _run(make: Callable[..., Any], what: str, name: str, *arguments: Any, **keywords: Any) -> Any:
    """What the user's function gives. Raises InputError where it raises."""
    try:
        return make(*arguments, **keywords)
    except EcojaxError:
        raise
    except Exception as error:
        message = " ".join(str(error).split())
        raise InputError(f"{what} of '{name}' does not run: {type(error).__name__}: {message}") from error


def _of_batch(call: "Call", batch: int | None, name: str) -> "Call":
    """The call. Raises InputError where no axis of its inputs is as long as the batch that they were asked for."""
    import jax

    shapes = [leaf.shape for leaf in jax.tree.leaves((call.state, call.example))]
    if batch is not None and any(shapes) and not any(batch in shape for shape in shapes):
        raise InputError(
            f"'{name}' was asked for inputs of batch size {batch} and gave the shape{'s' if len(shapes) > 1 else ''} "
            f"{', '.join(map(str, shapes))}; let one axis be the batch, or take no batch size"
        )
    return call


def _default(fn: Callable[..., Any]) -> int | None:
    """The default of the only parameter, where it is a whole number; 64 where it has none."""
    parameters = _parameters(fn)
    if not parameters:
        return None
    default = parameters[0].default
    return default if type(default) is int else 64


def _parameters(fn: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):  # builtins have none to show
        return []


def _arguments(made: Any, name: str) -> tuple[Any, ...]:
    if not isinstance(made, tuple | list):
        raise InputError(
            f"the example inputs of '{name}' are a {type(made).__name__}; give a tuple of arguments, as in (x,)"
        )
    return tuple(made)


def _as_call(fn: Callable[..., Any], arguments: tuple[Any, ...]) -> "Call":
    from ecojax.energy.percall import as_call

    return as_call(fn, arguments)


def _model(folder: Path, builder: str | None) -> Target:
    from ecojax.export import load

    model = load(folder, model=builder)
    labelled = model.energy.get("batch_size")

    def call(batch: int | None) -> "Call":
        from ecojax.energy.percall import Call

        return Call(model.network.logits, model.weights, _drawn(model.network, batch or labelled or 64))

    return Target(
        f"{folder} ({model.network.family})",
        call,
        batched=True,
        batch_size=labelled if type(labelled) is int else 64,
        notes=(f"the {model.description.samples} were random; real ones may draw slightly less power",),
        settings=computing,
    )


def _drawn(network: "FlaxNetwork", size: int) -> "np.ndarray":
    """Random inputs of a network's shape and type: any bytes, or numbers spread as those that it was trained on."""
    import numpy as np

    rng, shape, dtype = np.random.default_rng(0), (size, *network.input_shape), np.dtype(network.input_type)
    if dtype == np.uint8:
        return rng.integers(0, 256, shape, np.uint8)
    if dtype.kind == "f":
        normal = rng.normal(size=shape)
        return (normal * network.std + network.mean if network.mean else normal).astype(dtype)
    return rng.integers(0, 2, shape).astype(dtype)
