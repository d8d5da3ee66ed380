"""A Vision Transformer and a ResNet of a user's own on real CIFAR-10 arrays."""

from pathlib import Path

import pytest
from flax import nnx

import ecojax
from ecojax.data import load
from ecojax.study import Status

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "tfds"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (SHARED / "cifar10").is_dir(), reason=f"no CIFAR-10 in {SHARED}"),
]


class ViT(nnx.Module):
    def __init__(self, width, rngs):
        self.embed = nnx.Conv(3, width, (8, 8), strides=8, rngs=rngs)
        self.places = nnx.Param(0.02 * nnx.initializers.normal()(rngs.params(), (1, 16, width)))
        self.norm, self.last = nnx.LayerNorm(width, rngs=rngs), nnx.Linear(width, 10, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(2, width, decode=False, rngs=rngs)

    def __call__(self, x):
        x = self.embed(x).reshape(len(x), 16, -1) + self.places
        return self.last((x + self.attention(self.norm(x))).mean(1))


class ResNet(nnx.Module):
    def __init__(self, width, rngs):
        self.stem = nnx.Conv(3, width, (3, 3), strides=2, rngs=rngs)
        self.conv, self.norm = nnx.Conv(width, width, (3, 3), rngs=rngs), nnx.BatchNorm(width, rngs=rngs)
        self.last = nnx.Linear(width, 10, rngs=rngs)

    def __call__(self, x):
        x = self.stem(x)
        return self.last((x + nnx.relu(self.norm(self.conv(x)))).mean((1, 2)))


def vit(config, rngs):
    return ViT(config["width"], rngs)


def resnet(config, rngs):
    return ResNet(config["width"], rngs)


@pytest.fixture(scope="module")
def data():
    cifar = load("cifar10", data_dir=str(SHARED), train_size=1000, validation_size=500)
    x, y = cifar.read_test()
    return (cifar.x_train, cifar.y_train), (cifar.x_validation, cifar.y_validation), (x[:500], y[:500])


@pytest.mark.parametrize("model", [vit, resnet])
@pytest.mark.usefixtures("unmetered")
def test_networks_of_ones_own_learn_cifar10(model, data, tmp_path) -> None:
    study = ecojax.search(
        model=model,
        space={"width": ecojax.Int(8, 16, step=8)},
        data=data,
        evaluations=2,
        population=2,
        epochs=4,
        frontier_energy_ci=0,
        out=tmp_path / "s",
        pin={"optimizer": "adamw", "adamw_learning_rate": 0.003, "batch_size": 64},
    )
    assert [trial.status for trial in study.trials] == [Status.COMPLETE] * 2
    assert study.best().metrics["accuracy"] > 0.15
    ecojax.export_model(study, pick="best", to=tmp_path / "m")
    logits = ecojax.load(tmp_path / "m", model=model)(data[2][0][:8])
    assert logits.shape == (8, 10)
