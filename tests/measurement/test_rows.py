"""A row's arithmetic."""

import pytest

from ecojax.energy import Energy, Provenance
from ecojax.measurement.latency import Latency
from ecojax.measurement.run import Row

ENERGY = Energy(
    per_sample_j=2.0,
    per_sample_ci95_j=0.1,
    latency_s=0.5,  # of a batch
    batch_size=4,
    windows=3,
    seconds=1.5,
    spent_j=20.0,
    compile_s=0.0,
    provenance=Provenance("modeled", "a script", "a test", None),
    gates={},
    precision="float32",
    device="pretended",
    converged=True,
    latency_ci95_s=0.05,
)


def row(ram_w: float | None) -> Row:
    return Row(ENERGY, Latency.__new__(Latency), ram_w)


def test_throughput_is_samples_over_the_time_of_their_batch() -> None:
    assert row(None).throughput_per_s == pytest.approx(8.0)
    assert row(None).throughput_ci95_per_s == pytest.approx(0.8)


def test_memory_draws_while_a_sample_is_computed_and_is_no_part_of_its_energy() -> None:
    assert row(3.0).ram_per_sample_j == pytest.approx(3.0 / 8.0)
    assert row(3.0).energy.per_sample_j == 2.0
    assert row(None).ram_per_sample_j is None
