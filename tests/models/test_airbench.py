"""The airbench family against its publication (arXiv 2404.00498) and closed forms."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from ecojax.errors import InputError
from ecojax.models.flops import count_flops
from ecojax.models.images.airbench import HEAD_SCALE, identity_and_noise
from ecojax.models.images.whitening import REGULARISATION, whitening_kernel
from ecojax.models.network import Network

CIFAR = (32, 32, 3)
SMALL = {"first_width": 16, "second_width": 32, "third_width": 16}
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Smooth noise: neighbours and channels go together, as in photographs."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(size=(60, 10, 10, 3)) @ np.array([[1, 0.8, 0.6], [0, 0.5, 0.3], [0, 0, 0.4]])
    rows = coarse[:, :-1] + 0.7 * coarse[:, 1:]
    smooth = rows[:, :, :-1] + 0.7 * rows[:, :, 1:]
    return np.clip(127 + 50 * smooth, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def small(make_network):
    """A network on the images above, with weights that have seen them."""

    @functools.cache
    def build(**changes) -> tuple[Network, object]:
        network = make_network("airbench", (9, 9, 3), **(SMALL | changes))
        return network, jax.jit(network.init)(jax.random.key(0, impl="rbg"))  # compiles faster

    return build


# What is published


def test_airbench94_has_its_published_size(make_network) -> None:
    """1.97 M parameters, of which the 288 of the whitening kernel are not trained."""
    network = make_network("airbench", CIFAR)
    trained = 24 + 9 * (24 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256) + 2 * (64 + 256 + 256) + 256 * 10
    assert network.parameters == trained
    (frozen,) = [leaf for leaf in jax.tree.leaves(network.abstract_weights.statistics) if leaf.ndim == 4]
    assert frozen.size == 2 * 2 * 3 * 24
    assert (trained + frozen.size) / 1e6 == pytest.approx(1.97, abs=0.005)


def test_a_training_of_airbench94_costs_the_published_arithmetic(make_network) -> None:
    """3.6e14 FLOPs: 9.9 epochs of 50,000 images, a backward pass at twice the forward."""
    network = make_network("airbench", CIFAR)
    image = jax.ShapeDtypeStruct((1, *CIFAR), jnp.uint8)
    counted = count_flops(network.logits, network.abstract_weights, image)
    sides = ((31, 15), (15, 7), (7, 3))  # before and after the pooling of each group
    widths = ((24, 64), (64, 256), (256, 256))
    products = 31 * 31 * 12 * 24 + 256 * 10
    for (before, after), (features_in, features_out) in zip(sides, widths, strict=True):
        products += 9 * features_out * (before**2 * features_in + after**2 * features_out)
    assert 9.9 * 50_000 * 3 * 2 * products == pytest.approx(3.6e14, rel=0.03)
    assert 1.6 * products < counted < 2.1 * products  # without products with the zeros of the padding


def test_norms_have_biases_and_no_scales(small) -> None:
    network, weights = small()
    names = set(network.to_arrays(weights))
    assert not [name for name in names if name.endswith("scale")]
    assert {name for name in names if name.endswith("bias")} == {"whitening/bias"} | {
        f"groups/{group}/norms/{index}/bias" for group in range(3) for index in range(2)
    }


def test_a_convolution_is_born_as_identity_beside_noise() -> None:
    kernel = identity_and_noise(KEY, (3, 3, 8, 24))
    x = jax.random.normal(KEY, (2, 5, 5, 8))
    y = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    np.testing.assert_allclose(y[..., :8], x, atol=1e-6)
    noise = np.asarray(kernel[..., 8:]).ravel()
    bound = 1 / np.sqrt(9 * 8)  # uniform, PyTorch's default
    assert stats.kstest(noise, "uniform", (-bound, 2 * bound)).pvalue > 1e-3
    narrowing = identity_and_noise(KEY, (3, 3, 8, 4))
    np.testing.assert_array_equal(narrowing[1, 1, :4, :], np.eye(4))


# Whitening


def test_the_fitted_stem_whitens_the_patches_of_the_training_images(small, images) -> None:
    """The second moments of its first half are the identity, but for what the regularisation takes off."""
    network, weights = small()
    fitted = jax.jit(network.fit)(weights, images)
    kernel = network.to_arrays(fitted)["whitening/kernel"]
    x = network.normalise(images)
    out = jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    found = np.asarray(out, np.float64).reshape(-1, 24)
    moments = found[:, :12].T @ found[:, :12] / len(found)
    patches = np.lib.stride_tricks.sliding_window_view(np.asarray(x, np.float64), (2, 2), axis=(1, 2))
    patches = patches.reshape(-1, 12)
    variances = np.linalg.eigvalsh(patches.T @ patches / len(patches))[::-1]
    assert variances[0] > 100 * variances[-1]  # before, they were far from white
    np.testing.assert_allclose(moments, np.diag(variances / (variances + REGULARISATION)), atol=2e-3)
    assert np.abs(moments - np.eye(12)).max() < 0.05
    np.testing.assert_allclose(found[:, 12:], -found[:, :12], atol=1e-4)


def test_a_fit_changes_the_whitening_kernel_and_nothing_else(small, images) -> None:
    network, weights = small()
    assert network.fits
    before, after = (network.to_arrays(w) for w in (weights, jax.jit(network.fit)(weights, images)))
    assert [name for name in before if (before[name] != after[name]).any()] == ["whitening/kernel"]


def test_constant_images_do_not_break_the_whitening() -> None:
    assert np.isfinite(whitening_kernel(jnp.full((3, 4, 4, 2), 0.5))).all()


def test_the_other_families_need_no_images(make_network) -> None:
    assert not any(make_network(name).fits for name in ("convnet", "mlp", "linear"))


def test_the_whitening_kernel_gets_no_gradient_step(small, images) -> None:
    """It is no parameter, so that no optimizer sees it; and training mode hands it on untouched."""
    network, weights = small()
    _, statistics = jax.jit(
        lambda weights, x: network.training_logits(weights, x, dropout_rate=0.0, key=KEY)
    )(weights, network.normalise(images))
    names = {
        jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(weights.parameters)
    }
    assert not [name for name in names if "whitening" in name and "kernel" in name]
    moved = network.to_arrays(weights._replace(statistics=statistics))
    np.testing.assert_array_equal(moved["whitening/kernel"], network.to_arrays(weights)["whitening/kernel"])


# Groups


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("residual", [False, True])
def test_parameters_in_closed_form(make_network, depth, residual) -> None:
    network = make_network("airbench", (9, 9, 3), group_depth=depth, residual=residual, **SMALL)
    widths = [24, 16, 32, 16]
    expected = 24 + 16 * 10
    for features_in, features_out in itertools.pairwise(widths):
        expected += 9 * features_out * (features_in + (depth - 1) * features_out) + depth * features_out
    assert network.parameters == expected


def forward(network: Network, arrays: dict, images: np.ndarray, *, depth: int, place: str, residual: bool):
    """The network once more, in inference, from its description: torch's order of things, written with jax.lax."""

    def convolve(x, kernel, padding):
        return jax.lax.conv_general_dilated(
            x, kernel, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    def gelu(x):
        return x * stats.norm.cdf(x)

    def pool(x):
        rows, columns = x.shape[1] // 2, x.shape[2] // 2
        return x[:, : 2 * rows, : 2 * columns].reshape(len(x), rows, 2, columns, 2, -1).max((2, 4))

    x = gelu(
        convolve(network.normalise(images), arrays["whitening/kernel"], "VALID") + arrays["whitening/bias"]
    )
    skip = x
    for group in range(3):
        if place == "before":
            x = pool(x)
        for index in range(depth):
            x = convolve(x, arrays[f"groups/{group}/convolutions/{index}/kernel"], "SAME")
            if index == 0 and place == "after":
                x = pool(x)
            name = f"groups/{group}/norms/{index}"
            x = (x - arrays[f"{name}/mean"]) / np.sqrt(arrays[f"{name}/var"] + 1e-5) + arrays[f"{name}/bias"]
            if residual and 0 < index == depth - 1:
                x = x + skip
            x = gelu(x)
            skip = x if index == 0 else skip
        if place == "end":
            x = pool(x)
    return x.max((1, 2)) @ arrays["dense/kernel"] / 9


@pytest.mark.parametrize(
    ("depth", "place", "residual"),
    [(2, "after", False), (3, "after", True), (2, "before", True), (2, "end", False), (1, "end", True)],
)
def test_logits_are_those_of_the_description(make_network, random_arrays, depth, place, residual) -> None:
    shape = SMALL | {"group_depth": depth, "pooling_place": place, "residual": residual}
    network = make_network("airbench", (16, 17, 3), **shape)
    arrays = random_arrays(network)
    images = np.random.default_rng(1).integers(0, 256, (4, 16, 17, 3), dtype=np.uint8)
    expected = forward(network, arrays, images, depth=depth, place=place, residual=residual)
    found = jax.jit(network.logits)(network.from_arrays(arrays), images)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-4)
    assert HEAD_SCALE == 1 / 9


