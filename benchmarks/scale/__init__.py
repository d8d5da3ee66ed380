"""Workers that pretend, and what share of their time they were busy. `scripts/benchmark_scale.py` is the way in."""
