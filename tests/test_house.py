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
OF_IMAGES = ("ecojax.tasks.", "ecojax.models.images", "ecojax.train.images", "ecojax.data.images")
# What reads images as well as anything else, and has to tell them apart.
LOADERS = {f"ecojax.data{name}" for name in ("", ".arrays", ".load", ".locate", ".parquet", ".tfds")}
# Of images, too, and yet imported elsewhere: the families by their registry, the stock convolution to count its FLOPs.
TAKEN = {"ecojax.models.images.families", "ecojax.models.images.convolution"}
# What any file may say: the setting, under the name that users know, and terms that hold one of the words.
RIGHT = re.compile(
    r"""[`'"]epochs[`'"]|--epochs\b|\bepochs:|energy labels?|label smoothing|smooth labels|integer labels"""
    r"""|\b(?:models|data)\.images\b"""
)
# Where a label is something else than what a sample is to be told by.
LABELS = {
    "ecojax.cli.devices": "a meter's rank, in a word",
    "ecojax.data.prepared_table": "what TFDS calls a feature of classes",
    "ecojax.data.tables": "a usual name of the column that is learnt",
    "ecojax.energy": "a meter's rank, in a word; what the kernel calls a sensor",
    "ecojax.export": "the energy label",
    "ecojax.frontier.plot": "what matplotlib writes at axes and points",
}


def said(name: str, path: Path) -> Iterator[str]:
    """What a file says of images, labels and epochs, line by line: in code, docstrings, messages and comments."""
    of_labels = any(f"{name}.".startswith(f"{place}.") for place in LABELS)
    for line in path.read_text(encoding="utf-8").splitlines():
        words = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", line)
        found = {match[1].lower() for match in WORDS.finditer(RIGHT.sub("", words))}
        if found - ({"label"} if of_labels else set()):
            yield f"{name}: {line.strip()}"


def test_what_is_of_images_alone_is_spoken_of_where_it_is_done() -> None:
    elsewhere = {
        name: path
        for name, path in MODULES.items()
        if name not in LOADERS and not f"{name}.".startswith(OF_IMAGES)
    }
    speaking = [line for name, path in elsewhere.items() for line in said(name, path)]
    assert speaking == [], "say it in general, or move it to where images are"
    images = ("ecojax.models.images", "ecojax.train.images")
    assert {other for name in elsewhere for other in IMPORTS[name] if other.startswith(images)} == TAKEN


def test_every_exception_to_the_words_is_needed() -> None:
    for place in LABELS:
        files = [path for name, path in MODULES.items() if f"{name}.".startswith(f"{place}.")]
        assert any("label" in RIGHT.sub("", path.read_text(encoding="utf-8")).lower() for path in files), (
            place
        )
