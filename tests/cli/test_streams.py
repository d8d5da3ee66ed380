"""Standard output and error of another encoding, closed, or a file; what is shown where a terminal can do little."""

import json
import os
import subprocess
import sys

import pytest

from ecojax.cli.progress import Live, Log, listening
from ecojax.cli.streams import readable
from ecojax.frontier import Study
from ecojax.frontier.table import frontier_columns

CURSOR = "\x1b[?25l"  # what a live display begins with


def ecojax(
    *arguments: object, redirection: str = "", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, by a shell that may close its streams."""
    command = [sys.executable, "-m", "ecojax", *map(str, arguments)]
    return subprocess.run(
        ["bash", "-c", f'"$@" {redirection}', "bash", *command],
        capture_output=True,
        env=os.environ | environment,
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_the_table_is_printed_in_every_encoding(study, encoding):
    shown = ecojax("frontier", study, PYTHONIOENCODING=encoding)
    assert (shown.returncode, shown.stderr) == (0, b"")
    text = shown.stdout.decode(encoding)
    assert "the pick by default" in text
    assert "10 W per core" in text
    assert {"ascii": "+-", "utf-8": "◆"}.get(encoding, "±") in text
    assert "\\u" not in text, "a code is not readable"
    rows = [line for line in text.splitlines() if line.lstrip("◆* ")[:2].strip().isdigit()]
    assert len(rows) == len(Study.open(study).frontier())


def test_json_is_json_whatever_the_encoding(study):
    shown = ecojax("frontier", study, "--format", "json", PYTHONIOENCODING="latin-1")
    assert json.loads(shown.stdout)["study"] == study.name
    assert shown.stdout == ecojax("frontier", study, "--format", "json", PYTHONIOENCODING="utf-8").stdout


def test_an_error_is_one_sentence_in_ascii(tmp_path):
    shown = ecojax("frontier", tmp_path / "größer", PYTHONIOENCODING="ascii")
    assert shown.returncode == 1
    assert shown.stderr.startswith(b"ecojax: ")
    assert b"grosser" in shown.stderr
    assert b"internal error" not in shown.stderr


def test_a_name_that_is_no_text_is_printed(study, tmp_path):
    name = os.fsdecode(b"caf\xe9")
    (tmp_path / name).symlink_to(study)
    shown = ecojax("frontier", tmp_path / name, PYTHONIOENCODING="utf-8")
    assert (shown.returncode, shown.stderr) == (0, b"")


@pytest.mark.parametrize("character", ["±", "µ", "◆", "×", "…", "─", "━", "⠋", "é", "漢", "\udce9"])
def test_every_character_has_an_ascii_form(character):
    assert readable(character).isascii()
    assert readable(character)


def test_no_sign_of_a_table_is_left_to_its_code(study):
    opened = Study.open(study)
    cells = [cell for column in frontier_columns(opened) for cell in (column.header, *column.cells)]
    assert "\\" not in "".join(map(readable, "".join(cells)))


@pytest.mark.parametrize("redirection", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_output_is_no_error(study, redirection):
    for arguments in (["frontier", study], ["frontier", study, "--format", "json"], ["--version"]):
        shown = ecojax(*arguments, redirection=redirection)
        assert (shown.returncode, shown.stdout, shown.stderr) == (0, b"", b"")


def test_an_error_with_closed_standard_error_keeps_its_status(tmp_path):
    assert ecojax("frontier", tmp_path / "nowhere", redirection="2>&-").returncode == 1


def test_what_a_closed_stream_leaves_free_is_given_to_no_file(tmp_path):
    program = (
        "from ecojax.cli.streams import prepare; prepare(); import os; "
        f"f = open({str(tmp_path / 'file')!r}, 'w'); assert f.fileno() > 2; print('to nobody'); os.write(1, b'x')"
    )
    subprocess.run(["bash", "-c", '"$@" >&- 2>&-', "bash", sys.executable, "-c", program], check=True)
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("arguments", [[], ["--format", "json"]])
def test_a_pipe_that_is_closed_early_ends_with_141_and_in_silence(study, arguments):
    shown = ecojax("frontier", study, *arguments, redirection="| true; exit ${PIPESTATUS[0]}")
    assert (shown.returncode, shown.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("terminal", "environment", "kind"),
    [
        (True, {"TERM": "xterm-256color"}, Live),
        (True, {"TERM": "dumb"}, Log),
        (True, {"TERM": ""}, Log),
        (False, {"TERM": "xterm-256color", "FORCE_COLOR": "1"}, Log),
        (False, {"TERM": "xterm-256color", "TTY_COMPATIBLE": "1"}, Log),
    ],
)
def test_only_a_terminal_that_can_move_its_cursor_gets_a_live_display(
    monkeypatch, capsys, terminal, environment, kind
):
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    with listening(quiet=False) as listener:
        assert type(listener) is kind
        listener.noted("a note")
    written = capsys.readouterr().err
    assert "a note" in written
    assert (CURSOR in written) == (kind is Live)


def test_no_color_leaves_the_table_plain(study):
    shown = ecojax("frontier", study, NO_COLOR="1", PYTHONIOENCODING="utf-8")
    assert b"\x1b" not in shown.stdout
