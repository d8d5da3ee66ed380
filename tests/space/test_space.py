"""The search space: identities of encoding, uniform shares, conditions, canonical forms, refusals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from ecojax.errors import InputError
from ecojax.space import Choice, Float, Int, SearchSpace

SPACE = SearchSpace(
    [
        Choice("block", ("plain", "residual", "depthwise"), default="plain"),
        Int("depth", 1, 3, when={"block": ("residual", "depthwise")}),
        Int("width", 8, 64, step=8, log=True, default=16),
        Choice("kernel", (1, 3, 5, 7), ordered=True),
        Float("learning_rate", 1e-4, 1.0, log=True),
        Float("dropout", 0.0, 0.5, when={"depth": (3,)}),
        Choice("nesterov", (True, False)),
    ]
)

genomes = st.lists(st.floats(0, 1, width=32), min_size=len(SPACE), max_size=len(SPACE))


@given(genomes)
def test_encode_is_the_inverse_of_decode(genome):
    configuration = SPACE.decode(genome)
    again = SPACE.decode(SPACE.encode(configuration))
    for name, value in configuration.items():
        # float32 genes hold a log-scaled value to about a part in a million
        assert again[name] == (pytest.approx(value, rel=1e-5) if isinstance(value, float) else value)
    assert set(again) == set(configuration)


@given(genomes, genomes)
def test_inactive_genes_never_make_two_configurations_differ(genome, other):
    configuration = SPACE.decode(genome)
    mixed = [
        gene if parameter.name in configuration else stray
        for parameter, gene, stray in zip(SPACE, genome, other, strict=True)
    ]
    assert SPACE.key(SPACE.decode(mixed)) == SPACE.key(configuration)


@given(genomes)
def test_decoded_configurations_are_canonical_and_lie_in_the_space(genome):
    configuration = SPACE.decode(genome)
    assert SPACE.canonical(configuration) == configuration
    assert all(SPACE[name].contains(value) for name, value in configuration.items())


def test_every_level_gets_the_same_share_of_the_gene():
    genes = np.random.default_rng(0).random(20_000)
    for parameter in (Int("n", 3, 11, step=2), Choice("c", ("a", "b", "c"))):
        _, counts = np.unique([str(parameter.decode(gene)) for gene in genes], return_counts=True)
        assert len(counts) == parameter.levels
        assert chisquare(counts).pvalue > 1e-3


def test_log_integer_gives_each_doubling_the_same_share():
    parameter = Int("width", 1, 128, log=True)
    values = np.array([parameter.decode(gene) for gene in np.linspace(0, 1, 100_001)])
    shares = [np.mean((values > low) & (values <= 2 * low)) for low in (8, 16, 32)]
    assert shares == pytest.approx([math.log(2) / math.log(128.5 / 0.5)] * 3, rel=0.05)
    assert values.min() == 1
    assert values.max() == 128


@pytest.mark.parametrize("parameter", [Int("n", 8, 64, step=8, log=True), Int("n", 1, 300, log=True)])
def test_every_log_integer_survives_the_round_trip(parameter):
    for value in range(parameter.low, parameter.high + 1, parameter.step):
        assert parameter.decode(float(np.float32(parameter.encode(value)))) == value


def test_true_and_one_are_different_choices():
    flag = Choice("flag", (1, True, "1"))
    assert [flag.decode(flag.encode(value)) for value in flag.choices] == [1, True, "1"]
    space = SearchSpace([flag, Float("x", 0, 1, when={"flag": (True,)})])
    assert "x" in space.active({"flag": True})
    assert "x" not in space.active({"flag": 1})


def test_a_child_of_an_inactive_parent_is_inactive():
    assert "dropout" not in SPACE.canonical(SPACE.default() | {"depth": 3, "dropout": 0.1})
    deep = SPACE.default() | {"block": "residual", "depth": 3, "dropout": 0.1}
    assert SPACE.canonical(deep)["dropout"] == 0.1


def test_size_counts_phenotypes():
    space = SearchSpace(
        [
            Choice("block", ("plain", "residual")),
            Int("depth", 1, 4, when={"block": ("residual",)}),
            Choice("kernel", (3, 5), when={"depth": (4,)}),
        ]
    )
    assert space.size() == 1 + (3 + 2)  # plain; residual with depth 1..3; depth 4 with two kernels
    assert len({space.key(space.decode(g)) for g in np.random.default_rng(1).random((500, 3))}) == 6
    assert SPACE.size() == math.inf
    assert SearchSpace([Choice("only", ("one",))]).size() == 1


def test_records_bring_the_same_space_back():
    assert SearchSpace.from_records(SPACE.to_records()) == SPACE


def test_a_table_means_what_it_says():
    space = SearchSpace.from_tables(
        {
            "optimizer": {"type": "choice", "choices": ["sgd", "adamw"], "default": "sgd"},
            "momentum": {"type": "float", "low": 0.8, "high": 0.99, "when": {"optimizer": "sgd"}},
        },
        source="a.toml",
    )
    assert space.default() == {"optimizer": "sgd", "momentum": pytest.approx(0.895)}
    assert space.canonical({"optimizer": "adamw"}) == {"optimizer": "adamw"}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"type": "int", "low": 1, "high": 4, "hihg": 3}, "unknown key 'space.p.hihg'"),
        ({"type": "int", "low": 1.5, "high": 4}, "space.p.low = 1.5"),
        ({"type": "int", "low": 1, "high": "4"}, "space.p.high = '4'"),
        ({"type": "int", "low": 4, "high": 1}, "range is empty, low = 4 exceeds high = 1"),
        ({"type": "int", "low": 1, "high": 4, "step": 2}, "use high = 3"),
        ({"type": "int", "low": 1, "high": 4, "step": 0}, "step = 0"),
        ({"type": "float", "low": 0, "high": 1, "log": True}, "log scale needs low above 0"),
        ({"type": "float", "low": 0, "high": float("inf")}, "finite"),
        ({"type": "float", "low": 0, "high": 1, "default": 2}, "default = 2"),
        ({"type": "float", "low": 0}, "'space.p.high' is missing"),
        ({"type": "choice", "choices": []}, "choices is empty"),
        ({"type": "choice", "choices": ["a", "a"]}, "names a value twice"),
        (
            {"type": "choice", "choices": ["a"], "when": {"q": "b"}},
            "conditional on 'q', which is not in the space",
        ),
        ({"type": "choice", "choices": ["a"], "when": {"p": "a"}}, "form a circle"),
        ({"low": 0, "high": 1}, "'space.p.type' is missing"),
        ({"type": "integer", "low": 0, "high": 1}, "space.p.type = 'integer' is unknown"),
        (3, "must be a table"),
    ],
)
def test_a_wrong_table_is_refused_by_key_and_file(table, says):
    with pytest.raises(InputError) as refusal:
        SearchSpace.from_tables({"p": table}, source="my.toml")
    assert str(refusal.value).startswith("my.toml: ")
    assert says in str(refusal.value)


def test_contradictory_conditions_are_refused():
    parameters = [
        Choice("a", ("x", "y")),
        Choice("b", (1, 2), when={"a": ("x",)}),
        Choice("c", (1, 2), when={"b": (1,), "a": ("y",)}),
    ]
    with pytest.raises(
        InputError, match="'c' can never be active: its conditions ask contradictory values of 'a'"
    ):
        SearchSpace(parameters)


@pytest.mark.parametrize(
    ("configuration", "says"),
    [
        ({"blok": "plain"}, "unknown parameter 'blok'"),
        ({"width": 9}, "'width' = 9 lies outside"),
        ({"nesterov": 1}, "'nesterov' = 1 lies outside"),
        ({"learning_rate": float("nan")}, "'learning_rate' = nan lies outside"),
    ],
)
def test_a_wrong_configuration_is_refused(configuration, says):
    with pytest.raises(InputError, match=says):
        SPACE.canonical(SPACE.default() | configuration)


def test_a_missing_parameter_is_named():
    configuration = SPACE.default()
    del configuration["width"]
    with pytest.raises(InputError, match="lacks parameter 'width'"):
        SPACE.canonical(configuration)
