"""ECOpt's published frontier (arXiv 2601.08991) lies in the convnet family, to the last parameter."""

import jax
import jax.numpy as jnp
import pytest

from ecojax.models.flops import count_flops

# layers, pooling, filters, kernel, multiply-accumulates, parameters; on 32 × 32 × 3 images of ten classes
PUBLISHED = [
    (4, "max", 83, 3, 85_637_408, 201_866),
    (4, "max", 50, 3, 31_630_400, 77_060),
    (3, "max", 26, 7, 46_329_088, 86_798),
    (1, "none", 40, 3, 1_515_520, 410_730),
    (1, "none", 16, 3, 606_208, 164_298),
    (1, "none", 98, 9, 25_389_056, 1_027_442),
    (4, "none", 31, 1, 3_364_864, 320_550),
]


def ecopt_network(make_network, layers, pooling, filters, kernel):
    return make_network(
        "convnet",
        (32, 32, 3),
        stages=layers - 1,
        depth=1,
        width=filters,
        growth=1.0,
        kernel=kernel,
        block="plain",
        pooling=pooling,
        head="flatten",
        norm="none",
        activation="relu",
    )


@pytest.mark.parametrize(("layers", "pooling", "filters", "kernel", "macs", "parameters"), PUBLISHED)
def test_published_parameter_counts(make_network, layers, pooling, filters, kernel, macs, parameters) -> None:
    assert ecopt_network(make_network, layers, pooling, filters, kernel).parameters == parameters


@pytest.mark.parametrize(("layers", "pooling", "filters", "kernel", "macs", "parameters"), PUBLISHED[3:])
def test_flops_are_twice_the_published_macs(
    make_network, layers, pooling, filters, kernel, macs, parameters
) -> None:
    """Which count products with the zeros of the padding, too: there are none in a pointwise convolution."""
    network = ecopt_network(make_network, layers, pooling, filters, kernel)
    image = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.uint8)
    flops = count_flops(network.logits, network.abstract_weights, image)
    if kernel == 1:
        assert flops == 2 * macs
    else:
        side = 32 * kernel - 2 * sum(range(1, kernel // 2 + 1))  # taps that meet a pixel, along one axis
        in_padding = 32**2 * kernel**2 - side**2
        assert layers == 1
        assert flops == 2 * (macs - in_padding * 3 * filters)
