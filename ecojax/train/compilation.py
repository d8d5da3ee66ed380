"""XLA's persistent compilation cache: a shape compiled once is not compiled again by the next process."""

import os
from pathlib import Path


def use_persistent_cache(folder: Path | None = None) -> None:
    """Keeps every compiled program in `folder` (default `$ECOJAX_CACHE_DIR/xla` or `~/.cache/ecojax/xla`).

    A cache that JAX has been told of already (`JAX_COMPILATION_CACHE_DIR`) stays in place.
    """
    import jax

    if getattr(jax.config, "jax_compilation_cache_dir", None) is None:
        chosen = os.environ.get("ECOJAX_CACHE_DIR")
        cache = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "ecojax"
        jax.config.update("jax_compilation_cache_dir", str(folder or cache.expanduser() / "xla"))
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)
