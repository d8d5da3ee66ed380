"""A network as pure functions: weights to arrays and back, initialisation, batch norm's two modes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecojax.errors import InputError
from ecojax.models.layers import BATCH_NORM_MOMENTUM
from ecojax.models.network import Weights

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def network(make_network):
    return make_network("convnet", stages=1, width=8, block="residual", norm="batch", growth=2.0)


@pytest.fixture(scope="module")
def arrays(network, random_arrays):
    return random_arrays(network)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 256, (4, 8, 8, 1), dtype=np.uint8)


def test_weights_go_to_arrays_and_back(network, arrays) -> None:
    weights = network.from_arrays(arrays)
    back = network.to_arrays(weights)
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
    # and into the same places: the structures are those of fresh weights, the statistics are not parameters
    assert jax.tree.structure(weights) == jax.tree.structure(network.abstract_weights)
    assert {name.rpartition("/")[2] for name in arrays} == {"kernel", "bias", "scale", "mean", "var"}
    assert network.parameters == sum(
        array.size for name, array in arrays.items() if name.rpartition("/")[2] not in ("mean", "var")
    )


def test_every_array_reaches_the_logits(network, arrays, images) -> None:
    """No weight is lost or exchanged for another on the way: doubling any one of them changes the answer."""
    logits = jax.jit(lambda weights: network.logits(weights, images))
    before = np.asarray(logits(network.from_arrays(arrays)))
    for name, array in arrays.items():
        changed = logits(network.from_arrays({**arrays, name: 2 * array + 0.1}))
        assert np.abs(changed - before).max() > 1e-4, name


def test_foreign_weights_are_refused_by_name(network, arrays) -> None:
    name = next(name for name in arrays if name.endswith("kernel"))
    with pytest.raises(InputError, match=name):
        network.from_arrays({key: array for key, array in arrays.items() if key != name})
    with pytest.raises(InputError, match=name):
        network.from_arrays({**arrays, name: arrays[name][..., :-1]})
    with pytest.raises(InputError, match="lora/kernel"):
        network.from_arrays({**arrays, "lora/kernel": np.zeros(3)})
    with pytest.raises(InputError, match="another network"):
        network.from_arrays({})


def test_initialisation_is_he_normal_and_a_function_of_the_key(make_network) -> None:
    network = make_network("mlp", (16, 16, 1), hidden_layers=1, hidden_width=128, norm="none")
    init = jax.jit(network.init)
    first, again, other = (
        network.to_arrays(init(key)) for key in (KEY, jax.random.key(0), jax.random.key(1))
    )
    for name, array in first.items():
        np.testing.assert_array_equal(again[name], array)
    kernel = first["layers/0/kernel"]
    assert (kernel != other["layers/0/kernel"]).mean() > 0.99
    assert kernel.std() == pytest.approx(np.sqrt(2 / 256), rel=0.02)  # He et al. 2015; 32,768 draws
    assert not first["layers/0/bias"].any()


def test_images_are_normalised_to_mean_and_deviation(make_network) -> None:
    network = make_network("mlp", (8, 8, 1))
    images = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    np.testing.assert_allclose(network.normalise(images), (images / 255 - 0.3) / 0.25, atol=1e-5)


def test_in_inference_an_image_does_not_see_its_neighbours(network, arrays, images) -> None:
    weights = network.from_arrays(arrays)
    logits = jax.jit(network.logits)
    among_dark = images.copy()
    among_dark[1:] = 0
    np.testing.assert_allclose(logits(weights, images)[0], logits(weights, among_dark)[0], rtol=1e-5)

    def training(images):
        return network.training_logits(weights, network.normalise(images), dropout_rate=0.0, key=KEY)[0]

    # batch norm in training does see them, so the comparison above can fail
    assert np.abs(training(images) - training(among_dark))[0].max() > 1e-3


def test_training_moves_the_statistics_by_one_minus_the_momentum(network, arrays, images) -> None:
    """Of the stem, whose input is known: new = 0.9 old + 0.1 × the batch's (Ioffe and Szegedy 2015)."""
    x = network.normalise(images)
    weights = network.from_arrays(arrays)
    statistics = jax.jit(lambda: network.training_logits(weights, x, dropout_rate=0.0, key=KEY)[1])()
    moved = network.to_arrays(Weights(weights.parameters, statistics))
    stem = jax.lax.conv_general_dilated(
        x, arrays["stem/conv/kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    for name, batch in (("mean", stem.mean((0, 1, 2))), ("var", stem.var((0, 1, 2)))):
        old = arrays[f"stem/norm/norm/{name}"]
        expected = BATCH_NORM_MOMENTUM * old + (1 - BATCH_NORM_MOMENTUM) * batch
        np.testing.assert_allclose(moved[f"stem/norm/norm/{name}"], expected, rtol=1e-4)
    # and the weights that went in are as they were
    for name, array in network.to_arrays(weights).items():
        np.testing.assert_array_equal(array, arrays[name])


def test_bfloat16_computes_in_half_and_stores_in_full(make_network, random_arrays, images) -> None:
    shape = {"hidden_layers": 2, "hidden_width": 32, "norm": "none"}
    full = make_network("mlp", precision="float32", **shape)
    half = make_network("mlp", precision="bfloat16", **shape)
    arrays = random_arrays(full)
    assert {leaf.dtype for leaf in jax.tree.leaves(half.abstract_weights)} == {jnp.dtype("float32")}
    exact = full.logits(full.from_arrays(arrays), images)
    rounded = half.logits(half.from_arrays(arrays), images)
    assert rounded.dtype == jnp.float32
    error = np.abs(rounded - exact).max() / np.abs(exact).max()
    assert 0 < error < 0.05
