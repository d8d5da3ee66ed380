"""The compiled programs: an epoch against a plain loop, evaluation against numpy, and what they may cost."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ecojax.models.network import Weights
from ecojax.train import compilation
from ecojax.train.compilation import compiled
from ecojax.train.images import augmentation
from ecojax.train.loss import share_error
from ecojax.train.program import padded_batches

KEY = jax.random.key(3)


@pytest.fixture(scope="module")
def perceptron(make_program):
    return make_program("mlp", hidden_layers=1, hidden_width=64, norm="none")


@pytest.fixture(scope="module")
def on_device(digits):
    return jnp.asarray(digits.x_train), jnp.asarray(digits.y_train)


def test_a_perceptron_learns_the_digits(perceptron, digits, on_device, traced) -> None:
    run, epochs = perceptron.jitted, 6
    state = run.init(jax.random.key(0))
    total = jnp.float32(epochs * (1500 // 32))
    losses = []
    for epoch in range(epochs):
        state, loss = run.advance(
            state, traced(learning_rate=0.005), *on_device, total, jax.random.fold_in(KEY, epoch)
        )
        losses.append(float(loss))
    assert losses[0] > 2 * losses[-1]
    assert int(state.step) == epochs * (1500 // 32)

    images, labels = padded_batches(digits.x_validation, digits.y_validation)
    verdict = perceptron.loss.figures(run.evaluate(state.weights, images, labels), len(digits.y_validation))
    assert verdict["accuracy"] > 0.9

    # 297 images in batches of 256 leave 215 places of padding; numpy sees none of them
    logits = np.asarray(run.logits(state.weights, digits.x_validation), np.float64)
    assert verdict["accuracy"] == pytest.approx((logits.argmax(1) == digits.y_validation).mean(), abs=1e-9)
    log_z = np.log(np.exp(logits).sum(1))
    cross_entropy = log_z - logits[np.arange(297), digits.y_validation]
    assert verdict["validation_loss"] == pytest.approx(cross_entropy.mean(), rel=1e-4)


@pytest.mark.parametrize("n", [1, 255, 256, 257, 600])
def test_padding_loses_no_image_and_invents_none(n) -> None:
    images = np.arange(1, n + 1, dtype=np.float32).reshape(n, 1, 1, 1)
    x, y = padded_batches(images, np.arange(n))
    assert x.shape[:2] == y.shape
    assert y.shape[1] <= 256
    real = y.ravel() >= 0
    np.testing.assert_array_equal(x.ravel()[real], images.ravel())
    np.testing.assert_array_equal(y.ravel()[real], np.arange(n))
    assert (y.ravel()[~real] == -1).all()
    assert (~real).sum() < y.shape[1]


def test_the_standard_error_is_binomial_with_two_of_each_added() -> None:
    """Agresti and Coull, 1998: 360 of 400 count as 362 of 404, and all of 16 as 18 of 20."""
    assert share_error(0.9, 400) == pytest.approx(np.sqrt(362 / 404 * 42 / 404 / 404))
    assert share_error(1.0, 16) == pytest.approx(np.sqrt(0.9 * 0.1 / 20))
    assert share_error(0.0, 16) == pytest.approx(np.sqrt(0.1 * 0.9 / 20))


CONVNET = {"stages": 1, "width": 8, "block": "depthwise", "norm": "batch", "pooling": "stride"}
PERCEPTRON = {"hidden_layers": 2, "hidden_width": 16, "norm": "none"}


def matrices(parameters):
    return jax.tree.map(lambda leaf: leaf.ndim > 1, parameters)


def warm_up(step):
    return 0.02 * (step + 1) / 4  # the first half of eight steps


RECIPE = {"learning_rate": 0.02, "weight_decay": 0.05, "warmup": 0.5, "label_smoothing": 0.1}


def gradient_of(network, images, labels):
    """The gradient of the recipe's loss, with what goes along: `(value, statistics), gradient` of weights."""

    def loss(parameters, statistics):
        logits, moved = network.training_logits(
            Weights(parameters, statistics), network.normalise(images), dropout_rate=0.0, key=KEY
        )
        target = 0.9 * jax.nn.one_hot(labels, 10) + 0.1 / 10
        return -(target * jax.nn.log_softmax(logits)).sum(1).mean(), moved

    return jax.value_and_grad(loss, has_aux=True)


