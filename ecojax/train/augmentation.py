"""What may happen to the training inputs of a batch before the network sees them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import jax


class Augmentation(Protocol):
    """A random change of training inputs. Hashable: it is a part of the training program."""

    @property
    def draws(self) -> bool:
        """Whether it needs a key."""
        ...

    def __call__(
        self,
        x: "jax.Array",
        index: "jax.Array",
        passes: "jax.Array",
        numbers: "Mapping[str, jax.Array]",
        key: "jax.Array | None",
    ) -> "jax.Array":
        """The changed inputs.

        Args: `x` `[batch, ...]`, normalised; `index` `[batch]`, their places among the training inputs; `passes`, how
        often all of those were seen before; `numbers` as in `Recipe`; a key, or None where neither this nor the network
        draws.
        """
        ...
