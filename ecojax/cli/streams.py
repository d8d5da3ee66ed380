"""Standard output and error as they are found: of any encoding, closed, a file, or a terminal that can do little.

What a stream's encoding does not have is written in a form that it has, and that is still readable.
"""

import codecs
import os
import sys
import unicodedata
from io import TextIOWrapper

ERRORS = "ecojax-readable"  # the name of the error handler
READABLE = {
    "±": "+-", "µ": "u", "μ": "u", "×": "x", "·": "*", "◆": "*", "…": "...", "–": "-", "—": "-", "−": "-", "≤": "<=",
    "≥": ">=", "≠": "!=", "≈": "~", "→": "->", "←": "<-", "∞": "inf", "²": "2", "³": "3", "°": " deg", "ß": "ss",
    "’": "'", "‘": "'", "“": '"', "”": '"', "•": "*", "│": "|", "┃": "|", "║": "|", "█": "#",
}  # fmt: skip
LINES, BRAILLE = range(0x2500, 0x2580), range(0x2800, 0x2900)  # of tables and bars; of spinners


def prepare() -> None:
    """Makes standard output and error take every text, and takes a closed one for `/dev/null`."""
    codecs.register_error(ERRORS, _replaced)
    if None in (sys.stdin, sys.stdout, sys.stderr):
        # the next file opened would be given the closed one's number, and with it whatever is printed
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=ERRORS)


def readable(character: str) -> str:
    """An ASCII form of one character: itself, a sign like it, its letter without accents, or its code."""
    if character.isascii():
        return character
    if character in READABLE:
        return READABLE[character]
    if ord(character) in LINES:
        return "-"
    if ord(character) in BRAILLE:
        return "."
    letters = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return letters or character.encode("ascii", "backslashreplace").decode()


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(readable, error.object[error.start : error.end])), error.end
