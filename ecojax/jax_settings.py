"""The JAX settings that ecojax computes under, and the switches that change its figures all the same.

JAX takes settings from the environment (`JAX_ENABLE_X64`, ...) and from the program around (`jax.config.update`); those
were made for other programs. `computing()` puts ecojax's own in their place for a block, in this thread, and leaves
those of the process as they are; `settle()` does so for good in a process that is ecojax's. What neither sets because
it is the user's decision, and changes results, is what `switches()` names: a study records it.
"""

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

# that decide what is computed
NUMERICS: dict[str, Any] = {
    "enable_x64": False,
    "default_prng_impl": "threefry2x32",
    "threefry_partitionable": True,
    "random_seed_offset": 0,
    "numpy_dtype_promotion": "standard",
}
# that find faults in a program, by refusing what is legal or by running it otherwise
CHECKS: dict[str, Any] = {
    "disable_jit": False,
    "transfer_guard": "allow",
    "numpy_rank_promotion": "allow",
    "debug_nans": False,
    "debug_infs": False,
    "debug_key_reuse": False,
    "check_tracer_leaks": False,
    "allow_f16_reductions": True,
    "legacy_prng_key": "allow",
    "raise_persistent_cache_errors": False,
    "enable_pgle": False,  # compiles anew after some runs
}
# beside XLA_FLAGS, what compilers and libraries below JAX take from the environment
VARIABLES = ("LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE")
RECORDED = ("jax_default_matmul_precision", "jax_optimization_level")
DEFAULTS = (None, "", "UNKNOWN")  # of those recorded
# flags of XLA that say where files go and how compiling is shared out
NO_FIGURE = (
    "--xla_dump",
    "--xla_force_host_platform_device_count",
    "--xla_gpu_cuda_data_dir",
    "--xla_gpu_force_compilation_parallelism",
)


@contextmanager
def computing(device: Any = None, *, x64: bool = False) -> Iterator[None]:
    """Computes under ecojax's settings until the block ends, in this thread.

    device: where, unless arrays lie elsewhere; None leaves that as it is. x64: whether there are 64-bit types.
    """
    import jax

    with ExitStack() as stack:
        _enter(stack, NUMERICS | CHECKS | {"enable_x64": x64})
        if device is not None:
            stack.enter_context(jax.default_device(device))
        yield


@contextmanager
def unchecked() -> Iterator[None]:
    """Runs a stranger's program until the block ends: its numerics are its own, checks of JAX are off."""
    with ExitStack() as stack:
        _enter(stack, CHECKS)
        yield


def settle() -> None:
    """Sets ecojax's settings for all threads, for good: for a process that computes for nobody else."""
    import jax

    for name, value in _known(NUMERICS | CHECKS).items():
        jax.config.update(f"jax_{name}", value)
    jax.config.update("jax_default_device", None)


def switches() -> str:
    """What is set in this process that changes figures and that ecojax does not set, as text; "none" where nothing is.

    For instance "NVIDIA_TF32_OVERRIDE=0, XLA_FLAGS=--xla_cpu_enable_fast_math=true".
    """
    import jax

    found = {name: " ".join(os.environ[name].split()) for name in VARIABLES if os.environ.get(name)}
    for name in RECORDED:
        value = jax.config.values.get(name)
        if value not in DEFAULTS:
            found[name.upper()] = str(value)
    if flags := _xla_flags(os.environ.get("XLA_FLAGS", "")):
        found["XLA_FLAGS"] = flags
    return ", ".join(f"{name}={value}" for name, value in sorted(found.items())) or "none"


def complaint(error: Exception) -> str | None:
    """A sentence about a value in the environment that JAX does not take, where that is what `error` says."""
    found = re.search(r"for (?:environment '(\w+)'|JAX flag (\w+))", str(error))
    if found is None:
        return None
    name = (found[1] or found[2]).upper()
    value = os.environ.get(name)
    return None if value is None else f"JAX does not take {name}={value}; unset it, or correct the value"


def _enter(stack: ExitStack, settings: dict[str, Any]) -> None:
    import jax

    for name, value in _known(settings).items():
        if hasattr(jax, name):
            stack.enter_context(getattr(jax, name)(value))
        else:  # of the process alone
            stack.callback(jax.config.update, f"jax_{name}", getattr(jax.config, f"jax_{name}"))
            jax.config.update(f"jax_{name}", value)


def _known(settings: dict[str, Any]) -> dict[str, Any]:
    """Those that this version of JAX has."""
    import jax

    known = jax.config.values
    return {name: value for name, value in settings.items() if f"jax_{name}" in known}


def _xla_flags(text: str) -> str:
    """Those that may change figures, in order of their names; of one given twice the last counts, as with XLA."""
    if text.strip() and not text.lstrip().startswith("-"):  # XLA then takes it for a file of flags
        text = Path(text.strip()).read_text(encoding="utf-8")
    flags = {flag.partition("=")[0]: flag for flag in shlex.split(text)}
    return " ".join(flag for name, flag in sorted(flags.items()) if not name.startswith(NO_FIGURE))
