"""The search space: parameters, conditions between them, and their encoding in the unit cube.

This room knows nothing of models, engines or files other than its own TOML tables.
"""

from ecojax.space.identity import identity
from ecojax.space.parameters import Choice, Float, Int, Parameter
from ecojax.space.space import Configuration, SearchSpace

__all__ = ["Choice", "Configuration", "Float", "Int", "Parameter", "SearchSpace", "identity"]
