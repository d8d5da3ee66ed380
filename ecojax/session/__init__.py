"""One session of a search: its settings turned into workers, a store and an engine, and conducted to its end.

The driver holds the study and proposes; what touches a device is behind a `Workplace`, which a worker owns.
"""
