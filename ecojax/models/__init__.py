"""Families of networks in Flax nnx, each with the parameters its architectures range over.

Importing this room does not import JAX; building a network does.
"""

from ecojax.models.architectures import Family
from ecojax.models.families import FAMILIES, family

__all__ = ["FAMILIES", "Family", "family"]
