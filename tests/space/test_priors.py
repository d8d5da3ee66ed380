"""Priors: what is drawn through them has the distribution that the user wrote down, and nothing else changes."""

import math
import tomllib

import numpy as np
import pytest
from scipy.stats import chisquare, kstest, norm, truncnorm

from ecojax.engine.engine import Engine
from ecojax.errors import InputError
from ecojax.space import Choice, Float, Int, SearchSpace
from ecojax.space.priors import prior_map

DRAWS = 4000


def drawn(parameter, n: int = DRAWS) -> list:
    space = SearchSpace([parameter])
    mapped = prior_map(space)
    genes = np.random.default_rng(0).random((n, 1))
    return [space.decode(mapped(gene))[parameter.name] for gene in genes]


def test_a_linear_number_is_a_truncated_normal() -> None:
    values = drawn(Float("x", -1.0, 4.0, prior={"mean": 0.5, "sd": 1.5}))
    expected = truncnorm((-1 - 0.5) / 1.5, (4 - 0.5) / 1.5, loc=0.5, scale=1.5)
    assert kstest(values, expected.cdf).pvalue > 0.01


def test_a_log_scaled_number_is_a_truncated_normal_of_the_logarithm() -> None:
    values = np.log(drawn(Float("x", 1e-4, 1.0, log=True, prior={"mean": 0.01, "factor": 3})))
    mean, sd = math.log(0.01), math.log(3)
    expected = truncnorm((math.log(1e-4) - mean) / sd, (0 - mean) / sd, loc=mean, scale=sd)
    assert kstest(values, expected.cdf).pvalue > 0.01


@pytest.mark.parametrize("log", [False, True])
def test_an_integer_takes_the_shares_between_its_neighbours(log) -> None:
    parameter = Int("n", 8, 64, step=8, log=log, prior={"mean": 24, **({"factor": 2} if log else {"sd": 12})})
    values, counts = np.unique(drawn(parameter), return_counts=True)
    members = np.arange(8, 65, 8)
    edges = np.append(members - 4.0, 68.0)
    share = norm(math.log(24), math.log(2)).cdf(np.log(edges)) if log else norm(24, 12).cdf(edges)
    expected = np.diff(share) / (share[-1] - share[0])
    assert values.tolist() == members.tolist()
    assert chisquare(counts, DRAWS * expected).pvalue > 0.01


def test_choices_take_their_weights_and_one_where_none_is_given() -> None:
    parameter = Choice("a", ("relu", "silu", "gelu"), prior={"relu": 3, "gelu": 0.5})
    values, counts = np.unique(drawn(parameter), return_counts=True)
    assert values.tolist() == ["gelu", "relu", "silu"]
    assert chisquare(counts, DRAWS * np.array([0.5, 3, 1]) / 4.5).pvalue > 0.01


def test_a_weight_of_zero_is_never_drawn() -> None:
    assert set(drawn(Choice("k", (3, 5, 7), prior={"3": 0, "7": 0}))) == {5}
    assert set(drawn(Choice("k", (True, False), prior={"true": 0}))) == {False}


@pytest.mark.parametrize(
    "parameter",
    [
        Float("x", 0.0, 1.0, prior={"mean": 0.0, "sd": 1e-12}),
        Float("x", 0.0, 1.0, prior={"mean": 1.0, "sd": 1e12}),
        Float("x", 2.0, 2.0, prior={"mean": 2, "sd": 1}),
        Float("x", 1e-8, 1e8, log=True, prior={"mean": 1e8, "factor": 1.001}),
        Int("x", 3, 3, prior={"mean": 3, "sd": 1e-9}),
        Choice("x", ("a", "b", "c"), prior={"a": 1e-300, "c": 1e300}),
    ],
    ids=str,
)
def test_extreme_beliefs_stay_in_the_cube_and_in_order(parameter) -> None:
    mapped = prior_map(SearchSpace([parameter]))
    genes = [mapped(np.array([gene]))[0] for gene in (0.0, 1e-300, 0.3, 0.5, 0.7, 1 - 1e-16, 1.0)]
    assert all(0.0 <= gene <= 1.0 for gene in genes)
    assert genes == sorted(genes)


