"""The engine: what to try next, given what has been tried.

Arrays in, configurations out: genomes in the unit cube, objectives to be minimised, constraint violations. It knows
nothing of trials, studies, processes, models, datasets or watts. Import from its modules; the package itself imports
nothing, so that a command which only prints help does not pay for JAX.
"""
