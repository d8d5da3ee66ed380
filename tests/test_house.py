"""The rooms of the package: who imports whom, and what is spoken of where. The order is that of docs/house.md."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import ecojax

PACKAGE = Path(ecojax.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
HOUSE = Path(__file__).parents[1] / "docs" / "house.md"


def module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for path in FILES}


def imported(path: Path) -> set[str]:
    """The modules of the package that a file imports, inside functions and for types, too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in MODULES}
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in inner if name in MODULES}
            found |= {node.module for name in inner if name not in MODULES}
    return found


IMPORTS = {name: imported(path) for name, path in MODULES.items()}


def levels() -> dict[str, int]:
    """The rows of the table of rooms, from the top down, by room."""
    rows = re.findall(r"^\| (`.*?) \|", HOUSE.read_text(encoding="utf-8"), re.M)
    return {
        name.removesuffix(".py"): level
        for level, row in enumerate(rows)
        for name in re.findall(r"`([^`]+)`", row)
    }


def test_no_two_files_import_each_other() -> None:
    circles = {
        (one, other) for one in IMPORTS for other in IMPORTS[one] if one < other and one in IMPORTS[other]
    }
    assert circles == set()


def test_no_room_imports_from_one_above_it() -> None:
    level = levels()
    upward = [
        (one, other)
        for one in IMPORTS
        for other in IMPORTS[one]
        if one.count(".") and other.count(".") and one != "ecojax.__main__"
        if level[other.split(".")[1]] < level[one.split(".")[1]]
    ]
    assert upward == []


WORDS = re.compile(r"(?<![a-z])(image|label|epoch)s?(?![a-z])", re.I)
OF_IMAGES = ("ecojax.tasks.", "ecojax.models.images", "ecojax.train.images", "ecojax.data")
ENERGY_LABEL = "the energy label of an export"
TAG = "a tag in a plot, a sensor's or a device's name"
OPTION = "the setting `epochs`, and the default task"
IMAGE_PROGRAM = "the program that trains image families"
# Files outside `tasks` and what is of images that use the words, and why. The list only ever shrinks.
STILL = {
    "ecojax.api": OPTION,
    "ecojax.cli.devices": TAG,
    "ecojax.cli.export": ENERGY_LABEL,
    "ecojax.cli.search": OPTION,
    "ecojax.declaration.training": OPTION,
    "ecojax.energy": "the example of a call",
    "ecojax.energy.meters.hwmon": TAG,
    "ecojax.energy.percall": "the example of a call",
    "ecojax.energy.provenance": TAG,
    "ecojax.export": ENERGY_LABEL,
    "ecojax.export.card": ENERGY_LABEL,
    "ecojax.export.description": "what an exported image model takes",
    "ecojax.export.label": ENERGY_LABEL,
    "ecojax.export.model": ENERGY_LABEL,
    "ecojax.export.write": ENERGY_LABEL,
    "ecojax.frontier.plot": TAG,
    "ecojax.measurement.target": "an exported image model",
    "ecojax.session.rivals": "curves of older studies, which count epochs",
    "ecojax.session.workplace": OPTION,
    "ecojax.train.loss": "a classification's labels",
    "ecojax.train.recipe": "the smoothing of labels",
}


def said(path: Path) -> Iterator[str]:
    """The names and docstrings of a file, in words."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [getattr(node, field, None) for field in ("id", "attr", "name", "arg")]
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            names.append(ast.get_docstring(node))
        for name in names:
            if isinstance(name, str):
                yield re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name)


def test_what_is_of_images_alone_is_spoken_of_where_it_is_done() -> None:
    speaking = {
        name
        for name, path in MODULES.items()
        if not f"{name}.".startswith(OF_IMAGES) and any(map(WORDS.search, said(path)))
    }
    assert speaking - set(STILL) == set(), "say it in general, or move it to where images are"
