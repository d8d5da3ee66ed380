"""Whether a user's model, loss and metrics fit their data and space: by shapes alone, before anything is compiled."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from ecojax.errors import InputError
from ecojax.tasks.code import told
from ecojax.tasks.own.task import OwnModel

LOOKED_AT = 8  # configurations, before a parameter is said to be ignored
BATCH = 4


class Recording(Mapping[str, Any]):
    """A configuration that notes which of its keys are read."""

    def __init__(self, configuration: Mapping[str, Any], read: set[str]):
        self._configuration, self._read = configuration, read

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return self._configuration[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._configuration)

    def __len__(self) -> int:
        return len(self._configuration)


def check(task: OwnModel) -> None:
    """Raises `InputError` naming the function that fails, gives a wrong shape or ignores a parameter."""
    shape = task.dataset.x_train.shape[1:]
    if task.augment and len(shape) != 3:
        raise InputError(
            f"augment=True is for images [height, width, channels], and a sample is of shape {shape}; leave it out"
        )
    _require_read(task)
    network = task.network(task.space.default())
    x = jax.ShapeDtypeStruct((BATCH, *network.input_shape), network.input_type)
    y = jax.ShapeDtypeStruct((BATCH,), task.dataset.y_train.dtype)
    outputs = _call("the model", lambda: jax.eval_shape(network.logits, network.abstract_weights, x))
    _call(
        "the model, in training",
        lambda: jax.eval_shape(
            lambda weights: network.training_logits(
                weights, network.normalise(jnp.zeros(x.shape, x.dtype)), dropout_rate=0.0, key=None
            )[0],
            network.abstract_weights,
        ),
    )
    if task.loss is None:
        classes = len(task.dataset.class_names)
        right = (BATCH, classes) if task.dataset.has_classes else (BATCH, 1)
        if outputs.shape != right and (task.dataset.has_classes or outputs.shape != (BATCH,)):
            what = f"{classes} logits, one a class" if task.dataset.has_classes else "one number"
            raise InputError(
                f"the model gives outputs of shape {outputs.shape} for {BATCH} samples; the data need {what}, a "
                f"sample: {right}; or give a loss"
            )
    for name, function in (("loss", task.loss), *((f"metrics[{name!r}]", fn) for name, fn, _ in task.scores)):
        if function is None:
            continue
        found = _call(name, lambda function=function: jax.eval_shape(function, outputs, y))  # type: ignore[misc]
        shape = getattr(found, "shape", None)
        if shape not in ((), (BATCH,)):
            raise InputError(
                f"{name} gives {'an array of shape ' + str(shape) if shape else type(found).__name__} for {BATCH} "
                "samples; return one number, or one a sample"
            )
    if task.optimizer is not None:
        program = task.program(task.space.default())
        _call("optimizer", lambda: program.optimizer.make())  # type: ignore[union-attr]


def _require_read(task: OwnModel) -> None:
    own = {parameter.name for parameter in task.parameters} & {one.name for one in task.space}
    read: set[str] = set()
    points = np.random.default_rng(0).random((LOOKED_AT, len(task.space)))
    for configuration in (task.space.default(), *(task.space.decode(point) for point in points)):
        mine = {name: value for name, value in configuration.items() if name in own}
        seen = Recording(mine, read)
        _call("model", lambda seen=seen: nnx.eval_shape(lambda: _built(task.build, seen)))  # type: ignore[misc]
        if callable(task.optimizer) and not isinstance(task.optimizer, tuple):
            _call("optimizer", lambda of=configuration: _of(task.optimizer, Recording(of, read)))  # type: ignore[misc]
        if own - task.of_recipe <= read:
            return
    ignored = sorted(own - task.of_recipe - read)
    raise InputError(
        f"the model ignores {', '.join(map(repr, ignored))} of its space; read configuration[{ignored[0]!r}], or "
        "drop it"
    )


def _built(build: Callable[..., Any], configuration: Recording) -> nnx.Module:
    built = build(configuration, nnx.Rngs(0))
    return built if isinstance(built, nnx.Module) else nnx.Module()  # a Linen module has no variables yet


def _of(optimizer: Callable[..., Any], configuration: Recording) -> None:
    import inspect

    optimizer(*(configuration, 1)[: len(inspect.signature(optimizer).parameters)])


def _call(what: str, do: Callable[[], Any]) -> Any:
    try:
        return do()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{what} fails: {told(error)}") from None
