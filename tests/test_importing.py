"""A user's file: run as a script would be, once until it changes, and apart from our own process."""

import sys

import pytest

from ecojax.errors import DataError, InputError
from ecojax.importing import import_file


def test_a_file_is_run_once_until_it_changes(tmp_path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import sys\nvalue = sys.argv\n")
    module = import_file(file)
    assert module.value == [str(file)]
    assert import_file(file) is module
    file.write_text("value = 'changed'\n")
    assert import_file(file).value == "changed"


def test_what_lies_beside_it_is_found_now_and_later(tmp_path) -> None:
    (tmp_path / "beside_it.py").write_text("value = 1\n")
    (tmp_path / "beside_it_later.py").write_text("value = 2\n")
    (tmp_path / "mine.py").write_text(
        "import beside_it\n\n\ndef later():\n    import beside_it_later\n    return beside_it_later.value\n"
    )
    module = import_file(tmp_path / "mine.py")
    assert module.beside_it.value == 1
    assert module.later() == 2


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("1 / 0", InputError, r"mine.py' does not run: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", InputError, r"ends the process where it is imported \(sys.exit, code 3\)"),
        ("from ecojax.errors import DataError\nraise DataError('none')", DataError, "^none$"),
        (None, InputError, "there is no file"),
    ],
)
def test_what_fails_is_said_and_leaves_nothing_behind(text, kind, said, tmp_path) -> None:
    arguments, modules = list(sys.argv), set(sys.modules)
    if text is not None:
        (tmp_path / "mine.py").write_text(text)
    with pytest.raises(kind, match=said):
        import_file(tmp_path / "mine.py")
    assert sys.argv == arguments
    assert not {name for name in set(sys.modules) - modules if "mine" in name}
