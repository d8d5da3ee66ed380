"""What `ecojax measure` does: from a function in a file, or an exported model, to joules, latency and throughput.

    target = resolve("model.py:predict")
    for row in measure_target(target, batches=[1, 64], meter=meter):
        print(row.energy.per_sample_j, row.latency.p50_s, row.throughput_per_s)

It knows nothing of the search.
"""

from ecojax.measurement.latency import Latency, host_latency
from ecojax.measurement.run import Row, measure_target
from ecojax.measurement.target import Target, resolve

__all__ = ["Latency", "Row", "Target", "host_latency", "measure_target", "resolve"]