def test_the_first_population_and_random_draws_follow_and_the_default_stays() -> None:
    believed = SearchSpace(
        [Float("x", 0.0, 1.0, default=0.9, prior={"mean": 0.2, "sd": 0.01}), Int("n", 1, 4)]
    )
    options = {"objectives": 1, "population": 16, "seed": 0, "prior": prior_map(believed)}
    proposals = [Engine(believed, **options).propose(step, []) for step in range(16)]
    assert proposals[0].configuration == {"x": 0.9, "n": 3}
    assert all(abs(p.configuration["x"] - 0.2) < 0.05 for p in proposals[1:])
    assert len({p.configuration["n"] for p in proposals}) == 4  # what has no prior is spread as ever
    late = Engine(believed, proposer="random", **options).propose(500, [])
    assert abs(late.configuration["x"] - 0.2) < 0.05


def test_a_prior_excludes_nothing() -> None:
    """The search ends when the space is tried out, not when what is believed is."""
    from ecojax.engine.archive import Observation

    space = SearchSpace([Choice("a", ("x", "y", "z"), prior={"y": 0, "z": 0}), Int("n", 1, 2)])
    engine = Engine(space, objectives=1, population=2, seed=0, proposer="random", prior=prior_map(space))
    found = []
    while proposal := engine.propose(len(found), found):
        found.append(Observation(proposal.configuration, None))
    assert len({space.key(o.configuration) for o in found}) == len(found) == 6


def test_without_a_prior_there_is_no_map_and_the_encoding_never_changes() -> None:
    plain = SearchSpace([Float("x", 0.0, 1.0), Choice("a", ("r", "s"))])
    assert prior_map(plain) is None
    believed = SearchSpace(
        [Float("x", 0.0, 1.0, prior={"mean": 0.5, "sd": 0.1}), Choice("a", ("r", "s"), prior={"r": 9})]
    )
    for genome in np.random.default_rng(0).random((20, 2)):
        configuration = plain.decode(genome)
        assert believed.decode(genome) == configuration
        np.testing.assert_array_equal(believed.encode(configuration), plain.encode(configuration))
    assert SearchSpace.from_records(believed.to_records()) == believed != plain


def test_a_prior_is_read_from_toml() -> None:
    text = """
    [rate]
    type = "float"
    low = 1e-4
    high = 1.0
    log = true
    prior = { mean = 0.01, factor = 3 }
    [kernel]
    type = "choice"
    choices = [3, 5]
    prior = { 3 = 2 }
    """
    space = SearchSpace.from_tables(tomllib.loads(text), source="mine.toml")
    assert space["rate"].prior == {"mean": 0.01, "factor": 3}
    assert space["kernel"].prior == {"3": 2}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"type": "float", "low": 0, "high": 1, "prior": {"mean": 2, "sd": 1}}, "prior.mean = 2.*takes 0"),
        ({"type": "float", "low": 0, "high": 1, "prior": {"mean": 0.5}}, "it takes mean and sd"),
        (
            {"type": "float", "low": 1, "high": 9, "log": True, "prior": {"mean": 2, "sd": 1}},
            "mean and factor",
        ),
        ({"type": "float", "low": 1, "high": 9, "log": True, "prior": {"mean": 2, "factor": 1}}, "above 1"),
        ({"type": "int", "low": 1, "high": 9, "prior": {"mean": 2, "sd": 0}}, "must be above 0"),
        ({"type": "int", "low": 1, "high": 9, "prior": {"mean": math.nan, "sd": 1}}, "finite number"),
        ({"type": "choice", "choices": ["a", "b"], "prior": {"c": 1}}, "names 'c'; the choices are a, b"),
        ({"type": "choice", "choices": ["a", "b"], "prior": {"a": -1}}, "must not be negative"),
        ({"type": "choice", "choices": ["a", "b"], "prior": {"a": 0, "b": 0}}, "every choice the weight 0"),
        ({"type": "choice", "choices": ["a", "b"], "prior": "a"}, "space.p.prior = 'a'"),
    ],
    ids=str,
)
def test_a_wrong_prior_is_refused_by_name(table, says) -> None:
    with pytest.raises(InputError, match=says) as refusal:
        SearchSpace.from_tables({"p": table}, source="mine.toml")
    assert str(refusal.value).startswith("mine.toml")
