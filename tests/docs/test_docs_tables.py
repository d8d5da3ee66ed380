"""The tables of the documentation name what the code has: no more, no less."""

import json
import re
import runpy
import tomllib
from dataclasses import fields
from pathlib import Path
from statistics import median

import pytest
import typer

import ecojax
import ecojax.export
from ecojax.cli import app
from ecojax.declaration import of_resume
from ecojax.energy import Energy
from ecojax.export.label import energy_label
from ecojax.models import FAMILIES
from ecojax.settings import SearchSettings, find_config, read_config
from ecojax.space import Choice, Parameter
from ecojax.study import METRICS, Status, Trial
from ecojax.study.declarations import metrics_of
from ecojax.train.images.recipe import recipe_parameters

ROOT = Path(__file__).resolve().parents[2]
IMAGES = (32, 32, 3)


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def table(text: str, head: str) -> list[list[str]]:
    """The rows of the first table in `text` at or after `head`."""
    lines = text[text.index(head) :].splitlines()
    start = next(i for i, line in enumerate(lines) if re.fullmatch(r"\|[-|]+\|", line))
    rows = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def first_names(rows: list[list[str]]) -> list[str]:
    return [name for row in rows for name in names(row[0])]


def test_settings_and_their_defaults():
    rows = table(page("search"), "| key in the file")
    assert first_names(rows) == list(SearchSettings.model_fields)
    defaults = SearchSettings().model_dump()
    for key, _, stated, _ in rows:
        (name,) = names(key)
        if defaults[name] not in (None, {}):
            assert stated == f"`{json.dumps(defaults[name])}`", name


def test_the_table_of_settings_is_made_from_their_declaration():
    script = runpy.run_path(str(ROOT / "scripts/settings_table.py"))
    assert script["table"]() in page("search"), "run: python scripts/settings_table.py"


def test_settings_that_may_change_on_resume():
    text = page("search").split("## Interruption and resume")[1]
    stated = text[: text.index("change on resuming")].rsplit("```", 1)[1]
    assert set(names(stated)) == of_resume("free")


def test_the_options_of_search():
    command = typer.main.get_command(app).commands["search"]
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    text = page("search").split("## Budgets")[0]
    assert options - {"--help"} == set(re.findall(r"`(--[a-z-]+)", text)) | {"--quiet"}


def test_statuses():
    assert first_names(table(page("search"), "| status")) == [str(status) for status in Status]


def test_objectives():
    rows = table(page("search"), "| objective")
    stated = {names(row[0])[0]: row[1] for row in rows}
    assert stated == {
        metric.name: f"{metric.direction.replace('mize', 'mised')}"
        for metric in METRICS.values()
        if metric.objective
    }


@pytest.mark.parametrize("family", [name for name in FAMILIES if FAMILIES[name].parameters(IMAGES)])
def test_families(family):
    _compare(table(page("spaces"), f"**`{family}`**"), FAMILIES[family].parameters(IMAGES))


def test_every_family_has_a_table():
    assert re.findall(r"^\*\*`(\w+)`\*\*", page("spaces"), re.M) == list(FAMILIES)


def test_the_recipe():
    _compare(table(page("spaces"), "## The recipe"), recipe_parameters(IMAGES, 10_000))


