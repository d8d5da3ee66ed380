"""Exports from anybody, and disks that are full: a model, or a sentence; nothing outside the folder is opened."""

import contextlib
import gc
import io
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from exported_trial import SETTINGS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ecojax
from ecojax.energy import ReplayMeter
from ecojax.energy.meters.power_log import PowerLog
from ecojax.energy.meters.recorded import load_trace
from ecojax.errors import EcojaxError, InputError
from ecojax.export import export_trial
from ecojax.export.checkpoint import DIGESTS, _digests
from ecojax.export.description import read_description
from ecojax.export.label import read_label
from ecojax.measurement import resolve


def fuzzed(examples: int):
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.fixture(scope="module")
def original(mlp, tmp_path_factory):
    to = tmp_path_factory.mktemp("original") / "model"
    return export_trial(mlp.description, mlp.trial, mlp.arrays, to, settings=SETTINGS)


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "copy")


@pytest.fixture
def _collected():
    """Whatever a test leaves is collected while its own filters hold."""
    yield
    gc.collect()


def orbax_leaves_futures(test):
    """Where one of its tasks fails, Orbax does not look at the others' exceptions, and asyncio complains of that."""
    ignored = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    return pytest.mark.usefixtures("_collected")(ignored(test))


def sign(folder: Path) -> None:
    """The digests guard against accidents; who means harm writes them, too."""
    (folder / DIGESTS).write_text("".join(f"{digest}  {name}\n" for name, digest in _digests(folder).items()))


def refused(folder: Path, message: str) -> None:
    for read in (ecojax.load, lambda path: resolve(str(path))):  # `ecojax measure`
        with pytest.raises(InputError, match=message):
            read(folder)


