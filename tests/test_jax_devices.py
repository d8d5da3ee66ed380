"""What kind of device JAX names, whichever of its names it uses."""

from types import SimpleNamespace

import pytest

from ecojax.jax_devices import kind_of


@pytest.mark.parametrize(
    ("platform", "kind"),
    [("cpu", "cpu"), ("gpu", "gpu"), ("cuda", "gpu"), ("ROCM", "gpu"), ("tpu", "tpu"), ("METAL", "METAL")],
)
def test_a_gpu_is_one_by_each_of_its_names(platform, kind) -> None:
    assert kind_of(platform) == kind_of(SimpleNamespace(platform=platform)) == kind
