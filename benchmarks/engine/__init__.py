"""The engine's benchmark: problems, the searches that are compared on them, and the bars they are held to.

`scripts/benchmark_engine.py` is the way in.
"""
