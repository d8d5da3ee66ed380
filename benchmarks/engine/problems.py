"""The problems by name, whichever kind they are of."""

from pathlib import Path

from benchmarks.engine import cells, closed_forms, lcbench, tables
from benchmarks.engine.problem import Problem

# by problem, the file that it is read from
FILES = {
    **{name: name for name in tables.TABLES},
    cells.NAME: cells.TABLE,
    **dict.fromkeys(lcbench.NAMES, lcbench.TABLE),
}


def there(folder: Path) -> list[str]:
    """The problems that can be read from a folder."""
    return [name for name, file in FILES.items() if (folder / f"{file}.npz").exists()]


def load(name: str, folder: Path) -> Problem:
    """Raises `FileNotFoundError` where the folder lacks the problem's file."""
    if name in tables.TABLES:
        return tables.load(name, folder)
    if name == cells.NAME:
        return cells.load(name, folder)
    if name in lcbench.NAMES:
        return lcbench.load(name, folder)
    return closed_forms.load(name)
