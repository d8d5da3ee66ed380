"""Whatever a family's space holds can be built, on every shape of image."""

import itertools
import subprocess
import sys
import time
from math import prod

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings

from ecojax.errors import InputError
from ecojax.models import FAMILIES, family
from ecojax.space import Choice, SearchSpace

SHAPES = [(8, 8, 1), (28, 28, 1), (32, 32, 3), (5, 7, 2), (33, 17, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_configuration_of_the_space_builds(make_network, name, shape) -> None:
    # one parameter more, because a family may have none of its own
    space = SearchSpace([*family(name).parameters(shape), Choice("batch_size", (32, 64))])

    @settings(max_examples=6, deadline=None, derandomize=True, database=None)
    @given(st.lists(st.floats(0, 1), min_size=len(space), max_size=len(space)))
    def build(genome) -> None:
        configuration = space.decode(genome)
        network = make_network(name, shape, **configuration)
        images = jax.ShapeDtypeStruct((3, *shape), jnp.float32)
        logits, statistics = jax.eval_shape(
            lambda weights, images, key: network.training_logits(weights, images, dropout_rate=0.1, key=key),
            network.abstract_weights,
            images,
            jax.random.key(0),
        )
        assert logits.shape == (3, 10)
        assert jax.tree.structure(statistics) == jax.tree.structure(network.abstract_weights.statistics)
        normed = configuration.get("norm") == "batch" or name == "airbench"  # which has norms always
        assert bool(jax.tree.leaves(statistics)) == normed
        assert network.parameters > 10

    build()


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize(("layers", "width"), [(1, 64), (3, 24)])
def test_an_mlp_has_the_textbooks_parameters(make_network, layers, width, norm) -> None:
    sizes = [prod((5, 7, 2)), *[width] * layers, 10]
    weights = sum(a * b + b for a, b in itertools.pairwise(sizes))
    normed = 2 * width * layers if norm == "batch" else 0
    network = make_network("mlp", (5, 7, 2), hidden_layers=layers, hidden_width=width, norm=norm)
    assert network.parameters == weights + normed


def test_a_depthwise_block_is_separable(make_network) -> None:
    """k² C + C C' where a plain one has k² C C' (Howard et al. 2017)."""
    shape = {"stages": 2, "width": 16, "growth": 2.0, "kernel": 5, "norm": "none", "head": "average"}
    plain = make_network("convnet", block="plain", **shape).parameters
    separable = make_network("convnet", block="depthwise", **shape).parameters
    saved = [
        (25 * before * after + after) - (25 * before + before + before * after + after)
        for before, after in ((16, 16), (16, 32))
    ]
    assert plain - separable == sum(saved)


def test_a_residual_block_has_a_projection_only_where_the_width_changes(make_network) -> None:
    shape = {"stages": 2, "width": 16, "kernel": 3, "norm": "batch", "block": "residual", "head": "average"}
    stem, norm = 9 * 16 + 2 * 16, 2 * 16
    narrow = 2 * (9 * 16 * 16 + norm)
    same = make_network("convnet", growth=1.0, **shape).parameters
    assert same == stem + 2 * narrow + 16 * 10 + 10
    growing = make_network("convnet", growth=2.0, **shape).parameters
    wide = (9 * 16 * 32 + 2 * norm) + (9 * 32 * 32 + 2 * norm) + (16 * 32 + 2 * norm)
    assert growing == stem + narrow + wide + 32 * 10 + 10


NUMBERS = [
    (name, parameter.name)
    for name in FAMILIES
    for parameter in family(name).parameters((32, 32, 3))
    if not isinstance(parameter, Choice) or parameter.name in ("growth", "kernel")
]


@pytest.mark.parametrize("value", [65_536, 10**9, 10**400, -1])
@pytest.mark.parametrize(("name", "parameter"), NUMBERS, ids="-".join)
def test_no_number_of_any_family_asks_for_hours_or_all_the_memory(
    make_network, name, parameter, value
) -> None:
    """Not one that is added later, either: without a bound of its own, this test would not come to an end."""
    network = make_network(name, (32, 32, 3), **{parameter: value})
    began = time.process_time()
    with pytest.raises(InputError, match=f"'{name}' cannot be built: {parameter} = "):
        network.abstract_weights  # noqa: B018 - shapes only
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("name", "architecture", "layers"),
    [
        ("convnet", {"stages": 64, "depth": 64}, 64 * 64),
        ("convnet", {"stages": 13, "depth": 5}, 65),
        ("airbench", {"group_depth": 22}, 3 * 22),
    ],
)
def test_layers_count_by_their_product(make_network, name, architecture, layers) -> None:
    with pytest.raises(InputError, match=f"it asks for {layers} layers; 64 are the limit"):
        make_network(name, (32, 32, 3), **architecture).abstract_weights  # noqa: B018


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_familys_bounds_hold_its_whole_space(name, shape) -> None:
    widest = {parameter.name: parameter for parameter in family(name).widest}
    parameters = family(name).parameters(shape)
    assert [parameter.name for parameter in parameters] == list(widest)
    for parameter in parameters:
        values = parameter.choices if isinstance(parameter, Choice) else (parameter.low, parameter.high)
        assert all(widest[parameter.name].contains(value) for value in values), parameter


def test_an_unknown_family_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"'vgg'.*convnet, mlp"):
        family("vgg")


def test_naming_the_families_does_not_import_jax() -> None:
    code = "import sys, ecojax.models; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
