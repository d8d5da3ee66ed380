"""A file of results that grows part by part: each is on disk as soon as it is measured, and is not measured twice."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Kept:
    """The results of one board in `folder/<name>-<board>.json`, by part.

    A part counts as done for the versions and the size (`quick` or not) that it was measured with.
    """

    def __init__(self, folder: Path, name: str, board: str, versions: dict[str, str], *, quick: bool):
        slug = re.sub(r"[^a-z0-9]+", "-", board.lower()).strip("-")
        self.path = folder / f"{name}-{slug}{'-quick' if quick else ''}.json"
        self.versions, self.quick = versions, quick
        self.record: dict[str, Any] = {"board": board, "quick": quick, "parts": {}}
        if self.path.exists():
            self.record = json.loads(self.path.read_text(encoding="utf-8"))

    def result(self, part: str) -> Any:
        """What was measured of a part with these versions, finished or not; None where nothing was."""
        found = self.record["parts"].get(part)
        return found["result"] if found is not None and found["versions"] == self.versions else None

    def done(self, part: str) -> bool:
        """Whether a part was measured to its end with these versions."""
        return self.result(part) is not None and self.record["parts"][part]["finished"]

    def save(self, part: str, result: Any, *, finished: bool = True) -> None:
        """Writes the file anew, whole or not at all."""
        self.record["parts"][part] = {
            "date": datetime.now(UTC).date().isoformat(),
            "versions": self.versions,
            "finished": finished,
            "result": result,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(self.record, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        os.replace(temporary, self.path)
