"""A dictionary from texts to whole numbers that takes 24 bytes an entry, for a hundred thousand configurations.

A text is known by its 128-bit BLAKE2b digest, which no two texts ever met share. What is new waits in a dictionary,
and is merged into sorted arrays once there is enough of it.
"""

from hashlib import blake2b

import numpy as np

BYTES = 16
WAITING = 1024  # entries, at least, before they are merged


def digest(text: str, seed: int = 0) -> bytes:
    """16 bytes; in order of their digests, texts are in an order by chance, another for every `seed`."""
    return blake2b(text.encode(), digest_size=BYTES, salt=(seed % 2**64).to_bytes(8, "little")).digest()


class Digests:
    """Numbers by digest. An entry can be added; one that is there keeps its number."""

    def __init__(self) -> None:
        self._digests, self._numbers = np.zeros(0, f"S{BYTES}"), np.zeros(0, np.int64)
        self._waiting: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._digests) + len(self._waiting)

    def get(self, of: bytes) -> int | None:
        if of in self._waiting:
            return self._waiting[of]
        sought = np.array(of, self._digests.dtype)
        place = int(self._digests.searchsorted(sought))
        if place < len(self._digests) and self._digests[place] == sought[()]:
            return int(self._numbers[place])
        return None

    def __contains__(self, of: bytes) -> bool:
        return self.get(of) is not None

    def add(self, of: bytes, number: int = 0) -> None:
        if of in self:
            return
        self._waiting[of] = number
        if len(self._waiting) > max(WAITING, len(self._digests) // 8):
            digests = np.concatenate([self._digests, np.array(list(self._waiting), self._digests.dtype)])
            numbers = np.concatenate([self._numbers, np.array(list(self._waiting.values()), np.int64)])
            order = np.argsort(digests)
            self._digests, self._numbers = digests[order], numbers[order]
            self._waiting = {}
