"""Files of settings from anybody: settings, or a sentence; soon, and with nothing else read or written."""

import contextlib
import json
import os
import time
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from ecojax.errors import EcojaxError, InputError
from ecojax.settings import MAX_BYTES, SearchSettings, read_config, read_configurations, resolve
from ecojax.space import SearchSpace
from ecojax.tasks.composition import compose_space, family_parameters

KEYS = sorted(SearchSettings.model_fields)
PARAMETER_KEYS = ["type", "low", "high", "step", "log", "default", "choices", "ordered", "when", "prior"]


def fuzzed(examples: int):
    return hypothesis_settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def read_or_refused(path: Path) -> None:
    """Through everything that a search does with its file before it loads data."""
    for read in (lambda: resolve(path, {}), lambda: resolve(path, {"pin": {"width": 8}, "seed": 1})):
        try:
            settings, _ = read()
            space = compose_space(
                family_parameters(settings.families, (8, 8, 1)), tables=settings.space, pins=settings.pin
            )
            space.decode([0.3] * len(space)), space.default(), space.levels, space.size()
        except EcojaxError as error:
            str(error).encode()
    with contextlib.suppress(InputError):
        read_configurations(path)
    assert list(path.parent.iterdir()) == [path]


# Text


@fuzzed(150)
@given(raw=st.binary(max_size=80) | st.text(max_size=80).map(lambda text: text.encode()))
def test_any_bytes_are_settings_or_a_sentence(tmp_path, raw) -> None:
    for name in ("a.toml", "a.json"):
        path = tmp_path / name
        path.write_bytes(raw)
        read_or_refused(path) if name == "a.toml" else _configurations(path)
        path.unlink()


def _configurations(path: Path) -> None:
    with contextlib.suppress(InputError):
        assert isinstance(read_configurations(path), list)


@fuzzed(150)
@given(
    pieces=st.lists(
        st.sampled_from(
            [*KEYS, *PARAMETER_KEYS, *"=[]{}.,\"'\n# ", '"""', "[[", "]]", "1", "nan", "true", "-", "_", "e9"]
        )
        | st.text(max_size=2),
        max_size=40,
    )
)
def test_any_pieces_of_toml_are_settings_or_a_sentence(tmp_path, pieces) -> None:
    path = tmp_path / "a.toml"
    path.write_text("".join(pieces), encoding="utf-8", errors="surrogateescape")
    read_or_refused(path)


# Tables


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(-2, 70)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["int", "float", "choice", "accuracy", "mlp", "width", "5%", "nan%", "2h", "1e400h"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["width", "norm", "max", "min", "mean", "sd", *PARAMETER_KEYS])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)
PARAMETER = st.fixed_dictionaries(
    {"type": st.sampled_from(["int", "float", "choice"])},
    optional=dict.fromkeys(PARAMETER_KEYS[1:], VALUES)
    | {name: st.integers(-(2**63), 2**63 - 1) | st.floats() for name in ("low", "high")},
)


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(
        value, bool | str
    ):  # JSON's escapes are TOML's, but for half characters, which are not drawn
        return json.dumps(value).replace("\x7f", "\\u007f")
    return repr(value)


@fuzzed(200)
@given(
    table=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3)
    | st.fixed_dictionaries(
        {"space": st.dictionaries(st.sampled_from(["width", "kernel", "norm"]), PARAMETER, min_size=1)}
    )
)
def test_any_value_of_any_key_is_settings_or_a_sentence(tmp_path, table) -> None:
    path = tmp_path / "a.toml"
    path.write_text("\n".join(f"{key} = {toml(value)}" for key, value in table.items()))
    read_or_refused(path)


@fuzzed(200)
@given(tables=st.dictionaries(st.sampled_from("abc"), PARAMETER, min_size=1))
def test_any_space_comes_back_from_its_records(tables) -> None:
    try:
        space = SearchSpace.from_tables(tables, source="a.toml")
    except InputError:
        return
    for gene in (0.0, 0.3, 1.0):
        configuration = space.decode([gene] * len(space))
        assert space.decode(space.encode(configuration)).keys() == configuration.keys()
    space.levels, space.size()
    assert SearchSpace.from_records(json.loads(json.dumps(space.to_records()))) == space


@pytest.mark.parametrize("records", [None, 7, "text", {"a": 1}, [1], [[]], [None], [{}], [{"name": {}}], []])
def test_records_of_no_space_are_refused(records) -> None:
    with pytest.raises(InputError):
        SearchSpace.from_records(records)


# What takes long, or for ever


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        "a." * 500_000 + "a = 1",
        "[" + "a . " * 250_000 + "a]",
        '"a".' * 250_000 + "a = 1",
        "x = " + "[" * 100_000,
        "x = " + "{a = " * 50_000,
        "x = " + "{a.a.a.a.a.a.a.a.a.a = " * 500 + "1" + "}" * 500,
        "seed = " + "9" * 1_000_000,
        "seed = 0x" + "f" * 1_000_000,
        "seed = 1" + "0" * 300,
        "pin.width = " + "1" * 30,
        "a" * 1_000_000,
        "a " * 500_000,
        '"' * 1_000_000,
        "#" * (MAX_BYTES + 1),
    ],
    ids=lambda text: text[:12],
)
def test_a_file_made_to_take_long_is_refused_soon(tmp_path, text) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(InputError, match=r"a\.toml"):
        resolve(path, {})
    assert time.process_time() - began < 5


@pytest.mark.timeout(20)
@pytest.mark.parametrize("read", [read_config, read_configurations])
@pytest.mark.parametrize("name", ["a.toml", "a.json"])
def test_pipes_and_devices_are_not_waited_for(tmp_path, read, name) -> None:
    path = tmp_path / name
    os.mkfifo(path)
    with pytest.raises(InputError, match=f"{name}': it is no ordinary file"):
        read(path)
    with pytest.raises(InputError, match=r"/dev/zero': it is no ordinary file"):
        read(Path("/dev/zero"))
    with pytest.raises(InputError, match="Is a directory"):
        read(tmp_path)


def test_dots_that_are_no_key_are_welcome(tmp_path) -> None:
    """Many numbers on a line, and versions in a text, are not taken for a key of many parts."""
    numbers = [round(0.001 * number, 3) for number in range(1, 200)]
    path = tmp_path / "a.toml"
    path.write_text(
        f'space.width = {{type = "choice", choices = {numbers}}}\npin.norm = "{". ".join("abcdefgh" * 3)}"'
    )
    assert read_config(path)["space"]["width"]["choices"] == numbers
    path.write_text("a.b.c.d.e.f = 1")
    assert read_config(path) == {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}


def test_families_that_no_file_names_are_the_datasets_own_with_and_without_a_config(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("epochs = 1")
    without, _ = resolve(None, {"dataset": "digits"})
    assert (
        resolve(path, {"dataset": "digits"})[0].families == without.families == ["mlp", "convnet", "linear"]
    )
    assert resolve(path, {"dataset": "digits", "families": ["mlp"]})[0].families == ["mlp"]
    path.write_text('dataset = "cifar10"')
    assert resolve(path, {})[0].families == resolve(None, {"dataset": "cifar10"})[0].families
