"""Why a dataset was not found in a folder: what was searched, what lies there, and which slip is likely."""

import difflib
import os
import re
from pathlib import Path

from ecojax.wording import option

_DESCRIPTION = "dataset_info.json"  # of a prepared version: <data_dir>/<name>[/<config>]/<version>/
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_NAMED = 8  # datasets that a message lists


def whereabouts(name: str, data_dir: Path) -> str:
    """Say in two clauses what was found in place of the dataset `name[/config][:version]`, and what to do about it."""
    what, remedy = _found(name, data_dir)
    return f"{what}; {remedy}"


def slip(name: str, data_dir: Path) -> str | None:
    """`whereabouts` where the dataset lies nearby or in another version, and a download is not what is wanted."""
    base = re.split("[/:]", name)[0]
    if versions(data_dir, base) or _above(base, data_dir) or _below(base, data_dir):
        return whereabouts(name, data_dir)
    return None


def versions(data_dir: Path, base: str) -> list[str]:
    """The prepared versions of a dataset, as `--dataset` takes them: `flowers:1.0.0`, `flowers/small:1.0.0`."""
    return sorted(
        f"{'/'.join(folder.relative_to(data_dir).parts[:-1])}:{folder.name}"
        for pattern in ("*", "*/*")
        for description in _glob(data_dir / base, f"{pattern}/{_DESCRIPTION}")
        if _VERSION.fullmatch((folder := description.parent).name)
    )


def _found(name: str, data_dir: Path) -> tuple[str, str]:
    base = re.split("[/:]", name)[0]
    if not data_dir.exists():
        near = difflib.get_close_matches(data_dir.name, _names(data_dir.parent), n=1)
        return f"there is no folder '{data_dir}'", (
            f"did you mean {option('data_dir', str(data_dir.parent / near[0]))}?"
            if near
            else f"give the {option('data_dir')} in which it lies"
        )
    if not data_dir.is_dir():
        return f"'{data_dir}' is a file", f"give the {option('data_dir')}, a folder, in which it lies"
    if not os.access(data_dir, os.R_OK | os.X_OK):
        return (
            f"'{data_dir}' cannot be read by this user",
            f"make it readable, or give another {option('data_dir')}",
        )
    if (above := _above(base, data_dir)) is not None:
        return f"'{data_dir}' is the dataset's own folder", f"give {option('data_dir', str(above))}"
    if there := versions(data_dir, base):
        return f"'{data_dir}' holds {', '.join(there)}", f"write {option('dataset', there[-1])}"
    if (below := _below(base, data_dir)) is not None:
        return f"'{data_dir}' holds it in a folder of its own", f"give {option('data_dir', str(below))}"
    if (data_dir / base).is_dir():
        return (
            f"'{data_dir / base}' holds no prepared version (none has a {_DESCRIPTION})",
            "prepare the dataset anew",
        )
    names = [one for one in _names(data_dir) if versions(data_dir, one)]
    held = ", ".join(one for base in names[:_NAMED] for one in versions(data_dir, base))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    near = difflib.get_close_matches(base.lower().replace("-", "_"), names, n=1)
    return f"'{data_dir}' holds {held + more or 'no prepared dataset'}", (
        f"did you mean {option('dataset', near[0])}?"
        if near
        else f"give the {option('data_dir')} in which it lies"
    )


def _above(base: str, data_dir: Path) -> Path | None:
    """The folder that should have been given where `data_dir` is `<it>/<base>`, or a version in there."""
    for folder in (data_dir, *data_dir.parents[:2]):
        if folder.name == base and versions(folder.parent, base):
            return folder.parent
    return None


def _below(base: str, data_dir: Path) -> Path | None:
    """The folder in `data_dir` that should have been given."""
    return next((data_dir / one for one in _names(data_dir) if versions(data_dir / one, base)), None)


def _names(folder: Path) -> list[str]:
    """The folders in a folder; none where it cannot be read."""
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    except OSError:
        return []


def _glob(folder: Path, pattern: str) -> list[Path]:
    try:
        return list(folder.glob(pattern))
    except OSError:
        return []
