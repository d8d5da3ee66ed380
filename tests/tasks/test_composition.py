"""How defaults, a user's tables and pins become one space."""

import pytest

from ecojax.errors import InputError
from ecojax.models import family
from ecojax.space import Choice, Float, Int
from ecojax.tasks.composition import compose_space, family_parameters

PARAMETERS = (
    Choice("optimizer", ("sgd", "adamw"), default="adamw"),
    Float("momentum", 0.0, 0.99, default=0.9, when={"optimizer": ("sgd",)}),
    Int("layers", 0, 3, default=2),
    Int("width", 8, 64, step=8, default=16, when={"layers": (1, 2, 3)}),
    Choice("gate", (False, True), default=False, when={"layers": (1, 2, 3)}),
    Float("leak", 0.0, 1.0, default=0.1, when={"gate": (True,)}),
)


def composed(**kw):
    return compose_space(PARAMETERS, source="mine.toml", **kw)


def test_left_alone_the_space_is_the_parameters() -> None:
    assert composed().parameters == PARAMETERS
    assert composed(tables={}, pins={}).parameters == PARAMETERS


def test_a_pin_holds_its_value_in_every_configuration() -> None:
    space = composed(pins={"layers": 2, "momentum": 0.5})
    assert space["layers"] == Choice("layers", (2,))
    assert space["momentum"].when == {"optimizer": ("sgd",)}
    for gene in (0.0, 0.5, 0.999):
        configuration = space.decode([gene] * len(space))
        assert configuration["layers"] == 2
        assert configuration.get("momentum", 0.5) == 0.5
    assert space.default()["layers"] == 2


def test_what_no_pinned_parent_activates_is_dropped_with_all_below_it() -> None:
    assert [p.name for p in composed(pins={"layers": 0})] == ["optimizer", "momentum", "layers"]
    assert "momentum" not in composed(pins={"optimizer": "adamw"})
    assert "leak" not in composed(pins={"gate": False})
    assert "width" in composed(pins={"gate": False})


def test_conditions_narrow_to_what_parents_still_take() -> None:
    assert composed(pins={"layers": 2})["width"].when == {"layers": (2,)}
    table = {"type": "int", "low": 0, "high": 1}
    assert composed(tables={"layers": table})["width"].when == {"layers": (1,)}


def test_a_table_replaces_range_and_default_and_keeps_the_condition() -> None:
    space = composed(tables={"width": {"type": "int", "low": 100, "high": 300, "step": 100}})
    assert space["width"] == Int("width", 100, 300, step=100, when={"layers": (1, 2, 3)})


def test_a_table_may_state_its_own_condition() -> None:
    table = {"type": "float", "low": 0.1, "high": 0.2, "when": {"optimizer": "adamw"}}
    assert composed(tables={"momentum": table})["momentum"].when == {"optimizer": ("adamw",)}
    always = {"type": "float", "low": 0.1, "high": 0.2, "when": {}}
    assert composed(tables={"momentum": always})["momentum"].when == {}


def test_a_pin_holds_a_table_too() -> None:
    tables = {"optimizer": {"type": "choice", "choices": ["sgd"]}}
    assert composed(tables=tables)["momentum"].when == {"optimizer": ("sgd",)}
    assert composed(tables={"layers": {"type": "int", "low": 0, "high": 9}}, pins={"layers": 7})[
        "layers"
    ] == Choice("layers", (7,))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tables": {"wdith": {"type": "int", "low": 1, "high": 2}}}, r"mine\.toml: space\.wdith.*width"),
        ({"pins": {"wdith": 8}}, r"mine\.toml: pin\.wdith.*width"),
        ({"pins": {"optimizer": "adam"}}, r"mine\.toml: pin\.optimizer = 'adam'.*'sgd', 'adamw'"),
        ({"pins": {"layers": "two"}}, r"mine\.toml: pin\.layers = 'two'.*an integer"),
        ({"pins": {"layers": True}}, r"mine\.toml: pin\.layers = True"),
        ({"pins": {"gate": 1}}, r"mine\.toml: pin\.gate = 1"),
        ({"tables": {"width": {"type": "int", "low": 9, "high": 2}}}, r"mine\.toml.*width"),
        ({"tables": {"width": {"type": "int", "low": 8}}}, r"mine\.toml.*width.*high"),
        ({"tables": {"width": {"type": "int", "low": 8, "high": 16, "stpe": 8}}}, r"mine\.toml.*stpe"),
        ({"tables": {"width": 8}}, r"mine\.toml.*width"),
        (
            {"tables": {"width": {"type": "int", "low": 8, "high": 9, "when": {"colour": "red"}}}},
            r"mine\.toml: space\.width: when\.colour is no parameter",
        ),
        (
            {"tables": {"width": {"type": "int", "low": 8, "high": 9, "when": {"layers": 99}}}},
            r"mine\.toml: space\.width: when\.layers = \[99\]; 'layers' takes an integer from 0 to 3",
        ),
        (
            {"tables": {"layers": {"type": "int", "low": 0, "high": 3, "when": {"width": 8}}}},
            r"mine\.toml.*circle",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_file_and_key(given, message) -> None:
    with pytest.raises(InputError, match=message):
        composed(**given)


# Families


SHAPE = (8, 8, 1)


def test_one_family_has_its_own_parameters_unchanged() -> None:
    parameters = family_parameters(["mlp"], SHAPE)
    assert parameters == [Choice("family", ("mlp",)), *family("mlp").parameters(SHAPE)]


def test_several_share_what_they_share_and_keep_apart_what_they_do_not() -> None:
    by_name = {p.name: p for p in family_parameters(["convnet", "mlp"], SHAPE)}
    own = {name: {p.name: p for p in family(name).parameters(SHAPE)} for name in ("convnet", "mlp")}
    assert by_name["family"].choices == ("convnet", "mlp")
    assert by_name.keys() == {"family", *own["convnet"], *own["mlp"]}
    for name, parameter in by_name.items():
        owners = tuple(owner for owner in own if name in own[owner])
        if len(owners) == 2:
            assert parameter == own["mlp"][name]
            assert "family" not in parameter.when
        elif owners:
            assert parameter.when == {**own[owners[0]][name].when, "family": owners}


def test_a_configuration_of_a_family_has_none_of_anothers_parameters() -> None:
    space = compose_space(family_parameters(["convnet", "mlp"], SHAPE))
    names = {name: {p.name for p in family(name).parameters(SHAPE)} for name in ("convnet", "mlp")}
    for gene in (0.1, 0.9):
        configuration = space.decode([gene] * len(space))
        assert configuration.keys() - {"family"} <= names[configuration["family"]]
    assert {space.decode([g] * len(space))["family"] for g in (0.1, 0.9)} == {"convnet", "mlp"}


def test_a_family_named_twice_counts_once() -> None:
    assert family_parameters(["mlp", "mlp"], SHAPE) == family_parameters(["mlp"], SHAPE)


def test_unknown_families_and_none_are_refused() -> None:
    with pytest.raises(InputError, match="'vgg'"):
        family_parameters(["mlp", "vgg"], SHAPE)
    with pytest.raises(InputError, match="no model family"):
        family_parameters([], SHAPE)
