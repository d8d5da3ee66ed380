"""Which device the driver's JAX may take hold of: the CPU alone, as the accelerators are the workers'."""

from collections.abc import Iterator
from contextlib import contextmanager

from ecojax.execute.places import accelerator_installed
from ecojax.jax_devices import initialised
from ecojax.session.loop import Listener


@contextmanager
def cpu_only(listener: Listener) -> Iterator[None]:
    """Keeps JAX in this process off accelerators until the block ends, and says so where it holds one already.

    A second process that takes hold of an accelerator takes its memory, too, and some can be held by one process only.
    Afterwards JAX is as it was: what it had not initialised before, it initialises anew. What the engine computes is
    computed on the CPU in either case.
    """
    import jax

    if initialised():
        held = jax.default_backend()
        if held != "cpu":
            listener.noted(
                f"this process holds the {held} that workers are to compute on: JAX keeps most of a GPU's memory for "
                "the process that comes first; start it with XLA_PYTHON_CLIENT_PREALLOCATE=false, search with "
                'executor="inline", or search in a process of its own'
            )
        yield
        return
    before = {name: jax.config.values[name] for name in ("jax_platforms", "jax_platform_name")}
    for name in before:
        jax.config.update(name, "cpu")
    try:
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        if before["jax_platforms"] != "cpu" and accelerator_installed():
            from jax.extend.backend import clear_backends

            clear_backends()