@pytest.mark.parametrize(
    ("name", "architecture", "n", "epochs"),
    [
        ("convnet", CONVNET, 16, 4),  # whole batches, an epoch each
        ("mlp", PERCEPTRON, 70, 1),  # four batches of one image's copies, six left over
    ],
)
def test_epochs_are_a_plain_loop_over_batches(
    make_program, digits, traced, name, architecture, n, epochs
) -> None:
    """The same weights and batch statistics as optax gives with plain floats. In neither case does the order matter.

    By SGD, whose steps are as exact as its gradients; what Adam does with tiny ones depends on their rounding.
    """
    program = make_program(name, optimizer="sgd", batch_size=16, **architecture)
    network = program.network
    images = np.resize(digits.x_train[: 16 if n == 16 else 1], (n, 8, 8, 1))
    labels = np.resize(digits.y_train[: 16 if n == 16 else 1], n)
    stock = optax.chain(
        optax.add_decayed_weights(0.05, mask=matrices), optax.sgd(warm_up, 0.9, nesterov=True)
    )
    gradient_at = gradient_of(network, images[:16], labels[:16])

    @jax.jit
    def step(parameters, statistics, stock_state):
        (value, statistics), gradient = gradient_at(parameters, statistics)
        updates, stock_state = stock.update(gradient, stock_state, parameters)
        return optax.apply_updates(parameters, updates), statistics, stock_state, value

    parameters, statistics = jax.jit(network.init)(jax.random.key(0))
    stock_state, expected_losses = stock.init(parameters), []
    for _ in range(4):
        parameters, statistics, stock_state, loss = step(parameters, statistics, stock_state)
        expected_losses.append(float(loss))

    state, losses = program.jitted.init(jax.random.key(0)), []
    for epoch in range(epochs):
        state, loss = program.jitted.advance(
            state, traced(**RECIPE), images, labels, jnp.float32(8), jax.random.key(epoch)
        )
        losses.append(float(loss))
    assert np.mean(losses) == pytest.approx(np.mean(expected_losses), rel=1e-4)
    assert expected_losses[-1] < expected_losses[0]
    found = network.to_arrays(state.weights)
    for leaf, expected in network.to_arrays(Weights(parameters, statistics)).items():
        np.testing.assert_allclose(found[leaf], expected, rtol=1e-3, atol=2e-4, err_msg=leaf)


