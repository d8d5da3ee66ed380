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


def test_a_triangle_is_the_published_one(traced) -> None:
    """Straight lines through 0.2 at the first step, 1 at 23 % of 200 and 0.07 at the end (airbench94)."""
    numbers = traced(learning_rate=PEAK, warmup=0.23, linear_decay=1, schedule_start=0.2, schedule_end=0.07)
    schedule = jax.vmap(learning_rate_schedule(numbers, jnp.float32(200)))
    expected = PEAK * np.interp(np.arange(201), [0, 46, 200], [0.2, 1.0, 0.07])
    np.testing.assert_allclose(jax.jit(schedule)(jnp.arange(201)), expected, rtol=1e-5)


@pytest.mark.parametrize("warmup", [0.0, 0.2])
def test_a_constant_rate_stays_once_it_is_warm(traced, warmup) -> None:
    numbers = traced(learning_rate=PEAK, warmup=warmup, linear_decay=1, schedule_end=1)
    found = jax.jit(jax.vmap(learning_rate_schedule(numbers, jnp.float32(200))))(jnp.arange(201))
    np.testing.assert_allclose(found[round(200 * warmup) :], PEAK, rtol=1e-6)


NETWORK = {
    "conv": {"kernel": np.linspace(-1, 1, 2 * 2 * 3 * 4).reshape(2, 2, 3, 4), "bias": np.array([0.3, -2.0])},
    "norms": {"0": {"bias": np.array([1.0, -0.5, 0.2])}},
}


def gradient_of(parameters: dict) -> dict:
    return jax.tree.map(lambda leaf: np.cos(3 * leaf), parameters)


def test_sgd_with_a_rate_of_its_own_for_norms_is_the_published_update() -> None:
    """airbench94 gives two groups to SGD: rate and decay (lr, wd / lr), and for norms (64 lr, wd / (64 lr))."""
    lr, wd, momentum, steps = 0.02, 0.004, 0.85, 5
    numbers = {"learning_rate": lr, "weight_decay": wd / lr, "momentum": momentum, "norm_rate": 64.0}
    numbers |= {
        "bias_decay": 1.0,
        "warmup": 0.0,
        "linear_decay": 1.0,
        "schedule_start": 0.0,
        "schedule_end": 1.0,
    }
    optimizer = make_optimizer("sgd", jax.tree.map(jnp.float32, numbers), jnp.float32(steps))
    found = jax.tree.map(jnp.float32, NETWORK)
    state = optimizer.init(found)
    for _ in range(steps):
        updates, state = jax.jit(optimizer.update)(
            jax.tree.map(jnp.float32, gradient_of(found)), state, found
        )
        found = optax.apply_updates(found, updates)

    for path, start in (
        (("conv", "kernel"), NETWORK["conv"]["kernel"]),
        (("conv", "bias"), NETWORK["conv"]["bias"]),
        (("norms", "0", "bias"), NETWORK["norms"]["0"]["bias"]),
    ):
        rate = 64 * lr if path[0] == "norms" else lr
        weight, trace, leaf = start.copy(), np.zeros_like(start), found
        for _ in range(steps):
            gradient = np.cos(3 * weight) + (wd / rate) * weight
            trace = momentum * trace + gradient
            weight = weight - rate * (gradient + momentum * trace)
        for name in path:
            leaf = leaf[name]
        np.testing.assert_allclose(leaf, weight, rtol=1e-3, atol=1e-4, err_msg=str(path))


def muon_step(traced, gradient: dict, **values: float) -> dict:
    numbers = traced(learning_rate=PEAK, adamw_learning_rate=0.01, momentum=0.6, **values)
    optimizer = make_optimizer("muon", numbers, jnp.float32(100))
    gradient = jax.tree.map(jnp.float32, gradient)
    parameters = jax.tree.map(jnp.ones_like, gradient)
    return jax.jit(optimizer.update)(gradient, optimizer.init(parameters), parameters)[0]


