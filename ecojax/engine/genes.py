"""What kind each gene of a genome is, as arrays, so that one compiled program serves every space of a size."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from ecojax.errors import InputError


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Genes:
    """The kinds of the `d` genes of a genome in [0, 1]^d.

    Attributes:
        categorical: bool [d]; True where levels have no order.
        levels: int32 [d]; 0 for a continuous gene, else the number of levels it can take. Integers and ordered
            choices have levels and are not categorical. A gene of one level never varies.
    """

    categorical: jax.Array
    levels: jax.Array

    @classmethod
    def of(
        cls, levels: Sequence[int] | np.ndarray, categorical: Sequence[bool] | np.ndarray | None = None
    ) -> "Genes":
        """Check and pack descriptions of genes.

        Args:
            levels: [d], the number of levels of each gene, 0 where it is continuous.
            categorical: [d], True where the levels have no order; by default nowhere.

        Raises:
            InputError: the lengths differ, a number of levels is negative, or a continuous gene is called
                categorical.
        """
        count = np.asarray(levels, dtype=np.int32)
        unordered = (
            np.zeros(count.shape, bool) if categorical is None else np.asarray(categorical, dtype=bool)
        )
        if count.ndim != 1 or count.shape != unordered.shape:
            raise InputError(
                f"genes need one level count and one categorical flag each, got shapes {count.shape} and "
                f"{unordered.shape}; give two flat sequences of one length"
            )
        if (count < 0).any():
            raise InputError(
                f"a gene cannot have {count.min()} levels; give 0 for continuous, else at least 1"
            )
        if (unordered & (count == 0)).any():
            raise InputError(
                f"gene {int(np.argmax(unordered & (count == 0)))} is categorical with 0 levels; state how many it has"
            )
        return cls(categorical=jnp.asarray(unordered), levels=jnp.asarray(count))

    @classmethod
    def continuous(cls, d: int) -> "Genes":
        """`d` real genes."""
        return cls.of(np.zeros(d, np.int32))

    def level(self, u: jax.Array) -> jax.Array:
        """The level each gene decodes to: min(floor(u levels), levels - 1), and 0 for a continuous gene.

        Equal shares of [0, 1], so that a uniform draw gives uniform levels; rounding instead would halve the
        share of the first and the last.

        Args:
            u: [..., d] in [0, 1].

        Returns:
            int32 [..., d].
        """
        return jnp.clip(jnp.floor(u * self.levels).astype(jnp.int32), 0, jnp.maximum(self.levels - 1, 0))

    def encode(self, level: jax.Array) -> jax.Array:
        """The centre of each level's share of [0, 1], (level + 1/2) / levels: [..., d] to [..., d]."""
        return (level + 0.5) / jnp.maximum(self.levels, 1)

    def snap(self, u: jax.Array) -> jax.Array:
        """`u` [..., d] with each gene that has levels moved to the centre of its level."""
        return jnp.where(self.levels > 0, self.encode(self.level(u)), u)
