"""Every example of the documentation runs, page by page, in the order in which a reader meets them.

Python blocks share a namespace within a page. Console blocks run the command line in this process; searches that do
not say how large they are get the smallest that makes sense. TOML blocks must be a whole configuration file that a
search on digits would take. A block that needs the network, a GPU or a cluster has `<!-- not run: reason -->` right
above it.
"""

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from ecojax.cli import main
from ecojax.data import load
from ecojax.settings import resolve
from ecojax.tasks import ImageClassification

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(page.stem for page in DOCS.glob("*.md"))
RUNNABLE = {"python", "console", "toml"}
STUDY = "runs/digits"  # what pages speak of that do not begin with a search of their own

SMALL = {
    "--evaluations": "3",
    "--population": "2",
    "--epochs": "2",
    "--family": "mlp",
    "--train-size": "300",
    "--energy-ci": "0.2",
    "--executor": "inline",
}

NOT_RUN = {"downloads", "needs an NVIDIA GPU", "needs TensorFlow", "needs a Ray cluster"}

_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+?) -->\n)?```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```$",
    re.M | re.S,
)


class Block(NamedTuple):
    page: str
    line: int
    language: str
    text: str
    not_run: str | None


def blocks(page: str) -> list[Block]:
    source = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    return [
        Block(page, source[: m.start()].count("\n") + 1, m["language"], m["text"], m["reason"])
        for m in _BLOCK.finditer(source)
    ]


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """The study `runs/digits` that the pages on results speak of."""
    folder = tmp_path_factory.mktemp("docs") / "digits"
    with pytest.MonkeyPatch.context() as patch:
        _ecojax(["search", "--dataset", "digits", "--out", str(folder), "--quiet"], patch)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_page_runs(page, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    todo = [block for block in blocks(page) if block.language in RUNNABLE and not block.not_run]
    if any(STUDY in block.text for block in todo) and page not in ("index", "first-search"):
        shutil.copytree(request.getfixturevalue("study"), tmp_path / STUDY)
    namespace: dict[str, object] = {"__name__": f"docs.{page}"}
    for block in todo:
        where = f"docs/{page}.md, line {block.line}"
        if block.language == "python":
            exec(compile("\n" * block.line + block.text, where, "exec"), namespace)
        elif block.language == "console":
            for arguments in commands(block):
                _ecojax(arguments, monkeypatch)
        else:
            _check_toml(block, tmp_path)


def commands(block: Block) -> list[list[str]]:
    """The arguments of each `$ ecojax ...` or `$ scripts/ecojax ...` of a console block."""
    lines = [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]
    assert lines, f"docs/{block.page}.md, line {block.line}: a console block without a `$ ` line"
    split = [shlex.split(line, comments=True) for line in lines]
    for words in split:
        assert words[0] in ("ecojax", "scripts/ecojax"), f"cannot run {words}; mark the block `not run`"
    return [words[1:] for words in split]


def _ecojax(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if arguments[0] == "search" and "--resume" not in arguments:
        arguments = arguments + [word for pair in SMALL.items() if pair[0] not in arguments for word in pair]
    monkeypatch.setattr(sys, "argv", ["ecojax", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0, arguments


def _check_toml(block: Block, folder: Path) -> None:
    path = folder / "config.toml"
    path.write_text(block.text, encoding="utf-8")
    settings, source = resolve(path, {})
    space = ImageClassification(
        load("digits"), settings.families, tables=settings.space, pins=settings.pin, source=source
    ).space
    for name in settings.space:
        assert name in space, f"docs/{block.page}.md, line {block.line}: nothing comes of [space.{name}]"


def test_only_downloads_gpus_and_clusters_are_not_run():
    """The list itself is the fact: whoever adds to it does so in sight."""
    left_out = [
        (block.page, block.not_run) for page in PAGES for block in blocks(page) if block.not_run is not None
    ]
    assert {reason for _, reason in left_out} <= NOT_RUN, left_out