@pytest.mark.parametrize(
    ("shape", "layer", "inputs"),
    [
        ((3, 3, 8, 16), "conv", 3),
        ((3, 3, 2, 48), "conv", 3),
        ((1, 1, 24, 24), "conv", 3),
        ((32, 16), "conv", 1),
        ((24, 4, 8), "query", 1),  # of attention: inputs by heads by features
        ((4, 8, 24), "out", 2),
    ],
)
def test_muons_update_of_a_kernel_is_orthogonal_as_a_matrix_of_inputs_by_outputs(
    traced, shape, layer, inputs
) -> None:
    """As far as five Newton-Schulz steps go: singular values of 0.5 to 1.5 (Jordan 2024), whatever the gradient's."""
    rng = np.random.default_rng(0)
    fan_in, fan_out = int(np.prod(shape[:inputs])), int(np.prod(shape[inputs:]))
    u, _ = np.linalg.qr(rng.normal(size=(fan_in, min(fan_in, fan_out))))
    v, _ = np.linalg.qr(rng.normal(size=(fan_out, min(fan_in, fan_out))))
    spread = np.geomspace(1, 0.03, u.shape[1])
    gradient = ((u * spread) @ v.T).reshape(shape)
    update = muon_step(traced, {layer: {"kernel": gradient}})[layer]["kernel"]
    matrix = np.asarray(update).reshape(fan_in, fan_out) / -PEAK / np.sqrt(max(1, fan_out / fan_in))
    singular = np.linalg.svd(matrix, compute_uv=False)
    assert singular.min() > 0.5
    assert singular.max() < 1.5
    assert np.ptp(np.diag(u.T @ matrix @ v) - singular.mean()) < 1  # along the gradient's own directions
    off = u.T @ matrix @ v - np.diag(np.diag(u.T @ matrix @ v))
    assert np.abs(off).max() < 0.02


def test_muon_leaves_biases_and_the_output_layer_to_adamw_at_its_own_rate(traced) -> None:
    """Whatever the gradient, the first step of Adam with Nesterov momentum has one size in every coordinate: its rate
    times 0.9 × 0.1 / (1 - 0.9²) + 0.1 / (1 - 0.9) (Dozat 2016)."""
    rng = np.random.default_rng(0)
    gradient = {
        "norms": {"0": {"bias": rng.normal(size=7)}},
        "dense": {"kernel": rng.normal(size=(7, 10)), "bias": rng.normal(size=10)},
        "query": {"bias": rng.normal(size=(2, 5))},
        "positions": rng.normal(size=(4, 10)),
    }
    for leaf in jax.tree.leaves(muon_step(traced, gradient)):
        np.testing.assert_allclose(np.abs(leaf), 0.01 * (0.09 / 0.19 + 1), rtol=1e-3)


def test_muon_decays_kernels_by_rate_times_decay(traced) -> None:
    gradient = {"conv": {"kernel": np.eye(4)}}
    with_decay, without = (
        muon_step(traced, gradient, weight_decay=decay)["conv"]["kernel"] for decay in (0.1, 0)
    )
    np.testing.assert_allclose(with_decay - without, -PEAK * 0.1, rtol=1e-4)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
@pytest.mark.parametrize(
    ("family", "shape"),
    [
        ("convnet", {"block": "plain"}),
        ("convnet", {"block": "residual", "norm": "none"}),
        ("convnet", {"block": "depthwise", "pooling": "stride"}),
        ("airbench", {}),
        ("mlp", {"hidden_layers": 2}),
        ("linear", {}),
        ("vit", {"token_pooling": "class"}),
    ],
)
def test_every_optimizer_takes_every_family_and_keeps_its_state_in_shape(
    make_program, traced, optimizer, family, shape
) -> None:
    program = make_program(family, optimizer=optimizer, **shape)
    state = jax.eval_shape(program.init, jax.random.key(0))
    parameters = state.weights.parameters
    update = make_optimizer(optimizer, traced(), jnp.float32(10)).update
    updates, after = jax.eval_shape(update, parameters, state.optimizer_state, parameters)
    assert jax.tree.map(jnp.shape, updates) == jax.tree.map(jnp.shape, parameters)
    assert jax.tree.structure(after) == jax.tree.structure(state.optimizer_state)
    assert jax.tree.leaves(after) == jax.tree.leaves(state.optimizer_state)
