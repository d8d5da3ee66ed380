"""From a function to a load that may be measured: compiled, gated, warmed up, and sized for windows."""

import math
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ecojax.energy.gates import checksum_gate, enough_passes, ratio_gate
from ecojax.energy.loop import InferenceLoop, compile_loop
from ecojax.errors import InputError
from ecojax.jax_devices import local_devices


@dataclass(frozen=True)
class Prepared:
    """A loop that has passed its gates, with everything a figure of it states.

    batch_size: samples in a call. pass_s: seconds a pass. flops: of one call.
    """

    loop: InferenceLoop
    batch_size: int
    pass_s: float
    gates: dict[str, float]
    input_shape: str
    device: str
    flops: float | None = None
    peak_flops: float | None = None
    notes: tuple[str, ...] = ()


def prepare(
    fn: Callable[[Any, Any], Any],
    state: Any,
    ring: Any,
    *,
    batch_size: int,
    flops: float | None = None,
    peak_flops: float | None = None,
) -> Prepared:
    """Compiles the loop over `ring`, passes it through its gates, and finds how long a pass takes.

    The arguments are those of `per_inference`. Raises MeterError where a gate fails, InputError where the arguments
    do not fit together.
    """
    _require_ring(ring, batch_size)
    return prepare_calls(fn, state, ring, batch_size=batch_size, flops=flops, peak_flops=peak_flops)


def prepare_calls(
    fn: Callable[[Any, Any], Any],
    state: Any,
    ring: Any,
    *,
    batch_size: int,
    flops: float | None = None,
    peak_flops: float | None = None,
) -> Prepared:
    """As `prepare`, for a ring of any arrays [ring, ...]: `batch_size` is taken at its word."""
    ring, state, device = _placed(ring, state)
    on_cpu = device.platform == "cpu"
    # A pass must dwarf its dispatch (85 µs), and on an accelerator the question to the host after each pass.
    loop = compile_loop(fn, state, ring, pass_s=0.02 if on_cpu else 0.1)
    # On a shared CPU the wall clock counts the neighbours too: with three busy processes on two cores, runs of one
    # loop scattered by a factor of 4 in wall time and by 3 % in CPU time of this process.
    clock = time.process_time if on_cpu else time.perf_counter

    def timed(passes: int) -> float:
        began = clock()
        loop.run(passes)
        return clock() - began

    gates = {"checksum_error": checksum_gate(loop)}
    # Runs of growing length warm up, and end with one of the length that the gate starts from.
    passes, run_s = enough_passes(timed, 0.015 if on_cpu else 0.05)
    gates["time_ratio"] = ratio_gate(timed, passes=passes)
    return Prepared(
        loop=loop,
        batch_size=batch_size,
        pass_s=run_s / passes,
        gates=gates,
        input_shape=_shape_of_one(ring),
        device=_cpu_name() if on_cpu else device.device_kind,
        flops=flops,
        peak_flops=peak_flops,
    )


def noting(prepared: Prepared, *notes: str) -> Prepared:
    """The same with `notes` added."""
    return replace(prepared, notes=prepared.notes + notes)


def passes_of(prepared: Prepared, seconds: float) -> int:
    """Passes that take about so many seconds, one at least."""
    return max(1, math.ceil(seconds / prepared.pass_s))


def _require_ring(ring: Any, batch_size: int) -> None:
    import jax

    leaves = jax.tree.leaves(ring)
    shapes = [tuple(getattr(leaf, "shape", ())) for leaf in leaves]
    if not leaves or any(len(shape) < 2 or shape[:2] != shapes[0][:2] for shape in shapes):
        raise InputError(
            f"A ring is arrays [ring, batch, ...] that agree in their first two sizes; these are {shapes}."
        )
    if shapes[0][0] < 2:
        raise InputError(
            "A ring of one batch lets the compiler reuse its result; give two or more different batches."
        )
    if shapes[0][1] != batch_size:
        raise InputError(
            f"The ring's batches hold {shapes[0][1]} samples where batch_size says {batch_size}."
        )


def _placed(ring: Any, state: Any) -> tuple[Any, Any, Any]:
    """Ring and state on one device, with that device. Raises InputError where the ring lies on several."""
    import jax

    leaves = jax.tree.leaves(ring)
    devices = {device for leaf in leaves if isinstance(leaf, jax.Array) for device in leaf.devices()}
    if len(devices) > 1:
        raise InputError(
            f"The ring lies on {len(devices)} devices; a figure is of one. Put it on one of them."
        )
    device = devices.pop() if devices else local_devices()[0]
    return jax.device_put(ring, device), jax.device_put(state, device), device


def _shape_of_one(ring: Any) -> str:
    import jax

    leaves = jax.tree.leaves(ring)
    return " ".join(f"{leaf.dtype}[{','.join(map(str, leaf.shape[1:]))}]" for leaf in leaves)


def _cpu_name() -> str:
    """The processor's own name; JAX calls every one of them "cpu"."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, None) or platform.processor() or platform.machine()
