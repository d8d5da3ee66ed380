"""Metrics of a whole split against scikit-learn's, and padding that counts for nothing."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, r2_score

from ecojax.train.loss import Classification, Regression


def padded(outputs: np.ndarray, y: np.ndarray, padding: float) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([outputs, outputs[:3] + 9]), np.concatenate([y, np.full(3, padding, y.dtype)])


def test_classification_is_scored_as_by_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(50, 4)).astype(np.float32), rng.integers(0, 4, 50).astype(np.int32)
    loss = Classification(4)
    found = loss.figures(loss.sums(*map(jnp.asarray, padded(logits, labels, loss.padding))), 50)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, logits.argmax(1)))
    assert found["validation_loss"] == pytest.approx(log_loss(labels, shares), rel=1e-5)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_regression_is_scored_as_by_scikit_learn(offset) -> None:
    """Far from zero as well, where sums of squares of raw targets would lose all digits."""
    rng = np.random.default_rng(0)
    y = (offset + 5 * rng.normal(size=80)).astype(np.float32)
    predictions = (y + rng.normal(size=80)).astype(np.float32)
    loss = Regression(float(y.mean()), float(y.std()))
    sums = loss.sums(*map(jnp.asarray, padded(predictions[:, None], y, loss.padding)))
    found = loss.figures(sums, 80)
    assert found["r2"] == pytest.approx(r2_score(y, predictions), abs=2e-3)
    assert found["rmse"] == pytest.approx(
        mean_squared_error(y, predictions) ** 0.5, rel=2e-2 if offset else 1e-4
    )
    perfect = loss.figures(loss.sums(jnp.asarray(y[:, None]), jnp.asarray(y)), 80)
    assert perfect["r2"] == 1
    assert perfect["rmse"] == 0


def test_the_stated_errors_of_regression_are_those_of_many_draws() -> None:
    rng = np.random.default_rng(1)
    n, loss = 200, Regression(0.0, 2.0)
    draws = []
    for _ in range(400):
        y = 2 * rng.normal(size=n).astype(np.float32)
        outputs = (y + rng.normal(size=n)).astype(np.float32)[:, None]
        draws.append(loss.figures(loss.sums(jnp.asarray(outputs), jnp.asarray(y)), n))
    spread = np.std([one["rmse"] for one in draws])
    assert np.mean([one["rmse_se"] for one in draws]) == pytest.approx(spread, rel=0.2)
