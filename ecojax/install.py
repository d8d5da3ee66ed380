"""How to install what is missing, and what in this environment is installed wrongly.

The package index has an unrelated package that is called `ecojax` as well (this one's distribution is
`ecojax-tuner`), so a command never names the package: it is typed in the folder of the clone, and names that.
"""

import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import Distribution

DISTRIBUTION = "ecojax-tuner"
NAMESAKE = "ecojax"  # the index's, an ecosystem simulator; until 0.1.0 also what this distribution was called
STAMP = ".ecojax-installed"  # what scripts/bootstrap.sh leaves in a .venv of its making
METHOD = "arxiv.org/abs/2601.08991"  # in the metadata of every distribution of ours, whatever its name
CUDA_PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin")

# What `import` calls the packages that ecojax depends on, without extras.
MODULES = frozenset(
    (
        *(
            "annotated_types",
            "array_record",
            "evosax",
            "flax",
            "importlib_resources",
            "jax",
            "jaxlib",
            "matplotlib",
            "numpy",
            "optax",
        ),
        *("orbax", "pydantic", "pynvml", "rich", "sklearn", "tensorflow_datasets", "typer"),
    )
)


def how_to_install(*extras: str) -> str:
    """The command that adds `extras` to the environment in which this runs; without any, what ecojax itself needs.

    `pip install '.[ray]'`, or where scripts/ecojax made the environment, which may have no pip,
    `scripts/ecojax --with ray`.
    """
    if Path(sys.prefix, STAMP).exists():
        command = f"scripts/ecojax --with {','.join(extras)}" if extras else "scripts/ecojax"
    else:
        command = f"pip install '.[{','.join(extras)}]'" if extras else "pip install ."
    return f"`{command}` in the folder of ecojax's clone"


def missing(error: ModuleNotFoundError) -> str:
    """What to say where one of the packages that ecojax depends on is not installed; "" for any other module."""
    module = (error.name or "").partition(".")[0]
    return (
        f"the package {module} is missing, and this needs it; run {how_to_install()}"
        if module in MODULES
        else ""
    )


def complaints(
    distribution: "Callable[[str], Distribution] | None" = None, find: Callable[[str], Any] = find_spec
) -> Iterator[str]:
    """What is installed in this environment that spoils ecojax, each with its remedy; nothing where all is well.

    distribution, find: for tests.
    """
    if told := namesake(distribution):
        yield told
    if told := clashing_cuda(find):
        yield told


def namesake(distribution: "Callable[[str], Distribution] | None" = None) -> str:
    """What to say where the index's unrelated `ecojax` is installed beside this one; "" where it is not.

    The two share the folder `ecojax` and file names in it, so the one installed last overwrites the other's.
    """
    from importlib import metadata

    try:
        found = (distribution or metadata.distribution)(NAMESAKE)
    except metadata.PackageNotFoundError:
        return ""
    described = found.metadata
    if described["Name"] != NAMESAKE or METHOD in " ".join(described.get_all("Project-URL", [])):
        return ""
    return (
        f"the package index's 'ecojax' {found.version}, an unrelated program ({described['Summary']}), is installed "
        "here too and may have overwritten files of this one; run `pip uninstall ecojax ecojax-tuner`, then "
        f"{how_to_install()}"
    )


def clashing_cuda(find: Callable[[str], Any] = find_spec) -> str:
    """What to say where JAX's plugins for CUDA 12 and 13 are both installed, of which it can use one; else ""."""
    if not all(find(module) for module in CUDA_PLUGINS):
        return ""
    return (
        "JAX's plugins for CUDA 12 and for CUDA 13 are both installed and clash; keep 13 with a driver of 580 or "
        "newer (`pip uninstall jax-cuda12-plugin jax-cuda12-pjrt`), else 12 (`pip uninstall jax-cuda13-plugin "
        "jax-cuda13-pjrt`)"
    )
