"""`per_call`: the whole protocol for any JAX callable and an example of its inputs."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from ecojax.energy.batches import RING, ring_of
from ecojax.energy.calibration import calibrate
from ecojax.energy.figure import Energy
from ecojax.energy.meter import Meter
from ecojax.energy.prepare import Prepared, noting, passes_of, prepare_calls
from ecojax.energy.protocol import measure_prepared
from ecojax.errors import InputError
from ecojax.jax_devices import local_devices
from ecojax.jax_settings import unchecked

LONGEST_MESSAGE = 300  # characters of an error of JAX that are shown


@dataclass(frozen=True)
class Call:
    """A callable and its example inputs, split into what varies from call to call and what does not.

    fn: `fn(state, batch)`. state: pytree of arrays. example: pytree of arrays, one batch.
    """

    fn: Callable[[Any, Any], Any]
    state: Any
    example: Any

    def prepared(self, batch_size: int = 1, batches: int = RING) -> Prepared:
        """Compiled and gated over a ring made from the example. Raises as `per_call` does."""
        ring, notes = ring_of(self.example, batches)
        return noting(prepare_calls(self.fn, self.state, ring, batch_size=batch_size), *notes)


@unchecked()
def per_call(
    fn: Callable[..., Any],
    *args: Any,
    meter: Meter | str | None = None,
    batch_size: int | None = None,
    vary: Sequence[int] | None = None,
    confidence_target: float = 0.05,
    max_windows: int = 20,
    max_seconds: float = 30.0,
) -> Energy:
    """The energy of one call `fn(*args)`, by the protocol of `per_inference`, with idle power and the net figure.

        energy = per_call(jax.jit(network.apply), params, x, batch_size=64)
        print(energy.per_sample_j, energy.per_sample_ci95_j, energy.per_call_j, energy.provenance)

    fn: any function that JAX can trace; pure. args: example inputs, pytrees of arrays.
    meter: as `open_meter` takes it; None opens the automatic one.
    batch_size: samples in a call, by which `per_sample_j` is divided. It may be left out where the arguments that
        vary have no first axis, or one of 1: a call is one sample then. Elsewhere only you know.
    vary: positions of the arguments that differ from call to call; by default the last, as in `apply(params, x)`.
        Those get four different batches, made from the example by small factors on floating point numbers and by
        rolling whole numbers (`ecojax/energy/batches.py` says how, and why that is sound). The others are the same
        in every call, and their use is not hoisted out of it.
    confidence_target, max_windows, max_seconds: as in `per_inference`.

    Raises InputError where `fn` cannot be traced, returns nothing or something else than arrays, or changes a model's
    state as in train mode, and where `batch_size` is missing; MeterError where a gate fails (outputs that do not
    depend on what varies, a function too fast to be timed) or the meter does.
    """
    from ecojax.energy.meters.choose import open_meter

    call = as_call(fn, args, vary=vary)
    batch_size = _samples(_name(fn), call.example, batch_size)
    opened = open_meter(meter) if meter is None or isinstance(meter, str) else nullcontext(meter)
    with opened as meter:
        start = meter.read()
        prepared = call.prepared(batch_size)
        return measure_prepared(
            prepared,
            meter,
            opened=start,
            confidence_target=confidence_target,
            max_windows=max_windows,
            max_seconds=max_seconds,
            calibration=calibrate(meter, lambda: prepared.loop.run(passes_of(prepared, 0.2))),
        )


def as_call(fn: Callable[..., Any], args: Sequence[Any], *, vary: Sequence[int] | None = None) -> Call:
    """`fn(*args)` as a `Call`. Raises InputError where that is none that JAX can trace to arrays."""
    import jax

    local_devices()  # where there is none, the inputs are not what is wrong
    name = _name(fn)
    if not args or not jax.tree.leaves(tuple(args)):
        raise InputError(f"{name} has no example inputs; an inference is of something, so give it arrays.")
    args = _arrays(name, args)
    holding = [place for place, arg in enumerate(args) if jax.tree.leaves(arg)]
    places = sorted({place % len(args) for place in vary} if vary is not None else {holding[-1]})
    if not any(place in holding for place in places):
        raise InputError(
            f"{name}: vary={list(vary or ())} names no argument with arrays; there are {len(args)}."
        )
    _require_arrays_out(name, fn, args)

    def call(state: Any, batch: Any) -> Any:
        fixed, varying = iter(state), iter(batch)
        return fn(*(next(varying if place in places else fixed) for place in range(len(args))))

    return Call(
        call,
        tuple(arg for place, arg in enumerate(args) if place not in places),
        tuple(arg for place, arg in enumerate(args) if place in places),
    )


def _arrays(name: str, args: Sequence[Any]) -> tuple[Any, ...]:
    import jax
    import jax.numpy as jnp

    def array(leaf: Any) -> Any:
        try:
            return jnp.asarray(leaf)
        except (TypeError, ValueError):
            raise InputError(
                f"{name}: an example input is a {type(leaf).__name__}, which is no array; bind it with "
                "functools.partial and give the arrays."
            ) from None

    return tuple(jax.tree.map(array, tuple(args)))


def _require_arrays_out(name: str, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
    import jax

    def with_arguments(*args: Any) -> Any:
        """A model among the arguments changes while it is called, where it is in train mode."""
        outputs = fn(*args)
        return outputs, jax.tree.leaves(args)

    try:
        jaxpr, (outputs, after) = jax.make_jaxpr(with_arguments, return_shape=True)(*args)
    except Exception as error:
        # flax's: a model that the function holds was to change
        if type(error).__name__ == "TraceContextError":
            raise _in_train_mode(name) from None
        message = str(error).split("\n")[0].strip()
        if len(message) > LONGEST_MESSAGE:
            message = f"{message[:LONGEST_MESSAGE]}…"
        raise InputError(
            f"{name} cannot be traced by JAX over its example inputs ({type(error).__name__}: {message}); give a "
            "function of arrays that returns arrays."
        ) from error
    if not jax.tree.leaves(outputs):
        raise InputError(f"{name} gives back no arrays; let it return its outputs.")
    traced = jaxpr.jaxpr
    kept = traced.outvars[len(traced.outvars) - len(after) :]
    if [_source(traced, variable) for variable in kept] != traced.invars:
        raise _in_train_mode(name)


def _source(jaxpr: Any, variable: Any) -> Any:
    """What `variable` is a copy of, through jitted calls that hand it on; itself where it was computed.

    Those of flax give back a model's whole state, whether or not it has changed.
    """
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("jit", "pjit") and variable in equation.outvars:
            inner = equation.params["jaxpr"].jaxpr
            source = _source(inner, inner.outvars[equation.outvars.index(variable)])
            if source in inner.invars:
                return _source(jaxpr, equation.invars[inner.invars.index(source)])
    return variable


def _in_train_mode(name: str) -> InputError:
    return InputError(
        f"{name} changes a model's state while it computes, as a model in train mode does (batch statistics, dropout); "
        "call model.eval() before it is measured"
    )


def _name(fn: Callable[..., Any]) -> str:
    """What to call a function in a message; a model's own text may be thousands of characters long."""
    while isinstance(fn, partial):
        fn = fn.func
    return getattr(fn, "__name__", type(fn).__name__)


def _samples(name: str, example: Any, batch_size: int | None) -> int:
    """The samples in a call, as given or where there can be but one. Raises InputError where only the caller knows."""
    import jax

    if batch_size is not None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise InputError(f"{name}: batch_size = {batch_size!r} must be a whole number of at least 1")
        return batch_size
    sizes = sorted({leaf.shape[0] for leaf in jax.tree.leaves(example) if leaf.ndim})
    if not sizes or sizes == [1]:
        return 1
    raise InputError(
        f"{name}: how many samples are in a call? Its inputs begin with an axis of {' and '.join(map(str, sizes))}; "
        f"give batch_size={sizes[-1]} if those are samples, or batch_size=1 if a call is one"
    )
