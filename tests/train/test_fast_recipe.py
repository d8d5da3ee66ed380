"""Airbench's network and recipe in the training program: fitted once, learning under every optimizer."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecojax.data import load
from ecojax.tasks import ImageClassification
from ecojax.train.images.augmentation import alternating_flips
from ecojax.train.images.recipe import image_recipe
from ecojax.train.program import padded_batches

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
    "muon": {"muon_learning_rate": 0.1, "adamw_learning_rate": 0.005, "weight_decay": 0.01},
}


@pytest.fixture(scope="module")
def train(make_program, digits):
    """Trains on digits and returns the program with its last state."""

    def train(optimizer: str, epochs: int):
        recipe = image_recipe(PUBLISHED | OPTIMIZERS[optimizer] | {"optimizer": optimizer})
        program = make_program("airbench", optimizer=recipe.optimizer, batch_size=recipe.batch_size, **SMALL)
        state = program.jitted.init(jax.random.key(0, impl="rbg"))
        numbers = jax.tree.map(jnp.float32, dict(recipe.numbers))
        total = jnp.float32(epochs * (640 // 32))
        for epoch in range(epochs):
            state, _ = program.jitted.advance(
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
    verdict = program.loss.figures(program.jitted.evaluate(state.weights, *batches), len(digits.y_validation))
    assert (
        verdict["accuracy"] > 0.6
    )  # chance is 0.1; four thousand images have been seen, where airbench sees 500,000


def test_the_stem_is_fitted_before_the_first_step_and_never_again(make_program, digits, traced) -> None:
    program = make_program("airbench", **SMALL)
    run, network = program.jitted, program.network
    state = run.init(jax.random.key(0, impl="rbg"))
    fitted = network.to_arrays(jax.jit(network.fit)(state.weights, digits.x_train[:200]))
    images, labels = digits.x_train[:200], digits.y_train[:200]
    for x in (images, 255 - images):  # the second epoch shows other images, and the stem does not follow
        state, _ = run.advance(state, traced(learning_rate=0.001), x, labels, jnp.float32(12), KEY)
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
        state, loss = run.advance(
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


@pytest.mark.slow
def test_a_compiled_epoch_is_the_uncompiled_one(make_program, digits, traced) -> None:
    program = make_program("airbench", group_depth=1, batch_size=16, **SMALL)
    numbers = traced(learning_rate=0.001, flip=1, crop=1, reflect=1, label_smoothing=0.2)
    arguments = (
        numbers,
        jnp.asarray(digits.x_train[:32]),
        jnp.asarray(digits.y_train[:32]),
        jnp.float32(2),
        KEY,
    )
    state = program.jitted.init(jax.random.key(0, impl="rbg"))
    with jax.disable_jit():
        plain, plain_loss = program.advance(state, *arguments)
    compiled, loss = program.jitted.advance(state, *arguments)
    assert float(loss) == pytest.approx(float(plain_loss), rel=1e-4)
    expected = program.network.to_arrays(plain.weights)
    for name, array in program.network.to_arrays(compiled.weights).items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-3, atol=1e-3, err_msg=name)


# Read at import, since the fixture below hides it from the test.
DATA_DIR = Path(
    os.environ.get("ECOJAX_DATA_DIR") or Path(__file__).resolve().parents[2].parent / "shared/data/tfds"
)


@pytest.mark.slow
def test_narrow_relatives_learn_photographs(tmp_path) -> None:
    """CIFAR-10 where it lies at hand: 2,000 images, 6 epochs, the published recipe."""
    if not (DATA_DIR / "cifar10").is_dir():
        pytest.skip(f"no prepared cifar10 in {DATA_DIR}; set ECOJAX_DATA_DIR to run this on real images")
    data = load("cifar10", data_dir=DATA_DIR, train_size=2000, validation_size=1000, cache_dir=tmp_path)
    narrow = SMALL | {"group_depth": 1, "pooling_place": "before", "test_views": "mirror"}
    task = ImageClassification(
        data,
        ["airbench"],
        pins=narrow | {"optimizer": "decoupled_sgd", "flip": True, "crop": 2, "crop_padding": "reflect"},
    )
    configuration = task.space.default() | {"schedule": "triangle", "warmup": 0.23, "label_smoothing": 0.2}
    program, recipe = task.program(configuration), task.recipe(configuration)
    numbers = jax.tree.map(jnp.float32, dict(recipe.numbers))
    images, labels = jnp.asarray(data.x_train), jnp.asarray(data.y_train)
    state, total = program.jitted.init(KEY), jnp.float32(6 * (2000 // recipe.batch_size))
    for epoch in range(6):
        state, _ = program.jitted.advance(
            state, numbers, images, labels, total, jax.random.fold_in(KEY, epoch)
        )
    batches = padded_batches(data.x_validation, data.y_validation)
    verdict = program.loss.figures(program.jitted.evaluate(state.weights, *batches), 1000)
    assert verdict["accuracy"] > 0.3  # chance is 0.1
