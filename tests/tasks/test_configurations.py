"""The configurations that come along: each fits the data it is for, and holds what it promises."""

from pathlib import Path

import numpy as np
import pytest

from ecojax.data import ImageDataset, load
from ecojax.models.known import known_beforehand
from ecojax.settings import SearchSettings, resolve
from ecojax.tasks import ImageClassification

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.toml"))


@pytest.fixture(scope="module")
def cifar() -> ImageDataset:
    """Ten images of CIFAR-10's shape, which say they are fifty thousand."""
    x = np.broadcast_to(np.zeros((1, 32, 32, 3), np.uint8), (50_000, 32, 32, 3))
    y = np.zeros(50_000, np.int32)
    return ImageDataset(
        name="cifar10",
        title="CIFAR-10",
        version="3.0.2",
        source="nowhere",
        class_names=tuple("abcdefghij"),
        x_train=x,
        y_train=y,
        x_validation=x[:10],
        y_validation=y[:10],
        mean=np.full(3, 0.5, np.float32),
        std=np.full(3, 0.25, np.float32),
        splits={},
        digests={},
        _read_test=lambda: (x[:10], y[:10]),
    )


@pytest.fixture(scope="module")
def of(cifar):
    def task(name: str) -> tuple[SearchSettings, ImageClassification]:
        settings, source = resolve(CONFIGS / f"{name}.toml", {})
        data = load("digits") if settings.dataset == "digits" else cifar
        return settings, ImageClassification(
            data, settings.families, tables=settings.space, pins=settings.pin, source=source
        )

    return task


@pytest.mark.parametrize("name", NAMES)
def test_whatever_it_holds_becomes_a_network_and_a_recipe(of, name) -> None:
    settings, task = of(name)
    rng = np.random.default_rng(0)
    for configuration in (
        task.space.default(),
        *(task.space.decode(rng.random(len(task.space))) for _ in range(5)),
    ):
        assert task.network(configuration).parameters > 0
        assert task.recipe(configuration).batch_size == configuration["batch_size"]
    absent = (settings.space.keys() | settings.pin.keys()) - {parameter.name for parameter in task.space}
    assert not absent, "tables or pins of which nothing comes"


def test_airbench94_is_one_network_with_the_published_recipe(of) -> None:
    """arXiv 2404.00498 and its script: every figure below is stated there."""
    _, task = of("airbench94")
    assert task.space.size() == 1
    configuration = task.space.default()
    stated = {
        "first_width": 64,
        "second_width": 256,
        "third_width": 256,
        "group_depth": 2,
        "batch_size": 1024,
        "decoupled_sgd_learning_rate": 11.5,
        "momentum": 0.85,
        "weight_decay": 0.0153,
        "norm_rate": 64.0,
        "label_smoothing": 0.2,
        "warmup": 0.23,
        "flip": True,
        "crop": 2,
        "crop_padding": "reflect",
        "test_views": "mirror_shift",
    }
    assert {name: configuration[name] for name in stated} == stated
    assert task.network(configuration).parameters / 1e6 == pytest.approx(1.97, abs=0.005)
    assert task.program(configuration).augmentation.max_shift == 2


# layers, pooling, filters, kernel, parameters of ECOpt's published frontier (arXiv 2601.08991)
PUBLISHED = [
    (4, "max", 83, 3, 201_866),
    (4, "max", 50, 3, 77_060),
    (3, "max", 26, 7, 86_798),
    (1, "none", 40, 3, 410_730),
    (1, "none", 16, 3, 164_298),
    (1, "none", 98, 9, 1_027_442),
    (4, "none", 31, 1, 320_550),
]


def test_ecopts_space_has_its_size(of) -> None:
    """128 filters × 5 kernels × (1 network of one layer, where pooling has no place, + 5 depths × 2 poolings)."""
    _, task = of("ecopt_cifar10")
    assert task.space.size() == 128 * 5 * (1 + 5 * 2)


@pytest.mark.parametrize(("layers", "pooling", "filters", "kernel", "parameters"), PUBLISHED)
def test_ecopts_published_frontier_lies_in_its_space(
    of, layers, pooling, filters, kernel, parameters
) -> None:
    _, task = of("ecopt_cifar10")
    chosen = {"stages": layers - 1, "width": filters, "kernel": kernel, "pooling": pooling}
    configuration = task.space.canonical(task.space.default() | chosen)
    np.testing.assert_array_equal(
        [configuration.get(name, value) == value for name, value in chosen.items()], True
    )
    assert task.space.decode(task.space.encode(configuration)) == configuration
    assert task.network(configuration).parameters == parameters


def test_six_layers_keep_their_width_and_their_pooling(of) -> None:
    """Conditions of the family stop at four stages; ECOpt's space goes to five."""
    _, task = of("ecopt_cifar10")
    widest = task.space.default() | {"stages": 5, "width": 128, "kernel": 3, "pooling": "none"}
    network = task.network(task.space.canonical(widest))
    first, others, head = 27 * 128 + 128, 5 * (9 * 128 * 128 + 128), 32 * 32 * 128 * 10 + 10
    assert network.parameters == first + others + head


def test_ecopts_training_is_adam_at_a_constant_rate(of) -> None:
    _, task = of("ecopt_cifar10")
    recipe = task.recipe(task.space.default())
    assert (recipe.optimizer, recipe.batch_size) == ("adamw", 64)
    assert (recipe.numbers["learning_rate"], recipe.numbers["weight_decay"]) == (1e-3, 0)
    assert (recipe.numbers["warmup"], recipe.numbers["linear_decay"], recipe.numbers["schedule_end"]) == (
        0,
        1,
        1,
    )


def test_cifar10_begins_with_a_convnet_and_its_airbench_is_no_dearer(of) -> None:
    """The first trial is what it was; the default of the other family takes less arithmetic."""

    _, task = of("cifar10")
    convnet = task.space.default()
    assert convnet["family"] == "convnet"
    other = task.space.completed({"family": "airbench"})

    def flops(configuration) -> float:
        return known_beforehand(task.network(configuration), inference_batch=1)["flops"]

    assert flops(other) < flops(convnet) < 4e7