def test_the_compiled_network_gives_what_the_uncompiled_gives(small, images) -> None:
    network, weights = small(test_views="mirror")
    with jax.disable_jit():
        plain = network.logits(weights, images[:2])
    np.testing.assert_allclose(jax.jit(network.logits)(weights, images[:2]), plain, rtol=1e-4, atol=1e-5)


def test_on_the_cpu_every_convolution_is_the_loop_safe_one(small, images) -> None:
    """In the gradient, too, every convolution has the one layout that is fast inside a loop there."""
    network, weights = small()
    x = network.normalise(images[:4])

    def loss(parameters):
        logits, _ = network.training_logits(
            weights._replace(parameters=parameters), x, dropout_rate=0.0, key=KEY
        )
        return (logits**2).sum()

    if jax.default_backend() != "cpu":
        pytest.skip("elsewhere the stock convolution is used")
    text = jax.jit(jax.grad(loss)).lower(weights.parameters).as_text()
    convolutions = [line for line in text.splitlines() if "stablehlo.convolution" in line]
    assert len(convolutions) >= 3 * 6  # forward, to the input, to the kernel
    assert all("[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]" in line for line in convolutions)


def test_images_without_a_patch_are_refused(make_network) -> None:
    with pytest.raises(InputError, match=r"2 × 2 pixels, not 1 × 5.*another family"):
        _ = make_network("airbench", (1, 5, 1)).abstract_weights


