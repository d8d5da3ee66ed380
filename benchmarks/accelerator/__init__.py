"""What is measured of an accelerator, part by part; `scripts/benchmark_accelerator.py` runs and keeps it."""