def _compare(rows: list[list[str]], parameters: tuple[Parameter, ...]) -> None:
    assert first_names(rows) == [parameter.name for parameter in parameters]
    for (_, stated, default, _), parameter in zip(rows, parameters, strict=True):
        assert _value(default) == parameter.default, parameter.name
        if isinstance(parameter, Choice):
            values = {_value(text.strip()) for text in stated.split(";")[0].split(",")}
            assert values == set(parameter.choices), parameter.name
        else:
            low, high = re.match(r"(\S+) … (an eighth|a quarter|[\d.e-]+)", stated).groups()
            sides = {"an eighth": IMAGES[0] // 8, "a quarter": IMAGES[0] // 4}
            assert (float(low), float(sides.get(high, high))) == (parameter.low, parameter.high), (
                parameter.name
            )
            assert (", log" in stated) == parameter.log, parameter.name
            step = re.search(r"steps of (\d+)", stated)
            assert int(step[1] if step else 1) == getattr(parameter, "step", 1), parameter.name


def _value(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text


def test_the_metrics_of_the_contract():
    rows = table(page("frontier"), "| metric")
    contract = [metric.name for metric in metrics_of({}).values() if metric.contract]
    assert first_names(rows)[: len(contract)] == contract
    assert set(first_names(rows)) == set(METRICS)
    for name, unit, _ in rows:
        assert unit in (METRICS[names(name)[0]].unit, "share", "FLOPs"), name


def test_the_rooms():
    stated = set(first_names(table(page("house"), "| room")))
    package = Path(ecojax.__file__).parent
    rooms = {
        path.name
        for path in package.iterdir()
        if not path.name.startswith(("_", ".")) and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert stated == rooms


def test_every_page_is_in_the_navigation():
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("nav:")[1]
    assert set(re.findall(r"(\S+\.md)", nav)) == {path.name for path in (ROOT / "docs").glob("*.md")}


def test_the_files_of_an_export():
    stated = first_names(table(page("export"), "| file"))
    described = re.findall(r"<folder>/(\S+)", ecojax.export.__doc__ or "")
    assert set(stated) == set(described)


def test_the_energy_label():
    conditions = dict.fromkeys((field.name for field in fields(Energy)), 1.0)
    trial = Trial(
        0,
        Status.COMPLETE,
        {},
        "default",
        0,
        metrics={"energy_per_sample_j": 1.0},
        details={"energy": conditions},
    )
    assert set(first_names(table(page("export"), "| field of"))) == set(energy_label(trial, {}))


def test_the_worked_example_is_what_ecojax_brings():
    text = page("spaces").split("## Worked example")[1]
    shown = tomllib.loads(re.search(r"```toml\n(.*?)```", text, re.S)[1])
    brought = read_config(find_config("digits"))
    for name, value in shown.items():
        if isinstance(value, dict):
            assert value.items() <= brought[name].items(), name
        else:
            assert value == brought[name], name


def test_environment_variables():
    stated = {
        name for name in first_names(table(page("datasets"), "| variable")) if name.startswith("ECOJAX")
    }
    code = [
        *(ROOT / "ecojax").rglob("*.py"),
        *(path for path in (ROOT / "scripts").iterdir() if path.is_file()),
    ]
    read = {
        name for path in code for name in re.findall(r"\bECOJAX_[A-Z_]+", path.read_text(encoding="utf-8"))
    }
    assert stated == read


def test_the_engines_figures_are_those_of_the_record():
    """Medians by hand from the record that the benchmark wrote."""
    record = json.loads((ROOT / "benchmarks/results/engine-cpu.json").read_text())
    methods = ("assisted", "optuna tpe", "optuna nsga2, 20", "pymoo mixed, 20", "optuna gp")
    problems = [
        name for name, found in record["wins"].items() if isinstance(found, dict) and "assisted" in found
    ]
    rows = table(page("engine"), "| | ecojax")
    assert len(rows) == len(problems)
    for problem, (_, *cells) in zip(problems, rows, strict=True):
        for method, cell in zip(methods, cells, strict=True):
            runs = [run["ratio"] for run in record["wins"][problem].get(method, {"runs": []})["runs"]]
            for checkpoint, stated in zip((50, 100, 200, 500), cell.split(), strict=False):
                at = record["curve_at"].index(checkpoint)
                reached = sorted(run[at] for run in runs if len(run) > at)
                if stated == "–":
                    assert len(reached) < max(len(runs), 1)
                else:
                    assert float(stated) == pytest.approx(median(reached), abs=6e-4)


def test_the_evaluators_figures_are_those_of_the_record():
    record = json.loads((ROOT / "benchmarks/results/search-cpu.json").read_text())
    versus = table(page("speed"), "| | trials of networks")
    for (_, trials, *cells), name in zip(versus, ("ecopt", "digits"), strict=True):
        found = record[name]
        assert trials == f"{found['trials']} of {found['networks']}"
        expected = [found[key] for key in ("plain_seconds", "seconds", "ratio", "hypervolume_ratio")]
        for cell, value, digits in zip(cells, expected, (0, 0, 2, 3), strict=True):
            assert cell == f"{value:.{digits}f}"
    stopping = table(page("speed"), "| | trials | on the frontier")
    for (_, *cells), name in zip(stopping, ("regret", "regret_cifar"), strict=True):
        found = record[name]
        assert cells[:2] == [str(found["trials"]), str(found["frontier"])]
        shares = [
            found[order][key] for order in ("in_order", "shuffled") for key in ("epochs_saved", "regret")
        ]
        assert [float(cell) for cell in cells[2:]] == pytest.approx(
            [100 * share for share in shares], abs=0.5
        )
    convolutions = table(page("speed"), "| kernel, channels")
    for (_, stock, ours, ratio), row in zip(convolutions, record["convolutions"]["rows"], strict=True):
        assert (float(stock), float(ours)) == pytest.approx(
            (1e3 * row["stock"], 1e3 * row["ours"]), abs=0.005
        )
        assert float(ratio) == pytest.approx(row["ratio"], abs=0.05)
