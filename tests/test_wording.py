"""An error names a setting as whoever gave it wrote it: an option, an argument of Python, a key of a file."""

import ast
import re
import sys
from pathlib import Path

import pytest

import ecojax
from ecojax.cli import main
from ecojax.errors import DataError, InputError
from ecojax.origins import Origins
from ecojax.settings import SearchSettings, resolve
from ecojax.wording import on_the_command_line, option


def complaint(arguments: list[str], monkeypatch, capsys) -> str:
    monkeypatch.setattr(sys, "argv", ["ecojax", "search", "--dataset", "digits", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    return capsys.readouterr().err


SAID_OF_AN_OPTION = [
    (["--pin", "hidden_width=-3"], "--pin hidden_width=-3; it takes an integer from 8"),
    (
        ["--pin", "hidden_widht=8"],
        "--pin hidden_widht is no parameter of this search (did you mean 'hidden_width'?)",
    ),
    (["--pin", "activation=rleu"], "--pin activation=rleu (did you mean 'relu'?); it takes one of"),
    (["--family", "convnte"], "--family convnte: unknown model family 'convnte' (did you mean 'convnet'?)"),
    (["--objective", "acuracy"], "--objective acuracy: 'acuracy' is no objective (did you mean 'accuracy'?)"),
    (["--constraint", "flop<=3"], "'flop' is no metric (did you mean 'flops'?)"),
    (["--constraint", "accuracy>=90"], "constraint 'accuracy>=90': accuracy is a share; write accuracy>=0.9"),
    (["--inference-batch", "5000"], "--inference-batch 5000 exceeds"),
    (
        ["--proposer", "asisted"],
        "--proposer asisted: there is none of that name (did you mean 'assisted'?); there",
    ),
    (["--precision", "float23"], "(did you mean 'float32'?)"),
    (["--train-size", "100000"], "--train-size 100000 is out of range"),
    (["--pin", "batch_size=100000"], "--pin batch_size"),
]


@pytest.mark.parametrize(
    ("arguments", "says"), SAID_OF_AN_OPTION, ids=lambda v: v[1] if isinstance(v, list) else ""
)
def test_the_command_line_is_told_of_its_options_and_no_file_is_blamed(
    arguments, says, tmp_path, monkeypatch, capsys
):
    said = complaint([*arguments, "--out", str(tmp_path / "s")], monkeypatch, capsys)
    assert says in said
    assert "digits.toml" not in said
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"pin": {"hidden_width": -3}}, r"^pin=\{'hidden_width': -3\}; it takes an integer"),
        (
            {"families": ["convnte"]},
            r"^families=\['convnte'\]: unknown model family .*did you mean 'convnet'",
        ),
        ({"objectives": ["acuracy"]}, r"^objectives=\['acuracy'\]: .*did you mean 'accuracy'"),
        ({"inference_batch": 5000}, "^inference_batch=5000 exceeds .* or raise train_size"),
        ({"epochs": 0}, "^epochs=0: input should be greater"),
        ({"device": "gpuu"}, r"^device='gpuu': .*did you mean 'gpu'"),
        ({"constraints": {"accuracy": {"min": 90}}}, "^constraints.*accuracy is a share"),
        ({"constraints": ["accuracy>=90"]}, "^constraint.*accuracy is a share"),
        ({"budget": "2x"}, "^budget='2x' is no positive time"),
        ({"workers": 0}, "^workers=0: "),
        ({"resume": True}, "^resume=True needs the study's folder; add out='FOLDER'"),
        ({"train_size": 100_000}, "^train_size=100000 is out of range"),
    ],
    ids=str,
)
def test_python_is_told_of_its_arguments(arguments, says, tmp_path) -> None:
    where = {} if "resume" in arguments else {"out": tmp_path / "s"}
    with pytest.raises((InputError, DataError), match=says) as raised:
        ecojax.search("digits", **arguments, **where)
    assert "--" not in str(raised.value)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[pin]\nhidden_width = -3", r"mine\.toml: pin\.hidden_width = -3; it takes"),
        ("inference_batch = 5000", r"mine\.toml: inference_batch = 5000 exceeds"),
        ("train_size = 100000", r"mine\.toml: train_size = 100000 is out of range"),
        ("families = ['convnte']", r"mine\.toml: families = 'convnte': unknown .*'convnet'"),
        ("objectives = ['acuracy']", r"mine\.toml: objectives = 'acuracy'"),
        ("budget = '2x'", r"mine\.toml: budget = '2x' is no positive time"),
        ("trial_timeout = '2'", r"mine\.toml: trial_timeout = '2' is no positive time"),
        ("evaluatons = 3", r"mine\.toml: unknown key 'evaluatons' \(did you mean 'evaluations'\?\)"),
        ("[space.width]\ntype = 'int'\nlow = 8\nhihg = 16", r"mine\.toml: .*'space.width.high' is missing"),
    ],
)
def test_a_file_is_named_for_what_came_from_it_whatever_options_say(text, says, tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises((InputError, DataError), match=says):
        ecojax.search("digits", config=path, seed=3, pin={"optimizer": "sgd"}, out=tmp_path / "s")


def test_each_key_has_the_origin_that_won(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("epochs = 3\n[pin]\nnorm = 'none'\noptimizer = 'sgd'\n[constraints.flops]\nmax = 1e6")
    given = {"pin": {"optimizer": "adamw"}, "constraints": ["accuracy>=50%"], "seed": 4}
    with on_the_command_line():
        settings, origins = resolve(path, given)
        found = {
            key: origins.whence(key)
            for key in (
                "epochs",
                "pin.norm",
                "pin.optimizer",
                "constraints.flops",
                "constraints.accuracy",
                "seed",
            )
        }
        assert origins.whence("population") == "default"
    assert found == {
        "epochs": str(path),
        "pin.norm": str(path),
        "pin.optimizer": "--pin",
        "constraints.flops": str(path),
        "constraints.accuracy": "--constraint",
        "seed": "--seed",
    }
    assert settings.pin == {"norm": "none", "optimizer": "adamw"}


@pytest.mark.parametrize(
    ("key", "value", "on_the_line", "in_python"),
    [
        ("inference_batch", 64, "--inference-batch 64", "inference_batch=64"),
        ("families", "mlp", "--family mlp", "families=['mlp']"),
        ("families", ["mlp", "linear"], "--family mlp --family linear", "families=['mlp', 'linear']"),
        ("pin.kernel", 3, "--pin kernel=3", "pin={'kernel': 3}"),
        ("pin.flip", False, "--pin flip=false", "pin={'flip': False}"),
        ("start_from", "runs/a", "--from runs/a", "start_from=['runs/a']"),
        ("early_stop", False, "--no-early-stop", "early_stop=False"),
        ("resume", None, "--resume", "resume=True"),
        ("budget", "-2h", "--budget '-2h'", "budget='-2h'"),
        ("constraints", "accuracy>=0.9", "--constraint 'accuracy>=0.9'", "constraints=['accuracy>=0.9']"),
    ],
)
def test_one_setting_in_both_tongues(key, value, on_the_line, in_python) -> None:
    assert option(key, value) == in_python
    with on_the_command_line():
        assert option(key, value) == on_the_line
    assert option(key, value) == in_python


def test_an_origin_of_text_alone_holds_everything() -> None:
    origins = Origins.of("the study 'x'")
    assert origins.named("seed", 3) == "the study 'x': seed = 3"
    assert origins.whence("seed") == "the study 'x'"


def test_no_message_writes_an_option_of_a_search_by_hand() -> None:
    """A Python program that gave an argument is not told of an option; `option` knows who is spoken to."""
    with on_the_command_line():
        names = {option(key).split()[0] for key in (*SearchSettings.model_fields, "out", "config")}
    by_hand = []
    for path in sorted(Path(ecojax.__file__).parent.rglob("*.py")):
        of_devices = path.parent.name == "meters" and path.name in ("shelf.py", "probe.py")
        if path.parent.name == "cli" or of_devices:  # what `ecojax devices` prints
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                by_hand += [
                    f"{path.name}:{node.lineno} {name}"
                    for name in re.findall(r"(?<![\w-])--[a-z][a-z-]+", node.value)
                    if name in names
                ]
    assert not by_hand
