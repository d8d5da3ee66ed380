"""ecojax: energy-aware model search on JAX."""

__version__ = "0.1.0"
