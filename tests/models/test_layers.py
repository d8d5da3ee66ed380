import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecojax.models.layers import dropout


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("rate", [0.002, 0.01, 0.1, 0.3, 0.5])
def test_dropout_keeps_the_expectation_and_drops_its_share(rate: float, dtype: jnp.dtype) -> None:
    """In bfloat16, too, which rounds 0.998 to 0.996 and would then draw from 256 numbers."""
    n = 1_000_000
    dropped = jax.jit(dropout)(jnp.ones(n, dtype), jnp.float32(rate), jax.random.key(0))
    assert dropped.dtype == dtype
    dropped = np.asarray(dropped, np.float64)
    deviation = np.sqrt(rate * (1 - rate) / n)
    assert abs((dropped == 0).mean() - rate) < 5 * deviation
    scale = np.asarray(jnp.asarray(1 / (1 - rate), dtype), np.float64)  # rounded once
    np.testing.assert_allclose(dropped[dropped != 0], scale, rtol=1e-6)
    assert abs(dropped.mean() - 1) < jnp.finfo(dtype).eps / 4 + 5 * deviation / (1 - rate)


def test_dropout_without_key_or_rate_is_the_identity() -> None:
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 4, 3)), jnp.float32)
    np.testing.assert_array_equal(dropout(x, 0.5, None), x)
    np.testing.assert_array_equal(jax.jit(dropout)(x, jnp.float32(0), jax.random.key(0)), x)
