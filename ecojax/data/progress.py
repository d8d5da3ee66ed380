"""What a long step of loading reports while it runs, for whoever draws a progress bar."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Progress:
    """`done` of `total` `unit`s of one step: an archive downloaded, a split written, a split decoded.

    Of a wait for another process there is no total: 0.
    """

    stage: Literal["download", "prepare", "decode", "waiting for"]
    item: str
    done: int
    total: int
    unit: str  # what is counted: bytes, rows and so on


OnProgress = Callable[[Progress], None]
