"""A small Vision Transformer against closed forms, and on images that its patches do not divide."""

from math import ceil, prod

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecojax.errors import InputError
from ecojax.models import family
from ecojax.models.flops import count_flops

ARCHITECTURE = {
    "patch_size": 4,
    "token_width": 32,
    "encoder_layers": 3,
    "attention_heads": 4,
    "mlp_ratio": 2.0,
}


@pytest.mark.parametrize("pooling", ["mean", "class"])
@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 14, 3)])
def test_parameters_and_flops_are_the_textbooks(make_network, shape, pooling) -> None:
    network = make_network("vit", shape, token_pooling=pooling, **ARCHITECTURE)
    height, width, channels = shape
    patches, pixels = ceil(height / 4) * ceil(width / 4), 4 * 4 * channels
    tokens, features, hidden, layers = patches + (pooling == "class"), 32, 64, 3

    attention = 4 * (features**2 + features)
    mlp = features * hidden + hidden + hidden * features + features
    parameters = (
        (pixels + 1) * features
        + features * tokens
        + (features if pooling == "class" else 0)
        + layers * (attention + mlp + 2 * 2 * features)
        + 2 * features
        + (features + 1) * 10
    )
    assert network.parameters == parameters

    projections = 4 * tokens * features**2
    products = 2 * tokens**2 * features  # queries by keys, weights by values
    of_a_layer = projections + products + 2 * tokens * features * hidden
    multiplications = patches * pixels * features + layers * of_a_layer + features * 10
    image = jax.ShapeDtypeStruct((5, *shape), jnp.uint8)
    assert count_flops(network.logits, network.abstract_weights, image) == 5 * 2 * multiplications


def test_what_a_patch_lacks_is_the_mean_of_the_images(make_network) -> None:
    """An image of 5 × 7 pixels is one of 8 × 8 whose lower and right border are the mean, to the last bit."""
    small, large = (make_network("vit", shape, **ARCHITECTURE) for shape in ((5, 7, 1), (8, 8, 1)))
    weights = jax.jit(small.init)(jax.random.key(0, impl="rbg"))
    images = np.random.default_rng(0).integers(0, 256, (6, 5, 7, 1), np.uint8)
    normalised = jnp.pad(small.normalise(images), ((0, 0), (0, 3), (0, 1), (0, 0)))
    expected, _ = large.training_logits(weights, normalised, dropout_rate=0.0, key=None)
    np.testing.assert_allclose(small.logits(weights, images), expected, rtol=1e-5, atol=1e-6)


def test_tokens_know_where_they_are(make_network) -> None:
    """Without positions, a mean over tokens would not see in which order the patches come."""
    network = make_network("vit", (8, 8, 1), **ARCHITECTURE)
    weights = jax.jit(network.init)(jax.random.key(0, impl="rbg"))
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), np.uint8)
    exchanged = np.concatenate([images[:, 4:], images[:, :4]], 1)
    assert not np.allclose(network.logits(weights, images), network.logits(weights, exchanged), atol=1e-4)
    arrays = network.to_arrays(weights)
    unplaced = network.from_arrays(arrays | {"positions": np.zeros_like(arrays["positions"])})
    np.testing.assert_allclose(
        network.logits(unplaced, images), network.logits(unplaced, exchanged), rtol=1e-4, atol=1e-5
    )


def test_a_dropout_rate_of_nothing_drops_nothing_and_another_does(make_network) -> None:
    network = make_network("vit", (8, 8, 1), **ARCHITECTURE)
    weights = jax.jit(network.init)(jax.random.key(0, impl="rbg"))
    images = network.normalise(np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), np.uint8))
    at = {
        rate: network.training_logits(weights, images, dropout_rate=rate, key=jax.random.key(1))[0]
        for rate in (0.0, 0.5)
    }
    plain, _ = network.training_logits(weights, images, dropout_rate=0.5, key=None)
    np.testing.assert_array_equal(at[0.0], plain)
    assert not np.allclose(at[0.5], plain)


def test_heads_that_do_not_divide_the_width_are_rounded_up(make_network) -> None:
    """30 features among 4 heads are 8 for each: the maps to them and back are of 32."""
    parameters = {
        heads: make_network("vit", **ARCHITECTURE | {"token_width": 30, "attention_heads": heads}).parameters
        for heads in (4, 5)
    }
    assert parameters[4] - parameters[5] == 3 * (3 * (30 * 2 + 2) + 2 * 30)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch_size": 1}, r"patch_size = 1 cuts 96 × 64 pixels into 6144 patches, 4096 are the limit"),
        ({"encoder_layers": 33}, "it asks for 66 layers; 64 are the limit"),
    ],
)
def test_sizes_that_do_not_fit_together_are_refused(make_network, changes, message) -> None:
    with pytest.raises(InputError, match=message):
        make_network("vit", (96, 64, 3), **ARCHITECTURE | changes).abstract_weights  # noqa: B018


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (8, 8, 1), (28, 28, 1), (32, 32, 3), (33, 17, 3), (1, 900, 1), (224, 320, 3)]
)
def test_the_space_cuts_every_image_into_few_patches(shape) -> None:
    sides = family("vit").parameters(shape)[0].choices
    counts = [prod(ceil(pixels / side) for pixels in shape[:2]) for side in sides]
    assert max(counts) <= 256
    assert min(counts) >= 4 or len(counts) == 1
