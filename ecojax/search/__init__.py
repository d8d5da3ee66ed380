"""The search engine: what to try next, given what has been tried.

This room knows arrays: genomes in the unit cube, objectives to be minimised, constraint violations. It knows
nothing of models, datasets or watts. Import from its modules; the package itself imports nothing, so that a
command which only prints help does not pay for JAX.
"""