def test_adamw_is_given_the_gradients_of_the_batch(make_program, digits, traced) -> None:
    """Its moments after a step, which are gradients and their squares, and its step by those that it found."""
    program = make_program("convnet", optimizer="adamw", batch_size=16, **CONVNET)
    network = program.network
    images, labels = digits.x_train[:16], digits.y_train[:16]
    start = jax.jit(network.init)(jax.random.key(0))
    _, gradient = jax.jit(gradient_of(network, images, labels))(*start)

    state = program.jitted.init(jax.random.key(0))
    state, _ = program.jitted.advance(state, traced(**RECIPE), images, labels, jnp.float32(8), KEY)
    (moments,) = optax.tree.get_all_with_path(state.optimizer_state, "mu")
    found = jax.tree.map(lambda moment: moment / (1 - 0.9), moments[1])
    # a bias that only moves what a norm centres again has no gradient but rounding
    largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(gradient))
    for ours, expected in zip(jax.tree.leaves(found), jax.tree.leaves(gradient), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-5 * largest)

    stock = optax.adamw(warm_up, weight_decay=0.05, mask=matrices)
    updates, _ = stock.update(found, stock.init(start.parameters), start.parameters)
    stepped = optax.apply_updates(start.parameters, updates)
    for ours, expected in zip(
        jax.tree.leaves(state.weights.parameters), jax.tree.leaves(stepped), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def touched(make_program, traced):
    """The images that an epoch trained on, by a key.

    Logistic regression on 64 images, the i-th with only the i-th pixel lit: its gradient reaches row i of the
    kernel and no other. Batches of twelve make five steps, so four images are left over.
    """
    program = make_program("mlp", optimizer="sgd", batch_size=12, hidden_layers=0)
    network = replace(program.network, mean=(0.0,), std=(1.0,))
    run = replace(program, network=network).jitted
    images = jnp.asarray(255 * np.eye(64, dtype=np.uint8).reshape(64, 8, 8, 1))
    labels = jnp.zeros(64, jnp.int32)

    def after(key: jax.Array) -> set[int]:
        state = run.init(jax.random.key(0))
        before = network.to_arrays(state.weights)["dense/kernel"]
        state, _ = run.advance(state, traced(learning_rate=0.1), images, labels, jnp.float32(5), key)
        assert int(state.step) == 5
        changed = (network.to_arrays(state.weights)["dense/kernel"] != before).any(1)
        return set(np.flatnonzero(changed).tolist())

    return after


def test_an_epoch_touches_no_image_twice(touched) -> None:
    """Five steps of twelve draws reach sixty different images: none can have come twice."""
    first, second = touched(jax.random.key(0)), touched(jax.random.key(1))
    assert len(first) == len(second) == 60
    assert first != second  # what was left over has its turn in another order


def test_over_many_epochs_every_image_has_its_turn(touched) -> None:
    """An image is left over with chance 1/16; fifty epochs expect 3.1 absences of each."""
    absences = np.zeros(64)
    for seed in range(50):
        absences[list(set(range(64)) - touched(jax.random.key(seed)))] += 1
    assert absences.sum() == 50 * 4
    assert absences.max() <= 12  # the chance of 13 or more for any of 64 is 0.1 %


def test_hyperparameters_are_arguments_not_programs(perceptron, on_device, traced, monkeypatch) -> None:
    """Other numbers trace nothing anew, and an equal program is the same key; another shape is another."""
    program = replace(perceptron, batch_size=50)
    traces = []
    augment = augmentation.augment
    monkeypatch.setattr(augmentation, "augment", lambda *args, **kw: traces.append(1) or augment(*args, **kw))
    state = program.jitted.init(jax.random.key(0))
    counts = []
    for seed, values in enumerate(
        ({}, {"learning_rate": 0.5, "crop": 1, "flip": 1, "cutout": 2}, {"dropout": 0.5, "weight_decay": 0.1})
    ):
        state, _ = program.jitted.advance(
            state, traced(**values), *on_device, jnp.float32(10 + seed), jax.random.key(seed)
        )
        counts.append(len(traces))
    assert counts[0] >= 1
    assert counts == [counts[0]] * 3
    assert program == replace(perceptron, batch_size=50)
    assert hash(program) == hash(replace(perceptron, batch_size=50))
    assert program != perceptron


def test_an_epoch_moves_nothing_between_host_and_device(perceptron, on_device, traced) -> None:
    run, numbers, total = perceptron.jitted, traced(), jnp.float32(46)
    state = run.init(jax.random.key(0))
    state, _ = run.advance(state, numbers, *on_device, total, KEY)
    with jax.transfer_guard("disallow"):
        state, _ = run.advance(state, numbers, *on_device, total, KEY)
    assert int(state.step) == 2 * 46
    # the guard is awake: numbers from the host do not pass it
    with jax.transfer_guard("disallow"), pytest.raises(Exception, match="Disallowed host-to-device"):
        run.advance(state, numbers, *on_device, np.float32(46), KEY)


@pytest.mark.parametrize("values", [{"dropout": 0.5}, {"crop": 1}, {"flip": 1}, {"cutout": 2}])
def test_an_epoch_is_a_function_of_its_key(perceptron, on_device, traced, values) -> None:
    run = perceptron.jitted

    def loss(key):
        state = run.init(jax.random.key(0))
        return float(run.advance(state, traced(**values), *on_device, jnp.float32(46), key)[1])

    assert loss(KEY) == loss(KEY)
    assert loss(KEY) != loss(jax.random.key(4))


@pytest.mark.parametrize("values", [{"dropout": 0.5, "crop": 1}, {"flip": 1, "cutout": 2}])
def test_an_epoch_in_parts_is_the_epoch(perceptron, on_device, traced, values) -> None:
    run, numbers, total = perceptron.jitted, traced(**values), jnp.float32(92)
    whole, _ = run.advance(run.init(jax.random.key(0)), numbers, *on_device, total, KEY)
    state, losses = run.init(jax.random.key(0)), []
    for first, end in ((0, 5), (5, 5), (5, 46)):
        state, loss = run.advance(state, numbers, *on_device, total, KEY, (jnp.int32(first), jnp.int32(end)))
        assert int(state.step) == end
        losses.append((end - first) * float(loss))
    for found, expected in zip(jax.tree.leaves(state), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(found, expected)
    _, loss = run.advance(run.init(jax.random.key(0)), numbers, *on_device, total, KEY)
    assert sum(losses) / 46 == pytest.approx(float(loss), rel=1e-5)


@pytest.mark.parametrize(
    "absent", [{"flip"}, {"crop", "cutout"}, {"dropout"}, {"flip", "crop", "cutout", "dropout"}]
)
def test_what_is_never_drawn_is_left_out_and_nothing_else_changes(
    perceptron, on_device, traced, absent
) -> None:
    values = {"dropout": 0.5, "crop": 1, "flip": 1, "cutout": 2}
    numbers = traced(**{name: 0 if name in absent else value for name, value in values.items()})
    fewer = replace(perceptron.augmentation, absent=frozenset(absent - {"dropout"}))
    lean = replace(perceptron, augmentation=fewer, drops="dropout" not in absent)
    assert lean != perceptron  # another program, compiled apart

    def trained(program):
        run = program.jitted
        return run.advance(run.init(jax.random.key(0)), numbers, *on_device, jnp.float32(46), KEY)

    for found, expected in zip(
        jax.tree.leaves(trained(lean)), jax.tree.leaves(trained(perceptron)), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_options_for_quick_compilation_change_speed_alone(perceptron, on_device, traced) -> None:
    run, total = perceptron.jitted, jnp.float32(46)
    lowered = run.advance.lower(run.init(jax.random.key(0)), traced(), *on_device, total, KEY)
    ends = [
        jax.tree.leaves(compile_(run.init(jax.random.key(0)), traced(), *on_device, total, KEY))
        for compile_ in (compiled(lowered), lowered.compile())
    ]
    for found, expected in zip(*ends, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_an_xla_without_those_options_compiles_as_ever(perceptron, on_device, traced, monkeypatch) -> None:
    monkeypatch.setattr(compilation, "QUICK", {"xla_cpu_no_such_option": True})
    compilation._has_quick_option.cache_clear()
    run = perceptron.jitted
    try:
        lowered = run.init.lower(jax.random.key(0))
        assert int(compiled(lowered)(jax.random.key(0)).step) == 0
        assert not compilation._has_quick_option()
    finally:
        compilation._has_quick_option.cache_clear()
