"""Writes the table of settings in docs/search.md from their declaration: `python scripts/settings_table.py`.

A test compares the page with `table()`.
"""

import json
from pathlib import Path

from ecojax.declaration import SETTINGS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "search.md"
HEAD = "| key in the file | option | default | meaning |\n|---|---|---|---|\n"


def table() -> str:
    """The table in Markdown, a row for each setting in the order of the declaration."""
    rows = []
    for name, setting in SETTINGS.items():
        option = "file only"
        if setting.option is not None:
            option = f"`{' '.join(filter(None, (setting.option, setting.about.metavar)))}`"
            option += ", repeated" * setting.repeated
        default = setting.about.default or "none"
        if setting.default not in (None, {}):
            default = f"`{json.dumps(setting.default)}`"
        rows.append(f"| `{name}` | {option} | {default} | {setting.about.help} |\n")
    return HEAD + "".join(rows)


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(HEAD)
    after = rest[rest.index("\n\n") + 1 :]
    PAGE.write_text(before + table() + after, encoding="utf-8")


if __name__ == "__main__":
    main()
