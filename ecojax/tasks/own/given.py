"""What a user gives in Python for a model of their own, and the task that is made of it with a search's settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ecojax.errors import DataError, InputError
from ecojax.space import Parameter
from ecojax.space.parameters import named
from ecojax.tasks.code import load_object, require_place
from ecojax.tasks.own.task import OwnModel

WAYS = ("min", "max", "minimize", "maximize")


@dataclass(frozen=True)
class OwnGiven:
    """Makes an `OwnModel`; functions are given as they are or by their place, "mine.py:build".

    data: a pair of arrays, two or three pairs (training, validation, test), or a dataset's name or path.
    metrics: functions of (outputs, y) with "max" or "min", by name.
    """

    model: Any
    parameters: tuple[Parameter, ...]
    data: Any
    loss: Any = None
    metrics: tuple[tuple[str, Any, str], ...] = ()
    optimizer: Any = None
    augment: bool = False
    ema: bool = False

    def __call__(
        self,
        seed: int,
        epochs: int,
        inference_batch: int,
        precision: str,
        pin: Mapping[str, Any],
        train_size: int | None,
        validation_size: int | None,
        data_dir: str | None,
    ) -> OwnModel:
        from ecojax.tasks.own.check import check

        dataset = self._dataset(train_size, validation_size, seed, data_dir)
        if inference_batch > len(dataset.x_train):
            raise DataError(
                f"inference_batch={inference_batch} exceeds the {len(dataset.x_train)} training samples that energy is "
                "measured on; lower it"
            )
        task = OwnModel(
            dataset,
            loaded(self.model, "model"),
            self.parameters,
            loss=loaded(self.loss, "loss"),
            scores=tuple((name, loaded(metric, "metrics"), way) for name, metric, way in self.metrics),
            optimizer=loaded(self.optimizer, "optimizer"),
            augment=self.augment,
            ema=self.ema,
            epochs=epochs,
            inference_batch=inference_batch,
            precision=precision,
            pins=pin,
        )
        check(task)
        return task

    def _dataset(
        self, train_size: int | None, validation_size: int | None, seed: int, data_dir: str | None
    ) -> Any:
        from ecojax.data import load
        from ecojax.data.arrays import of_arrays

        sizes: dict[str, Any] = {"train_size": train_size, "validation_size": validation_size, "seed": seed}
        if isinstance(self.data, str):
            return load(self.data, data_dir=data_dir, **sizes)
        pairs = list(self.data) if isinstance(self.data[0], tuple | list) else [self.data]
        validation, test = [*pairs[1:], None, None][:2]
        return of_arrays(*pairs[0], validation=validation, test=test, **sizes)

    def for_workers(self) -> "OwnGiven":
        """The same with every function by its place. Raises `InputError` naming one that workers cannot load."""
        return replace(
            self,
            model=require_place(self.model, "model"),
            loss=require_place(self.loss, "loss"),
            metrics=tuple(
                (name, require_place(metric, f"metrics[{name!r}]"), way) for name, metric, way in self.metrics
            ),
            optimizer=require_place(self.optimizer, "optimizer"),
        )


def given(
    model: Any, space: Any, data: Any, loss: Any, metrics: Any, optimizer: Any, augment: bool, ema: bool
) -> OwnGiven:
    """What was given, in one form. Raises `InputError` for what is none of the forms that each may have."""
    if not callable(model) and not isinstance(model, str):
        raise InputError(
            f"model is a {type(model).__name__}; give a function of (configuration, rngs) that returns a Flax module, "
            'or its place, "mine.py:build"'
        )
    if data is None:
        raise InputError("model needs data; give data=(x, y), or the name or path of a dataset")
    if not isinstance(data, str):
        pairs = (
            data if isinstance(data, tuple | list) and data and isinstance(data[0], tuple | list) else (data,)
        )
        if len(pairs) > 3 or not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
            raise InputError(
                "data is no pair of arrays; give (x, y), or ((x, y), (x_validation, y_validation), (x_test, y_test))"
            )
    for name, function in (("loss", loss), ("optimizer", optimizer)):
        if not (function is None or callable(function) or isinstance(function, str | tuple)):
            raise InputError(f"{name} is a {type(function).__name__}; give a function, or its place")
    scores = []
    for name, score in (metrics or {}).items():
        if not isinstance(score, tuple | list) or len(score) != 2 or score[1] not in WAYS:
            raise InputError(f'metrics[{name!r}] is {score!r}; give a pair such as (function, "max")')
        scores.append((name, score[0], score[1]))
    return OwnGiven(model, parameters_of(space), data, loss, tuple(scores), optimizer, augment, ema)


def parameters_of(space: Any) -> tuple[Parameter, ...]:
    """Parameters from a list of them, or from a dict of nameless ones by name."""
    if space is None:
        return ()
    if isinstance(space, Parameter):
        return (space,)
    found = space.items() if isinstance(space, Mapping) else ((None, one) for one in space)
    parameters = []
    for name, parameter in found:
        if not isinstance(parameter, Parameter):
            raise InputError(f"space holds {parameter!r}, which is no parameter; give Int, Float or Choice")
        if name is None and not parameter.name:
            raise InputError('a parameter of space has no name; give a dict, {"width": ecojax.Int(32, 128)}')
        parameters.append(parameter if name is None else named(parameter, name))
    return tuple(parameters)


def loaded(thing: Any, named_as: str) -> Any:
    return load_object(thing, f"{named_as}={thing!r}") if isinstance(thing, str) else thing
