"""Schedules in closed form, and optimizers whose traced numbers do what optax does with Python floats."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ecojax.train.optimizer import learning_rate_schedule, make_optimizer

TOTAL, PEAK, WARMUP = 200, 0.3, 0.2  # 40 steps of warm-up, 160 of decay


def rates(traced, *, linear: bool, warmup: float = WARMUP, total: int = TOTAL) -> np.ndarray:
    numbers = traced(learning_rate=PEAK, warmup=warmup, linear_decay=float(linear))
    return np.asarray(
        jax.jit(jax.vmap(learning_rate_schedule(numbers, jnp.float32(total))))(jnp.arange(total + 1))
    )


@pytest.mark.parametrize("linear", [False, True])
def test_warm_up_rises_in_equal_steps_to_the_peak(traced, linear) -> None:
    found = rates(traced, linear=linear)
    np.testing.assert_allclose(found[:40], PEAK * np.arange(1, 41) / 40, rtol=1e-5)
    assert found.max() == pytest.approx(PEAK)
    assert found[40] == pytest.approx(PEAK)


@pytest.mark.parametrize("linear", [False, True])
def test_decay_is_half_done_at_its_middle_and_zero_at_the_end(traced, linear) -> None:
    found = rates(traced, linear=linear)
    assert found[40 + 80] == pytest.approx(PEAK / 2, rel=1e-5)
    assert found[TOTAL] == pytest.approx(0, abs=1e-7)
    assert (np.diff(found[40:]) < 0).all()


def test_decays_are_optaxs(traced) -> None:
    steps = jnp.arange(161)
    cosine, line = optax.cosine_decay_schedule(PEAK, 160), optax.linear_schedule(PEAK, 0.0, 160)
    np.testing.assert_allclose(rates(traced, linear=False)[40:], cosine(steps), atol=1e-6)
    np.testing.assert_allclose(rates(traced, linear=True)[40:], line(steps), atol=1e-6)


@pytest.mark.parametrize("linear", [False, True])
def test_without_warm_up_the_first_step_has_the_peak(traced, linear) -> None:
    assert rates(traced, linear=linear, warmup=0.0)[0] == pytest.approx(PEAK)


@pytest.mark.parametrize("total", [1, 2, 3])
@pytest.mark.parametrize("warmup", [0.0, 0.3])
def test_the_shortest_trainings_still_learn(traced, total, warmup) -> None:
    found = rates(traced, linear=False, warmup=warmup, total=total)
    assert np.isfinite(found).all()
    assert (found[:total] > 0).all()
    assert (found <= PEAK * 1.0001).all()


PARAMETERS = {
    "kernel": jnp.array([[1.0, -2.0], [0.5, 3.0]]),
    "bias": jnp.array([0.7, -0.3]),
}


def train(optimizer: optax.GradientTransformation, steps: int) -> dict[str, jax.Array]:
    """On a loss with different curvature in every coordinate, and none at all in the second bias."""

    def loss(parameters: dict[str, jax.Array]) -> jax.Array:
        curved = jnp.array([[1.0, 2.0], [0.1, 0.0]]) * (parameters["kernel"] - 1) ** 2
        return curved.sum() + jnp.sin(parameters["bias"][0])

    parameters, state = PARAMETERS, optimizer.init(PARAMETERS)
    for _ in range(steps):
        updates, state = optimizer.update(jax.grad(loss)(parameters), state, parameters)
        parameters = optax.apply_updates(parameters, updates)
    return parameters


def plain(name: str, decay: float) -> optax.GradientTransformation:
    schedule = optax.join_schedules(
        [lambda step: PEAK * (step + 1) / 4, optax.cosine_decay_schedule(PEAK, 16)], [4]
    )
    mask = {"kernel": True, "bias": False}
    if name == "adamw":
        return optax.adamw(schedule, weight_decay=decay, mask=mask)
    return optax.chain(
        optax.masked(optax.add_decayed_weights(decay), mask), optax.sgd(schedule, 0.9, nesterov=True)
    )


@pytest.mark.parametrize("decay", [0.0, 0.05])
@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_traced_numbers_do_what_floats_do(traced, name, decay) -> None:
    def with_numbers(numbers):
        return train(make_optimizer(name, numbers, jnp.float32(20)), 6)

    found = jax.jit(with_numbers)(traced(learning_rate=PEAK, warmup=0.2, weight_decay=decay))
    expected = jax.jit(lambda: train(plain(name, decay), 6))()
    for leaf in PARAMETERS:
        np.testing.assert_allclose(found[leaf], expected[leaf], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_biases_do_not_decay_and_kernels_do(traced, name) -> None:
    """In the directions without a gradient; a decoupled decay shrinks by 1 - rate × decay a step."""
    numbers = traced(learning_rate=PEAK, weight_decay=0.1)
    found = jax.jit(lambda numbers: train(make_optimizer(name, numbers, jnp.float32(1e6)), 1))(numbers)
    assert found["bias"][1] == PARAMETERS["bias"][1]
    momentum = 1.9 if name == "sgd" else 1.0  # Nesterov's first step is 1 + 0.9 times the gradient's
    assert found["kernel"][1, 1] == pytest.approx(3.0 * (1 - momentum * PEAK * 0.1), rel=1e-5)
