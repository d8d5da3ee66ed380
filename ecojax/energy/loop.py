"""The on-device inference loop: many calls of a model in one program, none of which XLA can leave out.

A host loop over a small model measures dispatch (85 µs instead of 4 µs); a device loop whose body does not need
what the last iteration made is hoisted, and measures nothing. Hence, in every iteration here:

- the batch is picked from a ring of different ones by an index that depends on the carry: it moves by one where
  the carry is NaN. A carry that passes the gates never is, but XLA cannot know;
- parameters and batch pass an optimisation barrier together with the carry, so that work on the parameters
  alone (casts, transposes) is done in every call, as it is outside of a loop;
- every element of every output is folded into the carry, as a sum of squares (no sign, so nothing cancels in
  the checksum), behind a barrier again: outputs are written to memory as a plain call writes them.

The inner loop has a static bound, since a GPU must ask the host about any other. It sits in an outer loop whose
bound is an argument: so one compilation serves N, 2N and windows of any length.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecojax.errors import InputError, MeterError

if TYPE_CHECKING:
    import jax

# The float32 sum of as many equal terms is off by 2.4e-4 at worst, a twentieth of its tolerance.
MAX_STEPS = 4096
# XLA's own loop costs 0.3 µs an iteration on a CPU, 8 % of a tiny network's call. A call from the host that takes less
# than this, dispatch of some 20 µs included, may be as short; longer ones are not worth the compiling.
SHORT_CALL_S, UNROLLED = 50e-6, 4


@dataclass(frozen=True)
class InferenceLoop:
    """A compiled loop. One pass makes `steps` calls of the model; `run(passes)` waits and gives the checksum."""

    run: Callable[[int], float]
    steps: int
    expected_checksum: float
    compile_s: float
    precision: str
    tolerance: float


def checksum(outputs: Any) -> "jax.Array":
    """Sum of the squares of every element of the pytree `outputs`, a float32 scalar."""
    import jax
    import jax.numpy as jnp

    def squares(leaf: jax.Array) -> jax.Array:
        magnitude = jnp.abs(leaf) if jnp.iscomplexobj(leaf) else leaf
        return jnp.sum(jnp.square(magnitude.astype(jnp.float32)))

    return sum((squares(leaf) for leaf in jax.tree.leaves(outputs)), jnp.float32(0))


def compile_loop(
    fn: Callable[[Any, Any], Any],
    state: Any,
    ring: Any,
    *,
    pass_s: float,
    fold: "Callable[[Any], jax.Array]" = checksum,
) -> InferenceLoop:
    """Compile the plain call and the loop, for passes of about `pass_s` seconds or one call, if that is longer.

    fn: `fn(state, batch)` gives a pytree of arrays; pure and traceable.
    state: pytree of arrays, traced. ring: pytree of arrays [ring, batch, ...], on one device.
    fold: what is kept of the outputs (tests set a trap here).
    Raises MeterError where the outputs do not depend on the batch, InputError where there are none.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax import lax

    batches = jax.tree.leaves(ring)[0].shape[0]

    def pick(index: "int | jax.Array") -> Any:
        return jax.tree.map(lambda leaf: lax.dynamic_index_in_dim(leaf, index, keepdims=False), ring)

    began = time.perf_counter()
    traced = jax.jit(fn).trace(state, jax.tree.map(lambda leaf: leaf[0], ring))
    _require_dependence(traced.jaxpr, n_state=len(jax.tree.leaves(state)))
    plain = traced.lower().compile()
    compile_s = time.perf_counter() - began

    # After one to warm up, the fastest of three calls bounds the time of an inference from above: dispatch is in it.
    first = pick(0)
    jax.block_until_ready(plain(state, first))
    call_s = math.inf
    for _ in range(3):
        began = time.perf_counter()
        jax.block_until_ready(plain(state, first))
        call_s = min(call_s, time.perf_counter() - began)
    steps = _steps(pass_s / call_s, batches)
    unrolled = UNROLLED if call_s < SHORT_CALL_S and steps % UNROLLED == 0 else 1

    def program(state: Any, ring: Any, carry: "jax.Array", passes: "jax.Array") -> "jax.Array":
        def step(i: "jax.Array", carry: "jax.Array") -> "jax.Array":
            index = (i + jnp.isnan(carry)) % batches
            batch = jax.tree.map(lambda leaf: lax.dynamic_index_in_dim(leaf, index, keepdims=False), ring)
            carry, now_state, batch = lax.optimization_barrier((carry, state, batch))
            return carry + fold(lax.optimization_barrier(fn(now_state, batch)))

        def some_steps(i: "jax.Array", carry: "jax.Array") -> "jax.Array":
            for k in range(unrolled):
                carry = step(i * unrolled + k, carry)
            return carry

        def one_pass(_: "jax.Array", carry: "jax.Array") -> "jax.Array":
            return lax.fori_loop(0, steps // unrolled, some_steps, carry)

        return lax.fori_loop(0, passes, one_pass, carry)

    device = next(iter(jax.tree.leaves(ring)[0].devices()))
    zero = jax.device_put(np.float32(0), device)
    began = time.perf_counter()
    count = jax.ShapeDtypeStruct((), jnp.int32)
    compiled = jax.jit(program).lower(state, ring, zero, count).compile()
    compile_s += time.perf_counter() - began

    def run(passes: int) -> float:
        argument = jax.device_put(np.int32(passes), device)
        return float(jax.device_get(compiled(state, ring, zero, argument).block_until_ready()))

    outputs = {aval.dtype for aval in traced.jaxpr.out_avals}
    total = jax.jit(checksum)
    sums = [float(total(plain(state, pick(k)))) for k in range(min(steps, batches))]
    multiplied = _multiplied(traced.jaxpr.jaxpr) or outputs
    coarse = any(jnp.issubdtype(t, jnp.floating) and jnp.finfo(t).bits < 32 for t in multiplied | outputs)
    return InferenceLoop(
        run=run,
        steps=steps,
        expected_checksum=math.fsum(sums[i % batches] for i in range(steps)),
        compile_s=compile_s,
        precision="+".join(sorted(map(str, multiplied))),
        # Two programs may round differently: 2^-8 an element in bfloat16, TensorFloat-32 products in float32.
        tolerance=3e-2 if coarse else 5e-3,
    )


def _steps(wanted: float, batches: int) -> int:
    """Calls a pass: whole turns of the ring where there is time for one, two calls at least."""
    if wanted < batches:
        return max(2, math.ceil(wanted))
    turns = min(math.ceil(wanted / batches), max(1, MAX_STEPS // batches))
    return turns * batches


def _require_dependence(jaxpr: Any, *, n_state: int) -> None:
    from jax.interpreters.partial_eval import dce_jaxpr

    if not jaxpr.out_avals:
        raise InputError("The function to measure gives back no arrays; let it return its outputs.")
    _, used = dce_jaxpr(jaxpr.jaxpr, [True] * len(jaxpr.out_avals))
    if not any(used[n_state:]):
        raise MeterError(
            "The function's outputs do not depend on its batch, so there is no inference to measure; use the "
            "batch, or check which arguments were bound."
        )


def _multiplied(jaxpr: Any) -> set[Any]:
    """The types that enter matrix products and convolutions, at any depth."""
    found: set[Any] = set()
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("dot_general", "conv_general_dilated"):
            found.update(operand.aval.dtype for operand in equation.invars)
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    found |= _multiplied(inner)
    return found
