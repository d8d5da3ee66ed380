"""Airbench's network and recipe in the training program: fitted once, learning under every optimizer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecojax.train.augmentation import alternating_flips
from ecojax.train.program import judgement, padded_batches
from ecojax.train.recipe import Recipe

SMALL = {"first_width": 16, "second_width": 32, "third_width": 32}
KEY = jax.random.key(3)
PUBLISHED = {
    "batch_size": 32,
    "weight_decay": 0.0153,
    "momentum": 0.85,
    "label_smoothing": 0.2,
    "warmup": 0.23,
    "schedule": "triangle",
}
OPTIMIZERS = {
    "decoupled_sgd": {"decoupled_sgd_learning_rate": 11.5, "norm_rate": 64.0},
    "sgd": {"sgd_learning_rate": 0.1},
    "adamw": {"adamw_learning_rate": 0.005},
    "muon": {"muon_learning_rate": 0.03, "adamw_learning_rate": 0.005, "weight_decay": 0.01},
}


@pytest.fixture(scope="module")
def train(make_program, digits):
    """Trains on digits and returns the program with its last state."""

    def train(optimizer: str, epochs: int):
        recipe = Recipe.from_configuration(PUBLISHED | OPTIMIZERS[optimizer] | {"optimizer": optimizer})
        program = make_program("airbench", optimizer=recipe.optimizer, batch_size=recipe.batch_size, **SMALL)
        state = program.jitted.init(jax.random.key(0, impl="rbg"))
        numbers = jax.tree.map(jnp.float32, dict(recipe.numbers))
        total = jnp.float32(epochs * (640 // 32))
        for epoch in range(epochs):
            state, _ = program.jitted.epoch(
                state,
                numbers,
                digits.x_train[:640],
                digits.y_train[:640],
                total,
                jax.random.fold_in(KEY, epoch),
            )
        return program, state

    return train


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_learns_the_digits(train, digits, optimizer) -> None:
    program, state = train(optimizer, 6)
    batches = padded_batches(digits.x_validation, digits.y_validation)
    verdict = judgement(program.jitted.evaluate(state.weights, *batches), len(digits.y_validation))
    assert (
        verdict.accuracy > 0.6
    )  # chance is 0.1; four thousand images have been seen, where airbench sees 500,000


def test_the_stem_is_fitted_before_the_first_step_and_never_again(make_program, digits, traced) -> None:
    program = make_program("airbench", **SMALL)
    run, network = program.jitted, program.network
    state = run.init(jax.random.key(0, impl="rbg"))
    fitted = network.to_arrays(jax.jit(network.fit)(state.weights, digits.x_train[:200]))
    images, labels = digits.x_train[:200], digits.y_train[:200]
    for x in (images, 255 - images):  # the second epoch shows other images, and the stem does not follow
        state, _ = run.epoch(state, traced(learning_rate=0.001), x, labels, jnp.float32(12), KEY)
        kernel = network.to_arrays(state.weights)["whitening/kernel"]
        np.testing.assert_allclose(kernel, fitted["whitening/kernel"], rtol=1e-3, atol=1e-4)


def test_an_epoch_shows_what_the_one_before_showed_mirrored(make_program, traced) -> None:
    """Images whose left half decides, and a linear network without a rate: its loss tells which side it was shown."""
    program = make_program("linear", batch_size=8, max_shift=0)
    run = program.jitted
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 8, 8, 1), dtype=np.uint8)
    labels = np.arange(8, dtype=np.int32)
    numbers = traced(learning_rate=0, flip=1)
    state = run.init(jax.random.key(0))
    losses = []
    for epoch in range(4):
        state, loss = run.epoch(
            state, numbers, images, labels, jnp.float32(4), jax.random.fold_in(KEY, epoch)
        )
        losses.append(float(loss))
    first = np.asarray(alternating_flips(jnp.arange(8), 0))
    shown = np.where(first[:, None, None, None], images[:, :, ::-1], images)
    for epoch, x in enumerate((shown, shown[:, :, ::-1], shown, shown[:, :, ::-1])):
        logits = np.asarray(run.logits(state.weights, x), np.float64)
        expected = np.log(np.exp(logits).sum(1)) - logits[np.arange(8), labels]
        assert losses[epoch] == pytest.approx(expected.mean(), rel=1e-4)
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)