# Values

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["measured", "\ud800", 10**9, 1e308, -1e308]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4) | st.sampled_from(["kind", "by", "format"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def changed(data, value):
    if isinstance(value, dict | list) and value and data.draw(st.integers(0, 4)):
        key = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        copy = value.copy()
        copy[key] = changed(data, value[key])
        return copy
    return data.draw(JSON)


@fuzzed(200)
@given(data=st.data())
def test_any_value_in_a_label_is_a_label_or_a_sentence(original, tmp_path, data) -> None:
    record = changed(data, json.loads((original / "energy.json").read_text()))
    (tmp_path / "energy.json").write_text(json.dumps(record))
    try:
        label = read_label(tmp_path)
    except InputError as error:
        str(error).encode()
    else:
        from ecojax.frontier.quantities import joules

        assert label["provenance"]["kind"] in ("measured", "modeled")
        assert re.search(r"\d", joules(label["energy_per_sample_j"]))  # as a model shows it


@fuzzed(40)
@given(data=st.data())
def test_any_value_in_any_record_is_a_model_or_a_sentence(original, tmp_path, data) -> None:
    folder = tmp_path / "model"
    if not folder.exists():
        shutil.copytree(original, folder)
    name = data.draw(st.sampled_from(["energy.json", "configuration.json", "model.json"]))
    text = (original / name).read_text()
    (folder / name).write_text(json.dumps(changed(data, json.loads(text))))
    try:
        repr(ecojax.load(folder))
        assert resolve(str(folder)).batch_size
    except InputError as error:
        str(error).encode()
    (folder / name).write_text(text)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


@fuzzed(80)
@given(data=st.data())
def test_any_flipped_bytes_in_a_record_are_read_or_refused(original, tmp_path, data) -> None:
    name, read = data.draw(
        st.sampled_from(
            [("energy.json", read_label), ("model.json", lambda path: read_description(path).network())]
        )
    )
    raw = bytearray((original / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / name).write_bytes(raw)
    with contextlib.suppress(InputError):
        read(tmp_path)


@orbax_leaves_futures
@fuzzed(15)
@given(data=st.data())
def test_any_signed_damage_of_a_checkpoint_is_a_model_or_a_sentence(original, tmp_path, data) -> None:
    """What the digests do not catch, Orbax and TensorStore have to survive."""
    folder = tmp_path / "model"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(original, folder)
    files = sorted(
        path for path in (folder / "checkpoint").rglob("*") if path.is_file() and path.stat().st_size
    )
    path = data.draw(st.sampled_from(files))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    sign(folder)
    with contextlib.suppress(InputError), contextlib.redirect_stderr(io.StringIO()):
        ecojax.load(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


# Paths


@pytest.mark.parametrize("name", ["model.json", "energy.json", "configuration.json", "checkpoint", DIGESTS])
def test_a_link_out_of_an_export_is_not_followed(folder, name) -> None:
    outside = folder.parent / "outside"
    shutil.move(folder / name, outside)
    (folder / name).symlink_to(outside)
    refused(folder, f"{name}' leads out of")


def test_nothing_within_a_checkpoint_leads_out_of_it(folder) -> None:
    (folder / "checkpoint" / "extra").symlink_to("/etc")
    refused(folder, "extra' leads out of")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["energy.json", "checkpoint/manifest.ocdbt", "checkpoint/extra", DIGESTS])
def test_a_pipe_is_not_waited_for(folder, name) -> None:
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    refused(folder, "no ordinary file")


def test_a_name_of_an_array_is_no_path(folder) -> None:
    """Orbax opens the array that a name points to, wherever that is, before anybody compares names."""
    path = folder / "checkpoint" / "_METADATA"
    record = json.loads(path.read_text())
    (first, *_) = record["tree_metadata"].values()
    elsewhere = {"key_metadata": [{"key": "/tmp/secret", "key_type": 2}]}
    record |= {"use_ocdbt": False, "tree_metadata": {"('/tmp/secret',)": first | elsewhere}}
    path.write_text(json.dumps(record))
    sign(folder)
    refused(folder, "an array is called '/tmp/secret'")


def test_pieces_larger_than_their_array_are_not_unpacked(mlp) -> None:
    from types import SimpleNamespace

    from ecojax.export.checkpoint import _check_chunks

    def leaf(*chunk: int):
        return SimpleNamespace(name="a", shape=(3, 0), storage=SimpleNamespace(chunk_shape=chunk))

    _check_chunks(leaf(3, 1))
    with pytest.raises(ValueError, match="pieces of"):
        _check_chunks(leaf(10**6, 10**6))


# Full disks


@orbax_leaves_futures
@pytest.mark.parametrize("left", [0, 8192, 60_000])
def test_an_export_that_finds_no_room_leaves_nothing(mlp, tmp_path, left) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={left // 4096 * 4 + 4}k", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this host mounts nothing: {done.stderr.strip()}")
    try:
        with pytest.raises(InputError, match=r"cannot write the model to .*No space left.*choose another to"):
            export_trial(mlp.description, mlp.trial, mlp.arrays, place / "a" / "model", settings=SETTINGS)
        assert list(place.iterdir()) == []
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


# What meters read


@fuzzed(100)
@given(
    raw=st.binary(max_size=60),
    header=st.sampled_from([b"", b"time,watts\n", b"joules,time\n", b"time_s,energy_j\n"]),
)
def test_any_power_log_or_trace_is_read_or_refused(tmp_path, raw, header) -> None:
    for name, read in (("a.csv", PowerLog), ("a.csv", load_trace), ("a.json", load_trace)):
        (tmp_path / name).write_bytes(header + raw + b"\n")
        with contextlib.suppress(EcojaxError):
            read(tmp_path / name)


@fuzzed(100)
@given(data=st.data())
def test_any_value_in_a_trace_is_a_trace_or_a_sentence(tmp_path, data) -> None:
    record = {
        "format": "ecojax-trace",
        "version": 1,
        "provenance": {"kind": "modeled", "by": "x", "scope": "y", "systematic_percent": None},
        "tick_s": 0.1,
        "details": {},
        "readings": [[0.0, 1.0], [1.0, 2.0]],
        "powers": [[0.0, 1.0]],
    }
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(changed(data, record)))
    with contextlib.suppress(InputError):
        assert isinstance(load_trace(path).meter(), ReplayMeter)


@pytest.mark.parametrize(
    "row",
    [
        '"' + "1" * 200_000 + '",1',
        "1\x00,1",
        "9e999,1",
        "1,nan",
        "1," + "9" * 5000,
    ],
)
def test_a_row_that_no_parser_likes_is_named(tmp_path, row) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"time,watts\n{row}\n")
    with pytest.raises(InputError, match=r"log.csv, line 2"):
        PowerLog(path)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("read", [PowerLog, load_trace])
def test_meters_wait_for_no_pipe(tmp_path, read) -> None:
    os.mkfifo(tmp_path / "log.csv")
    with pytest.raises(InputError, match="no ordinary file"):
        read(tmp_path / "log.csv")
