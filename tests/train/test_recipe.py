import numpy as np
import pytest

from ecojax.space import SearchSpace
from ecojax.train.images.recipe import image_recipe, recipe_parameters
from ecojax.train.recipe import Recipe


@pytest.mark.parametrize("images", [1, 3, 127, 128, 129, 1000, 50_000])
def test_every_batch_size_leaves_an_epoch_of_four_steps(images) -> None:
    """Or of a step an image; and none is so small that batch norm would have nothing to normalise by."""
    sizes = SearchSpace(recipe_parameters((8, 8, 1), images))["batch_size"].choices
    assert all(images // size >= min(4, images) for size in sizes)
    assert min(sizes) >= min(32, images // 4)
    assert (256 in sizes) == (images >= 1024)


@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 8, 1), (5, 7, 2), (32, 32, 3)])
def test_augmentation_leaves_most_of_the_image(shape) -> None:
    space = SearchSpace(recipe_parameters(shape, 1000))
    assert space["crop"].high <= max(1, min(shape[:2]) / 8)
    assert space["cutout"].high <= max(1, min(shape[:2]) / 4)


RATES = {"sgd", "decoupled_sgd", "adamw", "muon"}


def test_a_recipe_takes_the_rate_of_its_own_optimizer() -> None:
    space = SearchSpace(recipe_parameters((8, 8, 1), 1000))
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(100):
        configuration = space.decode(rng.random(len(space)))
        recipe = image_recipe(configuration)
        optimizer, schedule = configuration["optimizer"], configuration["schedule"]
        own = {optimizer, "adamw"} if optimizer == "muon" else {optimizer}
        for name in RATES:
            assert (f"{name}_learning_rate" in configuration) == (name in own)
        if optimizer != "decoupled_sgd":
            assert recipe.optimizer == optimizer
            assert recipe.numbers["learning_rate"] == configuration[f"{optimizer}_learning_rate"]
            assert recipe.numbers["weight_decay"] == configuration["weight_decay"]
        assert recipe.numbers["linear_decay"] == (schedule != "cosine")
        assert recipe.batch_size == configuration["batch_size"]
        assert all(recipe.numbers[name] == configuration[name] for name in ("flip", "crop", "cutout"))
        assert recipe.numbers["reflect"] == (configuration["crop_padding"] == "reflect")
        assert all(isinstance(value, float) for value in recipe.numbers.values())
        seen.add((optimizer, schedule))
    assert len(seen) == 4 * 4


def test_the_published_recipe_in_decoupled_form() -> None:
    """airbench94's rate of 11.5 and decay of 0.0153 at momentum 0.85 and batch 1024, as its script converts them
    for a summed loss; ours is a mean, so its rate is 1024 times theirs."""
    recipe = Recipe.from_configuration(
        {
            "optimizer": "decoupled_sgd",
            "decoupled_sgd_learning_rate": 11.5,
            "weight_decay": 0.0153,
            "momentum": 0.85,
            "norm_rate": 64.0,
            "batch_size": 1024,
            "schedule": "triangle",
        }
    )
    theirs = 11.5 / (1024 * (1 + 1 / (1 - 0.85)))
    assert recipe.optimizer == "sgd"
    assert recipe.numbers["learning_rate"] == pytest.approx(1024 * theirs)
    assert recipe.numbers["learning_rate"] == pytest.approx(1.5)
    decay_a_step = recipe.numbers["learning_rate"] * recipe.numbers["weight_decay"]
    assert decay_a_step == pytest.approx(0.0153 * 1024 / (1024 * (1 + 1 / (1 - 0.85))))
    assert (recipe.numbers["norm_rate"], recipe.numbers["bias_decay"]) == (64, 1)
    assert (recipe.numbers["schedule_start"], recipe.numbers["schedule_end"]) == (0.2, 0.07)


@pytest.mark.parametrize("momentum", [0.5, 0.85, 0.95])
@pytest.mark.parametrize("batch_size", [64, 1024])
def test_rate_decay_momentum_and_batch_can_be_tuned_apart(momentum, batch_size) -> None:
    """Under a constant gradient, 1024 images move a weight by the rate, and shrink it by the decay, whatever the batch;
    and momentum changes both by 1 / (2 - m) only, since the published conversion divides by 1 + 1 / (1 - m)."""
    recipe = Recipe.from_configuration(
        {
            "optimizer": "decoupled_sgd",
            "decoupled_sgd_learning_rate": 3.0,
            "weight_decay": 0.01,
            "momentum": momentum,
            "batch_size": batch_size,
        }
    )
    rate, decay = recipe.numbers["learning_rate"], recipe.numbers["weight_decay"]
    trace = 0.0
    for _ in range(500):
        trace = momentum * trace + 1.0  # the mean gradient is one
    steady = 1.0 + momentum * trace  # Nesterov
    assert steady == pytest.approx(1 / (1 - momentum))
    steps = 1024 / batch_size
    assert steps * rate * steady == pytest.approx(3.0 / (2 - momentum))
    assert steps * rate * decay * steady == pytest.approx(0.01 / (2 - momentum))
