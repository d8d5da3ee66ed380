"""Where each setting of a search came from: an option, a file, another study or a default."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ecojax.wording import option

MERGED = ("pin", "constraints", "space")  # tables, of which each key has an origin of its own


@dataclass(frozen=True)
class Origins:
    """Names the origin of each setting, for errors and for the plan of a search.

    source: what settings came from that nobody gave as an option, "mine.toml" say. given: the keys of those that
    somebody did, such as "seed" and "pin.width". stated: the keys that `source` holds; None where it holds all.
    """

    source: str = "the search settings"
    given: frozenset[str] = frozenset()
    stated: frozenset[str] | None = None

    @classmethod
    def of(cls, source: "str | Origins") -> "Origins":
        return source if isinstance(source, Origins) else cls(source)

    def __str__(self) -> str:
        return self.source

    def __contains__(self, key: object) -> bool:
        """Whether a key was given as an option."""
        return key in self.given

    def named(self, key: str, value: Any) -> str:
        """A setting and its value as whoever gave it wrote them: "--seed -1", "seed=-1" or "mine.toml: seed = -1"."""
        return option(key, value) if key in self.given else f"{self.source}: {key} = {value!r}"

    def place(self, key: str) -> str:
        """A setting without its value: "--pin kernel" or "mine.toml: pin.kernel"."""
        return option(key) if key in self.given else f"{self.source}: {key}"

    def whence(self, key: str) -> str:
        """The origin alone: "--seed", "mine.toml" or "default"."""
        table = key.partition(".")[0]
        if key in self.given:
            return option(table)
        if self.stated is None or key in self.stated:
            return self.source
        return "default"


def keys_of(settings: Mapping[str, Any]) -> Iterable[str]:
    """The keys of settings, those within the tables `MERGED` too: "seed", "pin", "pin.width"."""
    for key, value in settings.items():
        yield key
        if key in MERGED and isinstance(value, Mapping):
            yield from (f"{key}.{name}" for name in value)
