"""What a child takes from its parent, and what stays its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecojax.train.inheritance import inherit


@pytest.fixture(scope="module")
def pair(make_program):
    """Weights as arrays: a parent all ones, a child all zeros, before and after."""

    def arrays(name: str, parent: dict, child: dict) -> tuple[dict, dict]:
        parent_network, child_network = (make_program(name, **shape).network for shape in (parent, child))
        ones, zeros = (
            jax.tree.map(
                lambda leaf, fill=fill: jnp.full(leaf.shape, fill, leaf.dtype), network.abstract_weights
            )
            for network, fill in ((parent_network, 1), (child_network, 0))
        )
        return parent_network.to_arrays(ones), child_network.to_arrays(jax.jit(inherit)(zeros, ones))

    return arrays


CONVNET = {"stages": 2, "width": 16, "growth": 1.0, "kernel": 3, "block": "plain", "head": "average"}


@pytest.mark.parametrize(
    ("name", "parent", "child"),
    [
        ("convnet", {}, {"width": 24}),
        ("convnet", {"width": 24}, {}),
        ("convnet", {}, {"stages": 3}),
        ("convnet", {}, {"depth": 2, "stages": 1}),
        ("convnet", {}, {"block": "residual"}),
        ("airbench", {"group_depth": 1, "third_width": 32}, {"first_width": 32, "third_width": 16}),
        ("mlp", {"hidden_layers": 1, "hidden_width": 32}, {"hidden_layers": 3, "hidden_width": 64}),
    ],
)
def test_exactly_the_overlap_is_inherited(pair, name, parent, child) -> None:
    """Counted in closed form: the product of the smaller sizes, of every array that both have."""
    base = CONVNET if name == "convnet" else {}
    before, after = pair(name, base | parent, base | child)
    for array_name, array in after.items():
        source = before.get(array_name)
        sizes = [0] if source is None else [min(pair) for pair in zip(array.shape, source.shape, strict=True)]
        assert array.sum() == np.prod(sizes), array_name
        assert array[tuple(slice(0, size) for size in sizes)].all() or array.ndim == 4
    assert any(array.all() for array in after.values())


def test_a_child_of_the_same_shape_is_its_parent(make_program) -> None:
    network = make_program("convnet", **CONVNET).network
    init = jax.jit(network.init)
    one, other = (init(jax.random.key(seed, impl="rbg")) for seed in (0, 1))
    for found, expected in zip(jax.tree.leaves(inherit(one, other)), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("small", "large"), [(3, 5), (3, 7), (1, 5)])
def test_a_wider_kernel_with_zeros_around_its_inheritance_is_the_same_convolution(
    make_program, digits, small, large
) -> None:
    """Since it lies in the centre; and the other way round the centre is what is left."""
    parent, child = (make_program("convnet", **CONVNET | {"kernel": k}).network for k in (small, large))
    weights = jax.jit(parent.init)(jax.random.key(0, impl="rbg"))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), child.abstract_weights)
    grown = inherit(zeros, weights)
    images = digits.x_validation[:20]
    np.testing.assert_allclose(
        jax.jit(child.logits)(grown, images), jax.jit(parent.logits)(weights, images), rtol=1e-4, atol=1e-5
    )
    back = inherit(jax.tree.map(jnp.zeros_like, weights), grown)
    for found, expected in zip(jax.tree.leaves(back), jax.tree.leaves(weights), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_shapes_are_enough(make_program) -> None:
    parent, child = (make_program("mlp", hidden_width=width).network for width in (32, 64))
    found = jax.eval_shape(inherit, child.abstract_weights, parent.abstract_weights)
    assert jax.tree.map(jnp.shape, found) == jax.tree.map(jnp.shape, child.abstract_weights)
