"""What a person gets wrong: one sentence that names the thing and the remedy, and nothing written."""

import sqlite3

import pytest


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--dataset", "cifar11"], "cifar11"),
        (["--dataset", "digits", "--population", "1"], "--population 1: input should be"),
        (["--dataset", "digits", "--evaluations", "0"], "--evaluations 0: input should be"),
        (
            ["--dataset", "digits", "--evaluations", "many"],
            "'--evaluations': Input should be a valid integer",
        ),
        (["--dataset", "digits", "--budget", "-2h"], "--budget '-2h'"),
        (["--dataset", "digits", "--budget", "soon"], "write for instance"),
        (["--dataset", "digits", "--epochs", "0"], "--epochs 0: "),
        (["--dataset", "digits", "--seed", "-1"], "--seed -1: "),
        (["--dataset", "digits", "--train-size", "100000"], "train-size"),
        (["--dataset", "digits", "--inference-batch", "5000"], "--inference-batch 5000"),
        (
            ["--dataset", "digits", "--family", "resnet"],
            "unknown model family 'resnet'; there are convnet, mlp",
        ),
        (["--dataset", "digits", "--objective", "beauty"], "'beauty' is no objective; choose among accuracy"),
        (["--dataset", "digits", "--constraint", "flops"], "write for instance"),
        (
            ["--dataset", "digits", "--constraint", "beauty<=1"],
            "constraint 'beauty<=1': 'beauty' is no metric",
        ),
        (["--dataset", "digits", "--pin", "kernel=4"], "--pin kernel=4; it takes one of"),
        (
            ["--dataset", "digits", "--pin", "kernels=3"],
            "--pin kernels is no parameter of this search (did you mean",
        ),
        (["--dataset", "digits", "--pin", "kernel"], "--pin 'kernel'"),
        (["--dataset", "digits", "--meter", "nvml"], "meter modeled"),
        (["--dataset", "digits", "--meter", "wattmeter"], "wattmeter"),
        (["--dataset", "digits", "--meter", "external:nowhere.csv"], "nowhere.csv cannot be read"),
        (["--dataset", "digits", "--meter", "amd"], "meter modeled"),
        (["--dataset", "digits", "--watts-per-core", "-3"], "--watts-per-core"),
        (
            ["--dataset", "digits", "--device", "gpu"],
            "there is none that JAX can use here",
        ),
        (["--dataset", "digits", "--precision", "int4"], "--precision"),
        (["--dataset", "digits", "--proposer", "oracle"], "--proposer oracle: there is none of that name"),
        (["--dataset", "digits", "--patience", "0"], "--patience 0: "),
        (["--dataset", "digits", "--from", "nowhere"], "nowhere' holds no study"),
        (
            ["--dataset", "digits", "--enqueue", "nowhere.json"],
            "cannot read the configurations 'nowhere.json'",
        ),
        (["--config", "nowhere.toml"], "nowhere.toml"),
        (["--resume"], "--resume needs the study's folder"),
        (["--nonsense"], "--nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_option_is_one_sentence_and_writes_nothing(ecojax, tmp_path, arguments, says):
    folder = tmp_path / "study"
    where = [] if arguments == ["--resume"] else ["--out", folder]
    answer = ecojax("search", *arguments, *where)
    assert answer.status != 0
    assert says in answer.err
    assert answer.err.startswith("ecojax: ")
    assert "Traceback" not in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert answer.out == ""
    assert not folder.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("evaluatons = 3", "unknown key 'evaluatons'"),
        ("evaluations = 'three'", "evaluations = 'three'"),
        ("[space.kernel]\ntype = 'int'\nlow = 9\nhigh = 3", "range is empty"),
        ("[space.kernle]\ntype = 'int'\nlow = 1\nhigh = 3", "space.kernle is no parameter"),
        (
            "[space.width]\ntype = 'int'\nlow = 8\nhigh = 16\nwhen = { block = 'ghost' }",
            "space.width: when.block = ['ghost']; 'block' takes one of",
        ),
        (
            "[space.width]\ntype = 'int'\nlow = 8\nhigh = 16\nwhen = { ghost = 1 }",
            "when.ghost is no parameter of this search",
        ),
        ("[constraints.flops]\nmax = 1e6\nmin = 2e6", "at least 2000000.0 and at most 1000000.0"),
        ("[pin]\nblock = 'ghost'", "pin.block = 'ghost'"),
        ("[[enqueue]]\nwidth = 16\n[[enqueue]]\nwidht = 8", "enqueue, table 2: configuration names unknown"),
        (
            "[space.width]\ntype = 'int'\nlow = 8\nhigh = 16\nprior = { mean = 32, sd = 8 }",
            "parameter 'width': prior.mean = 32",
        ),
        ("evaluations = ", "is not valid TOML"),
        ("\x00", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(ecojax, tmp_path, text, says):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    answer = ecojax("search", "--config", path, "--dataset", "digits", "--out", tmp_path / "study")
    assert answer.status == 1
    assert "mine.toml" in answer.err
    assert says in answer.err
    assert not (tmp_path / "study").exists()


def test_a_folder_with_other_things_is_left_alone(ecojax, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    answer = ecojax("search", "--dataset", "digits", "--out", tmp_path)
    assert answer.status == 1
    assert "holds other files ('thesis.tex')" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_cannot_be_written(ecojax, tmp_path):
    (tmp_path / "file").write_text("")
    answer = ecojax("search", "--dataset", "digits", "--out", tmp_path / "file" / "study")
    assert answer.status == 1
    assert "choose another --out" in answer.err


def test_an_existing_study_is_not_searched_again(ecojax, study):
    before = (study / "study.db").read_bytes()
    answer = ecojax("search", "--dataset", "digits", "--out", study)
    assert answer.status == 1
    assert "add --resume" in answer.err
    assert (study / "study.db").read_bytes() == before


@pytest.mark.parametrize("command", ["frontier", "export", "search"])
@pytest.mark.parametrize("fault", ["missing", "corrupt", "foreign", "version"])
def test_a_study_that_cannot_be_read(ecojax, tmp_path, command, fault):
    folder = tmp_path / "study"
    folder.mkdir()
    database = folder / "study.db"
    if fault == "corrupt":
        database.write_bytes(b"SQLite format 3\x00" + b"\xff" * 4000)
    elif fault in ("foreign", "version"):
        with sqlite3.connect(database) as connection:
            connection.execute("CREATE TABLE notes (text)")
            if fault == "version":
                connection.execute(f"PRAGMA application_id = {0x45434F4A}")
                connection.execute("PRAGMA user_version = 99")
        connection.close()
    before = database.read_bytes() if database.exists() else None
    more = {"export": ["--to", tmp_path / "model"], "search": ["--resume", "--out", folder]}.get(command, [])
    answer = ecojax(command, *([] if command == "search" else [folder]), *more)
    assert answer.status == 1
    assert len(answer.err.strip().splitlines()) == 1
    expected = {
        "missing": "holds no study",
        "corrupt": "restore it",
        "foreign": "another program",
        "version": "99",
    }
    assert expected[fault] in answer.err
    assert (database.read_bytes() if database.exists() else None) == before
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("pick", ["accuracy>=1.01", "99", "beauty>=3", "kneee", "accuracy>=high"])
def test_a_pick_that_matches_nothing(ecojax, study, tmp_path, pick):
    answer = ecojax("export", study, "--pick", pick, "--to", tmp_path / "model")
    assert answer.status == 1
    assert len(answer.err.strip().splitlines()) == 1
    assert not (tmp_path / "model").exists()


def test_an_export_never_overwrites(ecojax, study, tmp_path):
    (tmp_path / "precious").write_text("keep me")
    assert ecojax("export", study, "--to", tmp_path).status == 1
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_resume_refuses_another_search(ecojax, study):
    answer = ecojax("search", "--resume", "--out", study, "--seed", "7")
    assert answer.status == 1
    assert "--seed 7 differs from the study" in answer.err


def test_a_dataset_that_memory_cannot_hold(ecojax, tmp_path, monkeypatch):
    from ecojax.data import load

    monkeypatch.setitem(load.__kwdefaults__, "available_memory", lambda: 1000)
    answer = ecojax("search", "--dataset", "digits", "--out", tmp_path / "study")
    assert answer.status == 1
    assert "--train-size" in answer.err
    assert not (tmp_path / "study").exists()


def test_debug_shows_the_traceback(ecojax, monkeypatch, tmp_path):
    import sys

    from ecojax.cli import main
    from ecojax.errors import StudyError

    monkeypatch.setattr(sys, "argv", ["ecojax", "frontier", str(tmp_path), "--debug"])
    with pytest.raises(StudyError):
        main()