# Views


def mirrored(x: np.ndarray) -> np.ndarray:
    return x[:, :, ::-1]


def shifted(x: np.ndarray, by: int) -> np.ndarray:
    """One pixel down and right, or up and left, the bared border filled with what lies mirrored beyond it."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    return padded[:, :-2, :-2] if by > 0 else padded[:, 2:, 2:]


def test_views_average_the_logits_of_the_changed_images(make_network, small, images) -> None:
    plain, weights = small()
    arrays = plain.to_arrays(jax.jit(plain.fit)(weights, images))
    logits = jax.jit(plain.logits)

    def of(x: np.ndarray) -> np.ndarray:
        return np.asarray(logits(plain.from_arrays(arrays), x), np.float64)

    def both(x: np.ndarray) -> np.ndarray:
        return (of(x) + of(mirrored(x))) / 2

    x = images[:5]
    expected = {
        "none": of(x),
        "mirror": both(x),
        "mirror_shift": both(x) / 2 + (both(shifted(x, 1)) + both(shifted(x, -1))) / 4,
    }
    for views, mean in expected.items():
        network = make_network("airbench", (9, 9, 3), test_views=views, **SMALL)
        found = jax.jit(network.logits)(network.from_arrays(arrays), x)
        np.testing.assert_allclose(found, mean, rtol=1e-3, atol=1e-5, err_msg=views)
    assert np.abs(expected["mirror"] - expected["none"]).max() > 1e-3
    np.testing.assert_allclose(expected["mirror"], both(mirrored(x)), atol=1e-6)


def test_views_cost_arithmetic_in_inference_and_none_in_training(make_network) -> None:
    def flops(views: str, training: bool) -> int:
        network = make_network("airbench", (9, 9, 3), test_views=views, **SMALL)

        def train(weights, x):
            return network.training_logits(weights, x, dropout_rate=0.0, key=KEY)[0]

        dtype = jnp.float32 if training else jnp.uint8
        x = jax.ShapeDtypeStruct((4, 9, 9, 3), dtype)
        function = train if training else network.logits
        return count_flops(function, network.abstract_weights, x)

    assert flops("mirror", False) == pytest.approx(2 * flops("none", False), rel=0.01)
    assert flops("mirror_shift", False) == pytest.approx(6 * flops("none", False), rel=0.01)
    assert flops("mirror_shift", True) == flops("none", True)
