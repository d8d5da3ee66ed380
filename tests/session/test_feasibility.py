"""Bounds that nothing in a space meets are found before training, and those that something meets are never refused."""

from itertools import product

import numpy as np
import pytest

from ecojax.data import load
from ecojax.errors import InputError
from ecojax.models import FAMILIES
from ecojax.models.known import known_beforehand
from ecojax.origins import Origins
from ecojax.session.conduct import known_of
from ecojax.session.feasibility import infeasible
from ecojax.space import Choice, SearchSpace
from ecojax.tasks import ImageClassification
from ecojax.tasks.images import ImageInputs

ORIGINS = Origins("mine.toml", frozenset({"constraints.parameters"}))


def task(families: list[str], **given: object) -> ImageClassification:
    return ImageClassification(load("digits", train_size=100), families, inference_batch=8, **given)


def verdict(of: ImageClassification, bounds) -> str | None:
    known = known_of(of, list(bounds))
    return infeasible(of.space, known, bounds, shaping=of.shaping, origins=ORIGINS)


def test_a_bound_on_parameters_that_no_network_meets_is_refused_with_the_smallest() -> None:
    """The smallest perceptron is 64 inputs, 8 hidden units, 10 classes: 64·8 + 8 + 8·10 + 10."""
    with pytest.raises(
        InputError, match=r"parameters<=609 \(constraints\); the nearest has parameters = 610"
    ):
        verdict(task(["mlp"]), {"parameters": {"max": 609}})
    assert verdict(task(["mlp"]), {"parameters": {"max": 610}}) is None


def test_a_bound_on_flops_that_no_network_meets_is_refused() -> None:
    """Logistic regression: 64 · 10 multiplications and additions."""
    with pytest.raises(InputError, match=r"flops<=1000 \(mine\.toml\); the nearest has flops = 1280"):
        verdict(task(["linear"]), {"flops": {"max": 1000}})
    assert verdict(task(["linear"]), {"flops": {"max": 1280}}) is None


def test_one_configuration_among_all_that_meets_the_bounds_is_found() -> None:
    """Whatever the default is; against every network of the space, one by one."""
    tables = {
        "hidden_layers": {"type": "int", "low": 1, "high": 3},
        "hidden_width": {"type": "choice", "choices": [48, 8, 24], "default": 48},
        "norm": {"type": "choice", "choices": ["batch", "none"], "default": "batch"},
    }
    of = task(["mlp"], tables=tables)
    values = (space.choices if isinstance(space := of.space[name], Choice) else (1, 2, 3) for name in tables)
    sizes = sorted(
        of.network(of.space.completed(dict(zip(tables, chosen, strict=True)))).parameters
        for chosen in product(*values)
    )
    assert verdict(of, {"parameters": {"max": sizes[0]}}) is None
    assert verdict(of, {"parameters": {"min": sizes[-1]}}) is None
    for bound in ({"max": sizes[0] - 1}, {"min": sizes[-1] + 1}):
        with pytest.raises(InputError, match="no network of this space meets"):
            verdict(of, {"parameters": bound})
    middle = sizes[len(sizes) // 2]
    assert verdict(of, {"parameters": {"min": middle, "max": middle}}) is None


def test_where_the_networks_are_too_many_nothing_is_refused(monkeypatch) -> None:
    monkeypatch.setattr("ecojax.session.feasibility.MOST_BUILT", 3)
    monkeypatch.setattr("ecojax.session.feasibility.SAMPLED", 8)
    warning = verdict(task(["mlp"]), {"parameters": {"max": 10}})
    assert warning is not None
    assert warning.startswith("none of the networks looked at meets parameters<=10")


def test_a_conditional_width_that_falls_back_to_its_default_is_no_smaller() -> None:
    """Without norm the width is inactive, and the network has the family's default of 64."""
    tables = {"hidden_width": {"type": "int", "low": 8, "high": 16, "when": {"norm": "batch"}}}
    of = task(["mlp"], tables=tables, pins={"hidden_layers": 1, "norm": "none"})
    assert "hidden_width" not in of.space
    with pytest.raises(InputError, match=f"parameters = {64 * 64 + 64 + 64 * 10 + 10}"):
        verdict(of, {"parameters": {"max": 610}})


@pytest.mark.parametrize("name", [name for name in FAMILIES if FAMILIES[name].grows])
def test_what_grows_makes_no_network_smaller(name) -> None:
    shape = (8, 8, 2)
    inputs = ImageInputs(shape, ("a", "b", "c"), (0.5, 0.5), (0.5, 0.5))
    space = SearchSpace([Choice("family", (name,)), *FAMILIES[name].parameters(shape)])
    rng = np.random.default_rng(0)
    assert FAMILIES[name].grows <= {parameter.name for parameter in space}
    for parameter in (space[key] for key in sorted(FAMILIES[name].grows)):
        values = parameter.choices if isinstance(parameter, Choice) else (parameter.low, parameter.high)
        for _ in range(3):
            configuration = space.decode(rng.random(len(space)))
            found = [
                known_beforehand(inputs.network({**configuration, parameter.name: value}, "float32"), 1)
                for value in (min(values), max(values))
            ]
            assert found[0]["parameters"] <= found[1]["parameters"], parameter.name
            assert found[0]["flops"] <= found[1]["flops"], parameter.name
