"""Bad input: every fault of a folder is an `InputError` that names it, and nothing is ever half written."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from exported_trial import CLASS_NAMES, SETTINGS, make_case
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecojax.errors import InputError
from ecojax.export import export_trial, load
from ecojax.models import FAMILIES
from ecojax.study import Status
from ecojax.tasks.images.description import ImageDescription


def export(case, to, **changes):
    names = changes.pop("class_names", CLASS_NAMES)
    description = ImageDescription.of(case.network, names)
    return export_trial(description, case.trial, case.arrays, to, **{"settings": SETTINGS} | changes)


@pytest.fixture(scope="module")
def original(mlp, tmp_path_factory):
    return export(mlp, tmp_path_factory.mktemp("original") / "model")


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "copy")


@pytest.fixture(scope="module")
def convnet(tmp_path_factory):
    return export(make_case("convnet"), tmp_path_factory.mktemp("convnet") / "model")


# Writing


def test_a_folder_with_files_is_left_untouched(mlp, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("years")
    with pytest.raises(InputError, match=r"mine' is not empty \('work.txt'\)"):
        export(mlp, tmp_path / "mine")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "work.txt"]
    assert (tmp_path / "mine" / "work.txt").read_text() == "years"


def test_a_file_in_the_way_is_refused(mlp, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        export(mlp, tmp_path / "file")
    with pytest.raises(InputError, match="cannot write"):
        export(mlp, tmp_path / "file" / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_empty_folder_is_taken(mlp, tmp_path):
    (tmp_path / "empty").mkdir()
    assert load(export(mlp, tmp_path / "empty")).network == mlp.network


@pytest.mark.parametrize("where", ["model_card", "save_weights"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_failure_half_way_leaves_nothing_behind(mlp, tmp_path, monkeypatch, where, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(f"ecojax.export.write.{where}", fail)
    expected = InputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        export(mlp, tmp_path / "new" / "deep" / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_trial_that_did_not_complete_has_nothing_to_export(mlp, tmp_path):
    failed = mlp._replace(trial=replace(mlp.trial, status=Status.DIVERGED))
    with pytest.raises(InputError, match=r"trial 12 \(diverged\)"):
        export(failed, tmp_path / "model")
    with pytest.raises(InputError, match="no energy figure"):
        export(mlp._replace(trial=replace(mlp.trial, details={})), tmp_path / "model")
    with pytest.raises(InputError, match="class_names should have 10"):
        export(mlp, tmp_path / "model", class_names=["one"])
    with pytest.raises(InputError, match="another network"):
        export(mlp._replace(arrays={"x": np.zeros(3)}), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


# Reading


def test_a_folder_that_is_none_or_holds_no_model(tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        load(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"model\.json"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["model.json", "configuration.json", "energy.json"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no valid JSON"),
        ("[" * 100_000, "no valid JSON"),
        ("9" * 5000, "no valid JSON"),
        ("\udcff", "no valid JSON"),
        ("[]", "has format None"),
        ('{"format": "onnx"}', "has format 'onnx'"),
    ],
)
def test_a_record_that_is_not_ours(folder, name, text, message):
    (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=f"{name}.*{message}"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 3}, "version 3, this ecojax reads version 1 and 2"),
        ({"task": "poetry"}, "task = 'poetry' is none of images"),
        ({"version": True}, "version True"),
        ({"family": "vgg"}, "family = 'vgg'"),
        ({"std": [0.0]}, r"std\.0"),
        ({"mean": [float("nan")]}, "NaN is no number"),
        ({"mean": [1e999]}, "Infinity is no number"),
        ({"mean": [0.1, 0.2]}, "mean should have 1 values"),
        ({"image_shape": [8, 8]}, "image_shape"),
        ({"image_shape": [8, 8, 1.0]}, r"image_shape\.2"),
        ({"image_shape": [60000, 60000, 1]}, "absurdly large"),
        ({"num_classes": 10**9}, "num_classes"),
        ({"num_classes": "10"}, "num_classes"),
        ({"precision": "float8"}, "precision"),
        ({"surprise": 1}, "surprise"),
        ({"class_names": "digits"}, "class_names"),
    ],
)
def test_a_wrong_key_is_named(folder, change, message):
    record = json.loads((folder / "model.json").read_text()) | change
    (folder / "model.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=f"(?s)model.json.*{message}"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_layers": 10**6}, "hidden_layers = 1000000 is not an integer from 0 to 64"),
        ({"hidden_layers": 1.0}, "hidden_layers = 1.0 is not an integer"),
        ({"hidden_layers": True}, "hidden_layers = True is not an integer"),
        ({"norm": "layer"}, "norm = 'layer' is not one of"),
        ({"norm": 1}, "norm = 1 is not one of"),
        ({"eval": "1"}, "architecture.eval is unknown"),
        ({"hidden_width": 24}, "does not fit"),
        ({"hidden_width": 65536}, "hidden_width = 65536 is not an integer from 1 to 16384"),
    ],
)
def test_a_wrong_architecture_is_named(folder, change, message):
    record = json.loads((folder / "model.json").read_text())
    record["architecture"] |= change
    (folder / "model.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=message):
        load(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"stages": 65536, "depth": 65536},
        {"stages": 60, "growth": 65536.0},
        {"stages": 0, "head": "flatten", "width": 65536, "kernel": 65535},
        {"width": 0},
        {"kernel": 0},
        {"growth": 0.0},
        {"pooling": "none", "head": "flatten"},
    ],
)
def test_an_impossible_convnet_is_refused_quickly(convnet, tmp_path, change):
    folder = shutil.copytree(convnet, tmp_path / "copy")
    record = json.loads((folder / "model.json").read_text())
    record["architecture"] |= change
    (folder / "model.json").write_text(json.dumps(record))
    with pytest.raises(InputError):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group_depth": 65_536}, "group_depth = 65536 is not an integer from 1 to 64"),
        ({"group_depth": 60}, "it asks for 180 layers; 64 are the limit"),
        ({"second_width": 10**9}, "second_width = 1000000000 is not an integer"),
    ],
)
def test_an_airbench_of_too_many_layers_is_refused_not_built(folder, change, message):
    record = json.loads((folder / "model.json").read_text())
    airbench = FAMILIES["airbench"].architecture({}, (8, 8, 1))
    (folder / "model.json").write_text(
        json.dumps(record | {"family": "airbench", "architecture": airbench | change})
    )
    with pytest.raises(InputError, match=f"(?s)model.json.*architecture: {message}"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energy_per_sample_j": None}, "energy_per_sample_j = None"),
        ({"energy_per_sample_j": "41 µJ"}, "energy_per_sample_j = '41 µJ'"),
        ({"provenance": {"kind": "guessed"}}, "provenance.kind"),
        ({"provenance": "measured"}, "provenance.kind"),
    ],
)
def test_a_label_without_figure_or_provenance_is_refused(folder, change, message):
    record = json.loads((folder / "energy.json").read_text()) | change
    (folder / "energy.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=f"energy.json.*{message}"):
        load(folder)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 12)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["mlp", "convnet", "batch", "relu", "float32", "../.."]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@given(data=st.data())
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
def test_no_model_json_does_more_than_be_refused(original, tmp_path, data):
    folder = tmp_path / "fuzzed"
    if not folder.exists():
        shutil.copytree(original, folder)
    record = json.loads((original / "model.json").read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        target = data.draw(st.sampled_from([record, record["architecture"]]))
        if not isinstance(target, dict):
            break
        key = data.draw(st.sampled_from(sorted(target)) | st.text(max_size=5)) if target else "x"
        if data.draw(st.booleans()) or target is not record or key != "architecture":
            target[key] = data.draw(_JSON)
        if not isinstance(record.get("architecture"), dict):
            break
    (folder / "model.json").write_text(json.dumps(record))
    try:
        model = load(folder)
        model(np.zeros((1, *model.network.input_shape), np.uint8))
    except InputError:
        pass


@given(value=_JSON)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
def test_any_json_is_refused_in_any_record(original, tmp_path, value):
    folder = tmp_path / "fuzzed"
    if not folder.exists():
        shutil.copytree(original, folder)
    (folder / "model.json").write_text(json.dumps(value))
    with pytest.raises(InputError, match=r"model\.json"):
        load(folder)


# Checkpoints


def _checkpoint_files(folder):
    return sorted(path for path in (folder / "checkpoint").rglob("*") if path.is_file())


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "remove"])
def test_any_damaged_file_of_a_checkpoint_is_named(original, tmp_path, damage):
    for number in range(len(_checkpoint_files(original))):
        folder = shutil.copytree(original, tmp_path / str(number))
        path = _checkpoint_files(folder)[number]
        data = path.read_bytes()
        middle = len(data) // 2
        if damage == "flip":
            path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
        elif damage == "remove":
            path.unlink()
        else:
            path.write_bytes(data[:middle] if damage == "truncate" else b"")
        with pytest.raises(InputError, match=f"damaged.*{path.name}"):
            load(folder)


def test_a_checkpoint_that_orbax_cannot_read_is_damaged(folder):
    from ecojax.export.checkpoint import DIGESTS, _digests

    (folder / "checkpoint" / "_METADATA").write_text("{}")
    (folder / DIGESTS).write_text("".join(f"{d}  {n}\n" for n, d in _digests(folder).items()))
    with pytest.raises(InputError, match="checkpoint' is damaged"):
        load(folder)


@pytest.mark.parametrize("digests", [None, b"", b"\xff\xfe", b"../../etc/passwd\n"])
def test_missing_or_foreign_digests(folder, digests):
    path = folder / "checkpoint.sha256"
    path.unlink() if digests is None else path.write_bytes(digests)
    with pytest.raises(InputError, match="damaged"):
        load(folder)


def test_a_missing_checkpoint(folder):
    shutil.rmtree(folder / "checkpoint")
    with pytest.raises(InputError, match="is missing"):
        load(folder)
