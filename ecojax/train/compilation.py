"""How training programs are compiled: kept for the next process, and without what small ones do not repay."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ecojax.folders import cache_folder
from ecojax.jax_devices import cpu_device, platform
from ecojax.jax_settings import computing

# StableHLO operations. Up to about 2,200, programs of plain convolutions and of perceptrons were compiled in six tenths
# of the time and ran as fast; from 4,100 on, residual and depthwise ones gained nothing, and some ran a third slower.
SMALL = 2500
# XLA's older emitters of loops, on the CPU only
QUICK: dict[str, bool | str] = {"xla_cpu_use_fusion_emitters": False}


def compiled(lowered: Any) -> Any:
    """`lowered.compile()`, with fewer pains over a small program on a CPU. What it computes stays the same."""
    if platform() == "cpu" and lowered.as_text().count(" = ") < SMALL and _has_quick_option():
        return lowered.compile(compiler_options=QUICK)
    return lowered.compile()


@cache
def _has_quick_option() -> bool:
    """Whether this version of XLA knows it."""
    import jax

    try:
        with computing(cpu_device()):
            jax.jit(lambda x: x + 1).lower(1.0).compile(compiler_options=QUICK)
    except (RuntimeError, ValueError):
        return False
    return True


CACHE = (
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_entry_size_bytes",
    "jax_persistent_cache_min_compile_time_secs",
)


@contextmanager
def persistent_cache() -> Iterator[None]:
    """`use_persistent_cache` until the block ends: for a process with other programs to compile."""
    import jax

    before = {name: getattr(jax.config, name) for name in CACHE}
    try:
        use_persistent_cache()
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        _look_again()


def use_persistent_cache(folder: Path | None = None) -> None:
    """Keeps every compiled program in `folder` (default `$ECOJAX_CACHE_DIR/xla` or `~/.cache/ecojax/xla`).

    A cache that JAX has been told of already (`JAX_COMPILATION_CACHE_DIR`) stays in place.
    """
    import jax

    if getattr(jax.config, "jax_compilation_cache_dir", None) is None:
        chosen = os.environ.get("ECOJAX_CACHE_DIR")
        cache = Path(chosen).expanduser() if chosen else cache_folder()
        jax.config.update("jax_compilation_cache_dir", str(folder or cache.absolute() / "xla"))
        _look_again()
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)


def _look_again() -> None:
    """Makes JAX find its cache anew: it looks where that is once, when it first compiles."""
    from jax.experimental.compilation_cache import compilation_cache

    compilation_cache.reset_cache()
