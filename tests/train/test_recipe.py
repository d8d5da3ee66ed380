import numpy as np
import pytest

from ecojax.space import SearchSpace
from ecojax.train.recipe import Recipe, recipe_parameters


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


def test_a_recipe_takes_the_rate_of_its_own_optimizer() -> None:
    space = SearchSpace(recipe_parameters((8, 8, 1), 1000))
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(20):
        configuration = space.decode(rng.random(len(space)))
        recipe = Recipe.from_configuration(configuration)
        other = {"sgd": "adamw", "adamw": "sgd"}[recipe.optimizer]
        assert f"{other}_learning_rate" not in configuration
        assert recipe.numbers["learning_rate"] == configuration[f"{recipe.optimizer}_learning_rate"]
        assert recipe.numbers["linear_decay"] == (configuration["schedule"] == "linear")
        assert recipe.batch_size == configuration["batch_size"]
        assert all(isinstance(value, float) for value in recipe.numbers.values())
        seen.add((recipe.optimizer, configuration["schedule"]))
    assert len(seen) == 4
