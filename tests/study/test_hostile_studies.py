"""Studies from anybody: read, or refused in a sentence; nothing executed, nothing outside opened, no waiting."""

import contextlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

import ecojax
from ecojax.cli import app
from ecojax.errors import EcojaxError, InputError, StudyError
from ecojax.frontier import Study
from ecojax.frontier.plot import draw
from ecojax.frontier.table import to_csv, to_json
from ecojax.study import Status, StudyStore
from ecojax.study.parts import part_in_format_1, parted


def fuzzed(examples: int):
    return hypothesis_settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


ENERGY = {
    "batch_size": 64,
    "precision": "float32",
    "device": "cpu",
    "provenance": {"kind": "modeled", "by": "CPU time", "scope": "this process", "systematic_percent": 30.0},
    "windows": 5,
    "seconds": 5.0,
    "converged": True,
    "gates": {"time_ratio": 2.0},
}
FACTS = {
    "dataset": "digits",
    "dataset_title": "Digits",
    "dataset_source": "scikit-learn",
    "seed": 7,
    "objectives": ["accuracy", "energy_per_sample_j"],
    "constraints": {"flops": {"max": 1e9}},
    "inference_batch": 64,
    "resolved_precision": "float32",
    "inputs": {
        "image_shape": [8, 8, 1],
        "class_names": [str(digit) for digit in range(10)],
        "mean": [0.3],
        "std": [0.4],
    },
    "splits": {"train": {"from": "train", "size": 100}, "test": {"from": "test", "size": 50}, "seed": 7},
    "space_records": [{"name": "family", "type": "choice", "choices": ["linear"], "ordered": False}],
    "account": {"training": 3.0},
    "versions": {"jax": "0.10.2"},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A closed study of three complete trials, two of one configuration, that can be exported."""
    from ecojax.tasks import ImageInputs

    folder = tmp_path_factory.mktemp("hostile") / "whole"
    network = ImageInputs.from_record(FACTS["inputs"]).network({"family": "linear"}, "float32")
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=leaf.shape).astype(np.float32) for name, leaf in _shapes(network).items()}
    parts = parted(FACTS)
    with StudyStore.create(folder, parts["settings"], facts=parts["facts"]) as store:
        store.set("account", FACTS["account"], "progress")
        for id_, energy in enumerate((1e-6, 2e-6, 4e-6)):
            configuration = {"family": "linear", "learning_rate": 0.1 * max(id_, 1)}
            store.start(id_, configuration, origin="sobol", seed=id_)
            metrics = {"accuracy": 0.5 + 0.1 * id_, "accuracy_se": 0.01, "energy_per_sample_j": energy}
            metrics |= {"energy_per_sample_j_ci95": energy / 50, "latency_ms": 1.0, "flops": 1e6}
            store.end(
                id_,
                Status.COMPLETE,
                metrics=metrics,
                provenance={"energy_per_sample_j": "modeled"},
                details={"energy": ENERGY},
                arrays=arrays,
            )
    return folder


def _shapes(network) -> dict[str, object]:
    from ecojax.models.network import _flat

    weights = network.abstract_weights
    return {**_flat(weights.parameters), **_flat(weights.statistics)}


@pytest.fixture
def hostile(whole, tmp_path) -> Path:
    return shutil.copytree(whole, tmp_path / "study")


def sql(folder: Path, statement: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(folder / "study.db")) as connection:
        connection.execute(statement, values)
        connection.commit()


def read_in_every_way(folder: Path) -> None:
    """All that is offered of a study but its picture, which takes its time."""
    study = Study.open(folder)
    repr(study), study.frontier(), study.counts(), to_csv(study), study.to_dataframe()
    json.loads(to_json(study), parse_constant=pytest.fail)
    for wanted in (study.best, study.knee):
        with contextlib.suppress(InputError):  # where there is no frontier
            wanted()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        app(["frontier", str(folder)], standalone_mode=False)
        with contextlib.suppress(InputError):
            app(["export", str(folder), "--to", str(folder.parent / "model")], standalone_mode=False)


def tree(folder: Path) -> dict[str, bytes | str]:
    """Everything below a folder, but for what belongs to the open database."""
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if (path.is_symlink() or path.is_file()) and not path.name.startswith("study.db")
    }


def read_or_refused(folder: Path) -> None:
    """Reads the study; an `EcojaxError` is an answer, too. Nothing appears but the model that was asked for."""
    before = tree(folder.parent)
    try:
        read_in_every_way(folder)
    except EcojaxError as error:
        str(error).encode()
    shutil.rmtree(folder.parent / "model", ignore_errors=True)
    assert tree(folder.parent) == before


def refused(folder: Path, message: str) -> None:
    with pytest.raises(EcojaxError, match=message):
        read_in_every_way(folder)
    assert not (folder.parent / "model").exists()


def test_the_study_that_is_damaged_below_is_whole(hostile) -> None:
    read_in_every_way(hostile)
    assert ecojax.load(hostile.parent / "model").network.family == "linear"
    assert draw(Study.open(hostile)).axes


# Bytes


@fuzzed(60)
@given(raw=st.binary(max_size=200), header=st.booleans())
def test_any_bytes_are_a_sentence(hostile, raw, header) -> None:
    (hostile / "study.db").write_bytes(b"SQLite format 3\x00" * header + raw)
    with pytest.raises(StudyError):
        Study.open(hostile)


@fuzzed(60)
@given(data=st.data())
def test_any_flipped_bits_are_a_study_or_a_sentence(whole, tmp_path, data) -> None:
    folder = tmp_path / "study"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    raw = bytearray((folder / "study.db").read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (folder / "study.db").write_bytes(raw)
    read_or_refused(folder)


# Values

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["accuracy", "\ud800", "../../etc/passwd", "\x1b]0;x\x07", [10**9] * 3]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=4) | st.sampled_from(["accuracy", "max", "size"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)


def changed(data, value):
    """`value` with one thing within it replaced, or itself."""
    if isinstance(value, dict | list) and value and data.draw(st.integers(0, 4)):
        key = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        copy = value.copy()
        copy[key] = changed(data, value[key])
        return copy
    return data.draw(JSON)


@fuzzed(100)
@given(data=st.data())
def test_any_value_in_any_column_is_a_study_or_a_sentence(whole, tmp_path, data) -> None:
    folder = tmp_path / "study"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    with StudyStore.open(folder) as store:
        trial, stated = store.trial(1), store.settings() | store.facts() | store.progress()
    column = data.draw(
        st.sampled_from([*sorted(FACTS), "configuration", "metrics", "provenance", "details", "weights"])
    )
    if column in FACTS:
        text = json.dumps(changed(data, stated[column]))
        sql(folder, f"UPDATE {part_in_format_1(column)} SET value = ? WHERE name = ?", text, column)
    elif column == "weights":
        text = data.draw(st.text(max_size=9) | st.sampled_from(["..", "", "/", "/etc/passwd", "a\x00"]))
        sql(folder, "UPDATE trials SET weights = ?", text)
    else:
        text = json.dumps(changed(data, dict(getattr(trial, column))))
        sql(folder, f"UPDATE trials SET {column} = ? WHERE id > 0", text)
    read_or_refused(folder)


@pytest.mark.parametrize("name", ["objectives", "constraints", "splits", "account", "versions"])
@pytest.mark.parametrize("value", ["[" * 100_000, "1e999", "9" * 5000, '{"a":' * 50_000, '"\\ud800"', ""])
def test_settings_that_no_parser_likes_are_a_sentence(hostile, name, value) -> None:
    sql(hostile, f"UPDATE {part_in_format_1(name)} SET value = ? WHERE name = ?", value, name)
    refused(hostile, "damaged|cannot be used")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("metrics", '{"accuracy": "0.9"}', r"trial 0: metrics.accuracy = '0.9' is no figure"),
        ("metrics", '{"accuracy": null}', "metrics.accuracy = None"),
        ("metrics", f'{{"flops": 1{"0" * 400}}}', "metrics.flops"),
        ("metrics", '{"accuracy": 1.5}', "accuracy = 1.5 of trial 0"),
        ("metrics", '{"flops": 1e308}', r"flops = 1e\+308 of trial 0"),
        ("metrics", "[]", r"trial 0: metrics is no table"),
        ("configuration", "7", "trial 0: configuration is no table"),
        ("details", "[" * 9999, "trial 0: details is no table"),
    ],
)
def test_a_column_of_the_wrong_kind_is_named(hostile, column, value, message) -> None:
    sql(hostile, f"UPDATE trials SET {column} = ? WHERE id = 0", value)
    refused(hostile, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_shape": [10**9] * 3}, "image_shape"),
        ({"image_shape": [8, 8]}, "image_shape"),
        ({"image_shape": "888"}, "image_shape"),
        ({"class_names": 10}, "class_names"),
        ({"mean": ["x"]}, "mean"),
        ({"std": [0.0]}, "std"),
    ],
)
def test_inputs_of_no_network_are_named(hostile, change, message) -> None:
    sql(hostile, "UPDATE facts SET value = ? WHERE name = 'inputs'", json.dumps(FACTS["inputs"] | change))
    with pytest.raises(EcojaxError, match=message):
        ecojax.export_model(hostile, to=hostile.parent / "model")


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"family": "vit"},
        {"family": ["linear"]},
        {"family": "mlp"},
        {"family": "mlp", "hidden_width": 10**12},
        {"family": "mlp", "hidden_layers": "x"},
        {"family": "convnet", "width": [[1]], "stages": {}},
    ],
)
def test_a_configuration_of_another_network_is_not_exported(hostile, configuration) -> None:
    sql(hostile, "UPDATE trials SET configuration = ?", json.dumps(configuration))
    with pytest.raises(EcojaxError):
        ecojax.export_model(hostile, to=hostile.parent / "model")
    assert not (hostile.parent / "model").exists()


# A schema is a program


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW extra AS SELECT 1",
        "CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM trials; END",
        "CREATE VIRTUAL TABLE extra USING fts5(x)",
        "ALTER TABLE trials ADD COLUMN more TEXT AS (hex(zeroblob(100000000)))",
    ],
)
def test_a_database_with_a_program_in_it_is_refused(hostile, statement) -> None:
    sql(hostile, statement)
    refused(hostile, "neither a table nor an index|other columns")


def test_a_view_without_an_end_is_not_begun(hostile) -> None:
    sql(hostile, "DROP TABLE trials")
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n ORDER BY i"
    )
    sql(hostile, f"CREATE VIEW trials AS {endless}")
    refused(hostile, "'trials' is neither a table nor an index")


def test_tables_that_take_anything_are_refused(hostile) -> None:
    sql(hostile, "DROP TABLE settings")
    sql(hostile, "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)")  # not STRICT
    refused(hostile, "table 'settings' has other columns")


# Paths


@pytest.mark.parametrize("name", ["study.db", "study.db-wal", "study.db-journal", "study.lock", "weights"])
@pytest.mark.parametrize("write", [False, True])
def test_a_link_out_of_the_study_is_not_followed(hostile, name, write) -> None:
    outside = hostile.parent / "outside"
    path = hostile / name
    if path.exists():
        shutil.move(path, outside)
    path.symlink_to(outside)  # leads to nothing where there was nothing
    before = tree(hostile.parent)
    with pytest.raises(StudyError, match=f"{name}' leads out of"):
        StudyStore.open(hostile, write=write)
    assert tree(hostile.parent) == before


def test_weights_are_neither_read_nor_written_through_a_link(hostile) -> None:
    weights, outside = hostile / "weights", hostile.parent / "outside.npz"
    shutil.move(weights / "000000.npz", outside)
    (weights / "000000.npz").symlink_to(outside)
    (weights / ".000003.npz.part").symlink_to(hostile.parent / "bashrc")
    (hostile.parent / "bashrc").write_text("mine")
    with StudyStore.open(hostile, write=True) as store:
        with pytest.raises(StudyError, match="leads out of"):
            store.arrays(store.trial(0))
        store.start(3, {}, origin="sobol", seed=1)
        store.end(3, Status.COMPLETE, arrays={"a": np.ones(3)})
        assert store.arrays(store.trial(3))["a"].tolist() == [1, 1, 1]
    assert (hostile.parent / "bashrc").read_text() == "mine"


def test_a_folder_that_is_a_link_itself_is_a_study(hostile) -> None:
    link = hostile.parent / "latest"
    link.symlink_to(hostile)
    (hostile / "kept").mkdir()
    shutil.move(hostile / "weights" / "000000.npz", hostile / "kept")
    (hostile / "weights" / "000000.npz").symlink_to("../kept/000000.npz")  # within it, where it pleases
    with StudyStore.open(link) as store:
        assert store.arrays(store.trial(0))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["study.db", "study.db-wal", "study.lock", "weights/000000.npz"])
def test_a_pipe_is_not_waited_for(hostile, name) -> None:
    (hostile / name).unlink(missing_ok=True)
    os.mkfifo(hostile / name)
    with (
        pytest.raises(StudyError, match=r"no ordinary file|holds no study"),
        StudyStore.open(hostile) as store,
    ):
        store.arrays(store.trial(0))


# Archives


def _npy(shape: object, content: bytes = b"", dtype: str = "<f4") -> bytes:
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


@pytest.mark.parametrize(
    ("member", "compression", "message"),
    [
        (_npy((1 << 28,), bytes(1 << 20)), zipfile.ZIP_DEFLATED, "is compressed"),
        (_npy((10**12,), bytes(4)), zipfile.ZIP_STORED, r"4 bytes for the shape"),
        (_npy((-1,), bytes(4)), zipfile.ZIP_STORED, "bytes for the shape"),
        (_npy((-1, -1), bytes(4)), zipfile.ZIP_STORED, "bytes for the shape"),
        (_npy((1,), bytes(8), "|O"), zipfile.ZIP_STORED, "no number"),
        (_npy((10**9,), b"", "|V0"), zipfile.ZIP_STORED, "no number"),
        (_npy("__import__('os').abort()", b""), zipfile.ZIP_STORED, "damaged"),
        (b"\x93NUMPY\x09\x00", zipfile.ZIP_STORED, "damaged"),
    ],
    ids=["bomb", "terabytes", "negative", "twice", "objects", "nothing", "program", "version"],
)
def test_an_archive_that_promises_more_than_it_holds_is_damaged(
    hostile, member, compression, message
) -> None:
    path = hostile / "weights" / "000000.npz"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("a.npy", member)
    with StudyStore.open(hostile) as store, pytest.raises(StudyError, match=f"damaged.*{message}|{message}"):
        store.arrays(store.trial(0))


def test_members_that_overlap_are_damage(hostile) -> None:
    """One piece of data under a thousand names."""
    path = hostile / "weights" / "000000.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", _npy((1 << 18,), bytes(1 << 20)))
        first = archive.getinfo("a.npy")
        archive.filelist += [first] * 1000
    with StudyStore.open(hostile) as store, pytest.raises(StudyError, match="larger than the file"):
        store.arrays(store.trial(0))


def test_columns_first_and_second_headers_are_numpys_own(hostile) -> None:
    arrays = {"f": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "e": np.zeros((0, 4)), "s": np.float16(2)}
    np.savez(hostile / "weights" / "000000.npz", **arrays)
    with StudyStore.open(hostile) as store:
        back = store.arrays(store.trial(0))
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype


def test_what_a_study_says_does_not_drive_the_terminal(hostile) -> None:
    sql(hostile, "UPDATE facts SET value = ? WHERE name = 'dataset_title'", '"\\u001b]0;owned\\u0007"')
    sql(hostile, "UPDATE trials SET configuration = ? WHERE id = 1", '{"family": "\\u001b[31mred\\u009b"}')
    sql(hostile, "UPDATE trials SET provenance = ?", '{"energy_per_sample_j": "\\u001b[2J"}')
    done = subprocess.run(
        [sys.executable, "-m", "ecojax", "frontier", str(hostile)], capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert b"owned" in done.stdout
    assert not set(done.stdout.decode()) & set("\x1b\x07\x9b")


def test_the_command_line_answers_in_one_printable_line(hostile) -> None:
    value = json.dumps({"\x1b]0;owned\x07" * 3: {"max": "x" * 10**6}})
    sql(hostile, "UPDATE settings SET value = ? WHERE name = 'constraints'", value)
    done = subprocess.run(
        [sys.executable, "-m", "ecojax", "frontier", str(hostile)], capture_output=True, timeout=60
    )
    assert done.returncode == 1
    assert len(done.stderr) < 5000
    assert done.stderr.decode().strip().isprintable()
